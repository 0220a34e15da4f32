/** Hedged calls go by the rule of `model.ts`, in random programs, and never beyond the budget. */
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { actual } from "./actual.ts"
import { expected, Program } from "./model.ts"

describe("hedged calls", () => {
  it.effect.prop(
    "start runs, answer and count as the rule says, within the budget over any stretch, and leave nothing running",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        const { counted, courses } = yield* Effect.promise(() => Effect.runPromise(VirtualClock.play(actual(program))))
        const rule = expected(program)
        assert.deepStrictEqual(courses, rule.courses)
        assert.deepStrictEqual(counted, rule.counted)
      }),
    { arbitrary: { runs: 600 }, timeout: 60_000 }
  )
})
