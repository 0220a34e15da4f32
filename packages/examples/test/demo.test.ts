import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertBounds } from "./support/bounds.ts"
import { run } from "./support/run.ts"

const demo = "double-eleven/main.ts"

describe.concurrent("npm run demo", () => {
  it.live("with --json prints one object and nothing else, within the bounds it claims", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(demo, { args: ["--json"] })
      assert.deepStrictEqual([code, stderr], [0, ""])
      const reports = JSON.parse(stdout)
      assert.deepStrictEqual(Object.keys(reports), ["bare", "protected"])
      for (const lane of [reports.bare, reports.protected]) {
        assert.containsAllKeys(lane, [
          "calls",
          "answered",
          "errors",
          "degradation",
          "upstreamCalls",
          "p50Ms",
          "p95Ms",
          "p99Ms",
          "transitions"
        ])
        assert.hasAllKeys(lane.degradation, ["none", "fallback", "stale", "canned"])
      }
      assertBounds(reports)
    }), 120_000)

  it.live(
    "tells the night in plain lines where there is no terminal, and stops at once when interrupted",
    () =>
      Effect.gen(function*() {
        const { code, stdout } = yield* run(demo, { interruptAt: "1.0 s" })
        assert.strictEqual(code, 130)
        assert.include(stdout, "calm: an ordinary hour")
        assert.notInclude(stdout, "\x1b")
        assert.notInclude(stdout, "Customers who asked")
      }),
    15_000
  )

  it.live("refuses an argument it does not know, with a sentence", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(demo, { args: ["--jsn"] })
      assert.strictEqual(code, 1)
      assert.include(stderr + stdout, "--jsn")
      assert.notInclude(stderr, "    at ")
    }), 30_000)
})
