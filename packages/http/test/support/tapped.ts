import { assert } from "@effect/vitest"
import { type ChatSchema, ChatStream } from "@switchgear/http"
import { Effect, Exit, Stream } from "effect"
import { vi } from "vitest"
import * as Texts from "./streamTexts.ts"
import { assertTellsAlike, head } from "./told.ts"

const { Answer } = await vi.importActual<typeof import("../../src/chatStream/answer.ts")>(
  "../../src/chatStream/answer.ts"
)

export { head }

/** The full reader: it parses each event, and gives all that it reads. */
export const reading = (asked?: ChatStream.Asked) => {
  const utf8 = new TextDecoder()
  const chunks: Array<ChatSchema.ChatChunk> = []
  let contents = 0
  const hearChunk = (chunk: ChatSchema.ChatChunk) => {
    chunks.push(chunk)
    if (ChatStream.hasContent(chunk)) contents++
  }
  const answer = new Answer({ ...head, asked }, { hearChunk, parse })
  return {
    chunks,
    /** How many of the chunks have content. */
    contents: () => contents,
    progress: () => answer.progress,
    isFinished: () => answer.isFinished,
    holdsEnds: () => answer.holdsEnds,
    push: (bytes: Uint8Array) => answer.progress === "more" && answer.read(utf8.decode(bytes, { stream: true })),
    end: () => answer.progress === "more" && answer.end(utf8.decode())
  }
}

const parse = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

const read = (bytes: Uint8Array, asked?: ChatStream.Asked) => {
  const reader = reading(asked)
  reader.push(bytes)
  return reader
}

const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(pieces))

/** What a tap makes of the pieces, to their end. */
export const tapped = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked) => {
  const tap = ChatStream.tap({ ...head, asked })
  const passed = [...pieces.flatMap(tap.push), ...tap.end()]
  return { passed: joined(passed), tap }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

/** An empty line, at the beginning or later. */
const emptyLine = /^(?:\n|\r)|(?:\r\n|\n|\r(?!\n)){2}/

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An error as an event of its own. */
const failing = utf8(Texts.data({ error: { message: "gone", type: "server_error" } }))

/** Each byte may be a piece, and an assertion takes longer than a piece. */
const assertEqual = <A>(actual: A, expected: A): void => {
  if (actual !== expected) assert.strictEqual(actual, expected)
}

/** Asserts that tap and decoder judge the pieces as the full reader does, and that the tap passes on what it may and as soon as it may. */
export const assertJudgesAlike = (pieces: ReadonlyArray<Uint8Array>, asked?: ChatStream.Asked): void => {
  const all = joined(pieces)
  const full = reading(asked)
  const tap = ChatStream.tap({ ...head, asked })
  /** What those who get the bytes read of them. */
  const behind = reading(asked)
  const passed: Array<Uint8Array> = []
  let came = 0
  let sent = 0
  const pass = (given: ReadonlyArray<Uint8Array>) => {
    for (const bytes of given) {
      assert.isAbove(bytes.length, 0)
      passed.push(bytes)
      sent += bytes.length
      behind.push(bytes)
    }
  }
  const assertSame = () => {
    assertEqual(Texts.tag(tap.progress()), Texts.tag(full.progress()))
    assertEqual(tap.isFinished(), full.isFinished())
    assertEqual(tap.contentChunks(), full.contents())
    assertEqual(tap.isDecided(), full.contents() > 0 || full.progress() === "whole")
    if (!tap.isDecided()) assertEqual(passed.length, 0)
  }
  for (const piece of pieces) {
    came += piece.length
    full.push(piece)
    pass(tap.push(piece))
    assertSame()
    // What was read is passed on in the same step.
    if (full.progress() === "more" && tap.isDecided() && !full.holdsEnds()) {
      assertEqual(behind.contents(), full.contents())
      const left = textOf(all.subarray(sent, came))
      if (emptyLine.test(left)) assert.fail(`${JSON.stringify(left)} was kept`)
    }
  }
  full.end()
  pass(tap.end())
  assertSame()
  assert.strictEqual(JSON.stringify(tap.progress()), JSON.stringify(full.progress()))

  assertTellsAlike(pieces, asked)

  const decoder = ChatStream.decoder({ ...head, asked })
  const decoded = [...pieces.flatMap(decoder.push), ...decoder.end()]
  assert.strictEqual(JSON.stringify(decoded), JSON.stringify(full.chunks))

  // The bytes are the first of those that came.
  assert.isTrue(Buffer.concat(passed).equals(all.subarray(0, sent)), "other bytes were passed on than came")
  const progress = full.progress()
  if (tap.isUnframed()) return
  if (progress !== "whole") {
    // They break off where an error can be told, and tell none themselves.
    assert.strictEqual(behind.progress(), "more")
    const told = read(joined([...passed, failing]), asked)
    assert.strictEqual(Texts.tag(told.progress()), "ProviderFault")
  } else {
    behind.end()
    assert.strictEqual(behind.progress(), "whole")
    assert.strictEqual(JSON.stringify(behind.chunks), JSON.stringify(full.chunks))
  }
  const usages = full.chunks.filter(({ usage }) => usage !== undefined && usage !== null)
  assert.strictEqual(tap.usage() === undefined, usages.length === 0)
  const reply = Effect.runSyncExit(ChatStream.collect(Stream.fromIterable(full.chunks)))
  if (Exit.isSuccess(reply)) {
    assert.strictEqual(JSON.stringify(tap.usage()), JSON.stringify(reply.value.usage ?? undefined))
    const reasons = reply.value.choices.filter(({ finish_reason }) =>
      typeof finish_reason === "string" && finish_reason !== ""
    )
    const told = tap.finishReasons()
    for (const { finish_reason, index } of reasons) assert.strictEqual(told.get(index ?? 0), finish_reason)
    if (progress === "whole") assert.strictEqual(told.size, reasons.length)
  }
}
