import { assert, describe, it } from "@effect/vitest"
import { ChatStream } from "@switchgear/http"
import { Effect, Stream } from "effect"
import { exchange } from "./support/clientOf.ts"
import * as Spoken from "./support/spoken.ts"
import * as Streamed from "./support/streamed.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)
const many = { arbitrary: { runs }, timeout: 20_000 + 20 * runs }

const collected = (chunks: ReadonlyArray<Parameters<typeof ChatStream.text>[0]>) =>
  ChatStream.collect(Stream.fromIterable(chunks))

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
