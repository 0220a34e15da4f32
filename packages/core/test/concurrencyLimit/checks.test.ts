/** The simulations, in scenarios that no constant was chosen in: see tables.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { measure, numbersOf, rowsOf, untuned } from "./tables.ts"

describe("the table of the untuned scenarios", () => {
  for (const row of Object.keys(numbersOf(untuned)).filter((name) => !name.endsWith("timed out"))) {
    it.live(`is what ${row} does`, () =>
      Effect.gen(function*() {
        const { answered, timedOut } = yield* measure(untuned, row)
        assert.include(rowsOf(untuned), answered)
        if (row === "gradient") assert.include(rowsOf(untuned), timedOut)
      }))
  }
})
