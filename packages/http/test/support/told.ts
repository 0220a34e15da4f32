/** What is told of a stream in the step in which it comes, beside what is given of it. */
import { assert } from "@effect/vitest"
import { type ChatSchema, ChatStream } from "@switchgear/http"
import { vi } from "vitest"

interface Listener {
  readonly hear: (chunk: ChatSchema.ChatChunk, written: string | undefined) => void
  readonly heard: () => undefined
  readonly pass: () => undefined
}

interface Telling extends ChatStream.Decoder {
  readonly tell: (bytes: Uint8Array, listener: Listener) => void
  readonly keep: (bytes: Uint8Array, listener: Listener) => boolean
  readonly tellKept: (listener: Listener) => void
  readonly tellEnd: (listener: Listener) => void
  readonly contentChunks: () => number
}

type Make = (head: ChatStream.Head, onChunk?: (chunk: ChatSchema.ChatChunk, data: string) => void) => Telling

const { make } = await vi.importActual<{ readonly make: Make }>("../../src/chatStream/decoding.ts")

export const head = { provider: "openai", model: "gpt-4.1", status: 200, headers: {} }

const eventOf = (data: string) => `data: ${data}\n\n`

/** What is given, and how it is sent on. */
const given = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked) => {
  const texts = new Map<object, string>()
  const decoder = make({ ...head, asked }, (chunk, data) => {
    if (!data.includes("\n")) texts.set(chunk, data)
  })
  const contents: Array<number> = []
  const chunks: Array<ChatSchema.ChatChunk> = []
  for (const piece of pieces) {
    chunks.push(...decoder.push(piece))
    contents.push(decoder.contentChunks())
  }
  chunks.push(...decoder.end())
  return {
    contents,
    chunks: chunks.map((chunk) => JSON.stringify(chunk)),
    sent: Buffer.from(chunks.map((chunk) => eventOf(texts.get(chunk) ?? JSON.stringify(chunk))).join("")).toString(
      "latin1"
    ),
    progress: decoder.progress()
  }
}

/** What is told, and how it is sent on. */
const told = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked) => {
  const decoder = make({ ...head, asked })
  const contents: Array<number> = []
  const chunks: Array<string> = []
  const sent: Array<Uint8Array> = []
  const listener: Listener = {
    hear: (chunk, written) => {
      chunks.push(JSON.stringify(chunk))
      sent.push(utf8.encode(written ?? eventOf(JSON.stringify(chunk))))
    },
    heard: () => undefined,
    pass: () => undefined
  }
  let kept = 0
  for (const piece of pieces) {
    if (decoder.keep(piece, listener)) {
      kept++
      sent.push(piece)
    } else decoder.tell(piece, listener)
    contents.push(decoder.contentChunks())
  }
  decoder.tellEnd(listener)
  return { contents, chunks, sent: Buffer.concat(sent).toString("latin1"), progress: decoder.progress(), kept }
}

const utf8 = new TextEncoder()

/** Asserts that the same is told as given, with the same sent on and the same end. How many pieces were kept is given back. */
export const assertTellsAlike = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked): number => {
  const { kept, ...tells } = told(pieces, asked)
  const gives = given(pieces, asked)
  if (JSON.stringify(tells) !== JSON.stringify(gives)) assert.deepStrictEqual(tells, gives)
  return kept
}
