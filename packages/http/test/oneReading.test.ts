import { assert, describe, it } from "@effect/vitest"
import { ChatStream } from "@switchgear/http"
import { Effect, Schema, Stream } from "effect"
import { exchange } from "./support/clientOf.ts"
import * as Spoken from "./support/spoken.ts"
import * as Streamed from "./support/streamed.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)
const many = { arbitrary: { runs }, timeout: 20_000 + 20 * runs }

/** Fields of a reply as providers write them, and as none should. */
const Odd = Schema.NullOr(Schema.Literals(["", "x", 0, true]))
const Plain = Schema.Struct({
  message: Schema.Struct({
    role: Schema.Literals(["assistant", "model", ""]),
    content: Schema.NullOr(Schema.Literals(["Good day", " ", ""])),
    refusal: Schema.optionalKey(Odd),
    annotations: Schema.optionalKey(Schema.Null),
    reasoning_content: Schema.optionalKey(Odd),
    tool_calls: Schema.optionalKey(Schema.Null),
    reasoning_details: Schema.optionalKey(Schema.Null)
  }),
  finish: Schema.NullOr(Schema.Literals(["stop", "length", "content_filter", "error"])),
  index: Schema.NullOr(Schema.Literals([0, 0, 1, "0"])),
  usage: Schema.Literals(["whole", "whole", "text", "none", "null"]),
  obfuscation: Schema.optionalKey(Schema.Literals(["aB3x"])),
  error: Schema.optionalKey(Schema.Literals(["", "overloaded"])),
  choiceError: Schema.optionalKey(Schema.Literals(["failed"]))
})

const usages = {
  whole: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  text: { prompt_tokens: "3" },
  none: undefined,
  null: null
}

const collected = (chunks: ReadonlyArray<Parameters<typeof ChatStream.text>[0]>) =>
  ChatStream.collect(Stream.fromIterable(chunks))

it.effect.prop(
  "a reply that has its shape already is read as one that lacks the name of its shape",
  { plain: Plain },
  ({ plain: { choiceError, error, finish, index, message, obfuscation, usage } }) =>
    Effect.gen(function*() {
      const reply = {
        id: "chatcmpl-1",
        created: 1,
        model: "m",
        choices: [{ index, message, logprobs: null, finish_reason: finish, error: choiceError }],
        usage: usages[usage],
        obfuscation,
        error
      }
      const shapeless = yield* Effect.result(exchange(JSON.stringify(reply)))
      const shaped = yield* Effect.result(exchange(JSON.stringify({ ...reply, object: "chat.completion" })))
      assert.deepStrictEqual(shaped, shapeless)
    }),
  many
)

/** What gateways send to keep a connection alive while they wait for the model. */
const Blanks = Schema.Array(Schema.Literals([" ", "\t", "\n", "\r\n", "\n\n"]))

describe("a reply is read the same whole and in chunks", () => {
  it.effect.prop(
    "in whatever dialect the chunks are, and wherever their bytes are cut",
    { answer: Spoken.Answer, dialect: Spoken.Dialect, wire: Streamed.Dialect, sizes: Streamed.Sizes },
    ({ answer, dialect, sizes, wire }) =>
      Effect.gen(function*() {
        const whole = yield* exchange(JSON.stringify(Spoken.whole(answer, dialect)))
        const bytes = Streamed.written(Spoken.events(answer, dialect), wire)
        const { chunks, progress } = Streamed.decoded(Streamed.pieces(bytes, sizes))
        assert.strictEqual(progress, "whole")
        const streamed = yield* collected(chunks)
        assert.deepStrictEqual(streamed, whole)
        // What was read once is read the same again.
        const again = yield* collected(chunks.map((chunk) => JSON.parse(JSON.stringify(chunk))))
        assert.deepStrictEqual(again, whole)
      }),
    many
  )

  it.effect.prop(
    "where a whole reply comes instead of events, whatever blanks stand before it and wherever its bytes are cut",
    { answer: Spoken.Answer, dialect: Spoken.Dialect, blanks: Blanks, sizes: Streamed.Sizes },
    ({ answer, blanks, dialect, sizes }) =>
      Effect.gen(function*() {
        const body = blanks.join("") + JSON.stringify(Spoken.whole(answer, dialect))
        const { chunks, progress } = Streamed.decoded(Streamed.pieces(new TextEncoder().encode(body), sizes))
        assert.strictEqual(progress, "whole")
        assert.deepStrictEqual(yield* collected(chunks), yield* exchange(body))
      }),
    many
  )

  it.effect.prop(
    "as it is where it has the one shape already, but for ids that are missing",
    { answer: Spoken.Answer, dialect: Spoken.Dialect },
    ({ answer, dialect }) =>
      Effect.gen(function*() {
        const given = Spoken.whole(answer, { ...dialect, calls: "id" })
        assert.deepStrictEqual<unknown>(yield* exchange(JSON.stringify(given)), given)
        const { choices } = yield* exchange(JSON.stringify(Spoken.whole(answer, { ...dialect, calls: "neither" })))
        for (const { message } of choices) {
          const ids = message.tool_calls?.map(({ id }) => id) ?? []
          assert.isTrue(ids.every((id) => id !== undefined && id !== ""))
          assert.strictEqual(new Set(ids).size, ids.length)
        }
      }),
    many
  )
})
