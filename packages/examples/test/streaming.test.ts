import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe("the streaming example", () => {
  it.live("prints answers as they come and says how each stream ended", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run("02_streaming.ts")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "healthy: A stream either ends whole or says why it did not.\n  whole\n")
      assert.match(stdout, /cut: A stream either ends who\n {2}Truncated: .* broke off before its end/)
      assert.match(stdout, /overloaded: A stream eit\n {2}Overloaded: .* is overloaded/)
      assert.match(stdout, /only alive: A stream\n {2}TimedOut: .* did not go on answering within 300ms/)
      assert.include(stdout, "collected: A stream either ends whole or says why it did not.\n  13 tokens\n")
      assert.include(stdout, "enough: A stream\n")
    }), 30_000)
})
