import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe("the example of three services", () => {
  it.live(
    "reaches what is down three times where attempts travel along, and 27 times where they do not",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("08_three_services.ts")
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.strictEqual(
          stdout,
          "propagate: \"nothing\": status 503, requests to shop 1, stock 3, warehouse 9, supplier 27\n"
            + "propagate: \"budgets\": status 503, requests to shop 1, stock 1, warehouse 1, supplier 3\n"
        )
      }),
    30_000
  )
})
