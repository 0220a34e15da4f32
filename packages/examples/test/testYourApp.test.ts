import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe("the example of a tested app", () => {
  it.live(
    "keeps its promises with guards, shows the customers for whom they broke without, the same each time",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("06_test_your_app.ts")
        assert.deepStrictEqual([code, stderr], [0, ""])
        const [kept, broken] = stdout.split("\nScenario \"without guards\"") as [string, string]
        assert.strictEqual(kept.match(/^✓ /gm)?.length, 4)
        assert.notMatch(kept, /^[✗?] /m)
        assert.match(broken, /^, seed "1": 2 of 4 claims failed\n/)
        assert.match(broken, /✗ the p99 latency is at most 5s: .*\n {2}since 03:/)
        assert.match(broken, /✗ the provider gets at most 10% of the calls during "down": .*\n {2}since 04:/)
        assert.match(broken, /\n {2}→ +#\d+ /)
        assert.strictEqual((yield* run("06_test_your_app.ts")).stdout, stdout)
      }),
    240_000
  )
})
