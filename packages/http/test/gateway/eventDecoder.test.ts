/** The events of a stream have the text that came, wherever it was cut and whatever its line ends are. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as Sse from "effect/encoding/Sse"
import { vi } from "vitest"

interface Decoder {
  readonly progress: "more" | "whole" | { readonly _tag: string }
  readonly push: (bytes: Uint8Array) => ReadonlyArray<object>
  readonly end: () => ReadonlyArray<object>
}
type Path = "../../src/apis/"
const path: Path = "../../src/apis/"
const { EventDecoder } = await vi.importActual<
  { readonly EventDecoder: new(dialect: unknown, head: object) => Decoder }
>(`${path}eventDecoder.ts`)
const { messages } = await vi.importActual<{ readonly messages: unknown }>(`${path}messages.ts`)
const { textOf } = await vi.importActual<{ readonly textOf: (chunk: object) => string | undefined }>(
  "../../src/chatStream/chunkText.ts"
)

const head = { provider: "one", model: "first", status: 200, headers: {} }

const event = (name: string, fields: object = {}) =>
  `event: ${name}\ndata: ${JSON.stringify({ type: name, ...fields })}\n\n`

const good = [
  ": comment\n\n",
  event("message_start", { message: { model: "first", usage: { input_tokens: 1 } } }),
  event("content_block_delta", { delta: { type: "text_delta", text: "世界 👋🏽 \u2028 é" } }),
  "id: 7\nretry: 5\n\n",
  event("ping"),
  "data: {\"type\":\ndata: \"unknown\"}\n\n",
  event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } })
]
const stop = event("message_stop")

/** What is read of bytes that come in these pieces. */
const read = (pieces: ReadonlyArray<Uint8Array>) => {
  const decoder = new EventDecoder(messages, head)
  const chunks: Array<object> = []
  for (const piece of pieces) chunks.push(...decoder.push(piece))
  chunks.push(...decoder.end())
  const { progress } = decoder
  return { text: chunks.map(textOf).join(""), progress: typeof progress === "string" ? progress : progress._tag }
}

const cut = (bytes: Uint8Array) =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length;) {
      const next = at + (yield* Random.nextIntBetween(1, yield* Random.choice([1, 2, 5, 300])))
      pieces.push(bytes.subarray(at, next))
      at = next
    }
    return pieces
  })

const lineEnds = { LF: "\n", CRLF: "\r\n", CR: "\r" }

for (const [name, lineEnd] of Object.entries(lineEnds)) {
  const written = (text: string) => text.replaceAll("\n", lineEnd)
  describe(`a stream with ${name}`, () => {
    for (const mark of ["", "\ufeff"]) {
      it.effect(`is whole at its end, and nothing after that is read${mark && ", with a byte order mark"}`, () =>
        Random.withSeed(
          Effect.gen(function*() {
            const whole = mark + written(good.join("") + stop)
            for (const more of ["", written(event("error", { error: { message: "no" } }))]) {
              const bytes = new TextEncoder().encode(whole + more)
              for (let run = 0; run < 100; run++) {
                assert.deepStrictEqual(read(yield* cut(bytes)), { text: whole, progress: "whole" })
              }
            }
          }),
          "cuts"
        ))
    }

    it.effect("has the blank line of its end, also where the provider leaves it out: clients drop an event without it", () =>
      Random.withSeed(
        Effect.gen(function*() {
          const before = written(good.join(""))
          const end = written(stop)
          const line = end.trimEnd()
          for (let length = line.length; length < end.length; length++) {
            const { progress, text } = read(yield* cut(new TextEncoder().encode(before + end.slice(0, length))))
            assert.strictEqual(progress, "whole")
            assert.isTrue(text.startsWith(before + line))
            const added = text.slice(before.length + line.length)
            assert.match(added, /^(\r\n|\r|\n){2,}$/)
            // A parser of events finds the end of the last one.
            const data: Array<string> = []
            Sse.makeParser((event) => event._tag === "Event" && data.push(event.data)).feed(text)
            assert.deepStrictEqual(JSON.parse(data.at(-1)!), { type: "message_stop" })
          }
        }),
        "cuts"
      ))

    it.effect("that ends anywhere before has only its whole events, and is cut", () =>
      Random.withSeed(
        Effect.gen(function*() {
          const events = good.map(written)
          const bytes = new TextEncoder().encode(events.join(""))
          for (let length = 1; length <= bytes.length; length++) {
            const { progress, text } = read(yield* cut(bytes.subarray(0, length)))
            assert.strictEqual(progress, "Truncated")
            const all = events.map((_, i) => events.slice(0, i + 1).join(""))
            const best = all.findLast((text) => new TextEncoder().encode(text).length <= length) ?? ""
            // Of the last line end one half may be missing.
            if (text !== best) assert.isTrue(all.some((whole) => whole.slice(0, -1) === text), JSON.stringify(text))
          }
        }),
        "cuts"
      ))

    it.effect("with an error has what came before it", () =>
      Random.withSeed(
        Effect.gen(function*() {
          const before = written(good.slice(0, 3).join(""))
          const error = written(event("error", { error: { type: "overloaded_error", message: "no" } }))
          const bytes = new TextEncoder().encode(before + error + written(stop))
          for (let run = 0; run < 100; run++) {
            assert.deepStrictEqual(read(yield* cut(bytes)), { text: before, progress: "Overloaded" })
          }
        }),
        "cuts"
      ))
  })
}
