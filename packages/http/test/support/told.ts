/** What is told of a stream in the step in which it comes, beside what is given of it. */
import { assert } from "@effect/vitest"
import { type ChatSchema, ChatStream } from "@switchgear/http"
import { vi } from "vitest"

interface Listener {
  readonly hear: (chunk: ChatSchema.ChatChunk, written: string | undefined, chunks: number) => void
  readonly heard: () => undefined
  readonly passer: { readonly pass: () => undefined }
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
  /** How many chunks each of them stands for. */
  const counts: Array<number> = []
  const sent: Array<Uint8Array> = []
  const listener: Listener = {
    hear: (chunk, written, parts) => {
      chunks.push(unpadded(JSON.stringify(chunk)))
      counts.push(parts)
      sent.push(utf8.encode(written ?? eventOf(JSON.stringify(chunk))))
    },
    heard: () => undefined,
    passer: { pass: () => undefined }
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
  return { contents, chunks, counts, sent: Buffer.concat(sent).toString("latin1"), progress: decoder.progress(), kept }
}

const utf8 = new TextEncoder()

/** Nobody is told what padding there was. */
const unpadded = (chunk: string): string => {
  const json = JSON.parse(chunk)
  if (typeof json.obfuscation === "string") json.obfuscation = ""
  return JSON.stringify(json)
}

/** The chunks with so many of them as one, which says all that they say, where they are the same but for that and padding. */
export const asOne = (chunks: ReadonlyArray<string>, counts: ReadonlyArray<number>): Array<string> => {
  const left = [...chunks]
  const joined = counts.map((count) => {
    const some = left.splice(0, count).map((chunk) => JSON.parse(unpadded(chunk)))
    const [first, ...others] = some
    if (others.length === 0) return JSON.stringify(first)
    const field = Object.keys(first.choices[0].delta).find((field) =>
      some.some(({ choices }) =>
        choices[0].delta[field] !== first.choices[0].delta[field]
      )
    ) ?? Object.keys(first.choices[0].delta).find((field) => field !== "role")!
    const text = some.map(({ choices }) => choices[0].delta[field]).join("")
    for (const chunk of some) chunk.choices[0].delta[field] = text
    // Elsewhere they are the same.
    for (const other of others) assert.deepStrictEqual(other, first)
    return JSON.stringify(first)
  })
  return [...joined, ...left]
}

/** Asserts that the same is told as given, with the same sent on and the same end. How many pieces were kept is given back. */
export const assertTellsAlike = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked): number => {
  const { counts, kept, ...tells } = told(pieces, asked)
  const gives = given(pieces, asked)
  gives.chunks = asOne(gives.chunks, counts)
  if (JSON.stringify(tells) !== JSON.stringify(gives)) assert.deepStrictEqual(tells, gives)
  return kept
}
