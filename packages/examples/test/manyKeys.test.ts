import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe("the example of many keys", () => {
  it.live(
    "answers by the first key that is good, shows why the others are parked, and comes back to the first",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("05_many_keys.ts")
        assert.deepStrictEqual([code, stderr], [0, ""])
        const [, first, second, third] = stdout.split("answered: It leaves tonight.\n")
        const parked = "  main: QuotaExhausted\n  spare: Unauthorized\n  last: free\n"
        assert.strictEqual(first, `  circuit: 1 calls, 0 failed\n${parked}`)
        assert.strictEqual(second, `  circuit: 2 calls, 0 failed\n${parked}`)
        assert.strictEqual(
          third,
          "  circuit: 3 calls, 0 failed\n  main: free\n  spare: free\n  last: free\n"
            + "main: 2 requests\nspare: 1 requests\nlast: 2 requests\n"
            + "account of main: 110 CNY left, 10 of it given\n"
        )
        assert.notInclude(stdout, "0123456789abcdef")
      }),
    30_000
  )
})
