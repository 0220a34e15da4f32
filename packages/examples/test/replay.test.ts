import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { plans } from "../double-eleven/replay/lanes.ts"
import { replay, type Watcher } from "../double-eleven/replay/replay.ts"
import type { LaneData } from "../double-eleven/replay/reportData.ts"
import { run } from "./support/run.ts"

const program = "double-eleven/replay/main.ts"
const unwatched: Watcher = { begins: () => Effect.void, goesOn: () => {}, ends: () => Effect.void }
const sum = (counts: Iterable<number>) => [...counts].reduce((a, b) => a + b, 0)

const addsUp = (
  { answered, calls, degradation, errors, errorsByTag, series, upstreamByModel, upstreamCalls }: LaneData
) => {
  assert.strictEqual(answered + errors, calls)
  assert.strictEqual(sum(Object.values(degradation)), answered)
  assert.strictEqual(sum(Object.values(errorsByTag)), errors)
  assert.strictEqual(sum(Object.values(upstreamByModel)), upstreamCalls)
  assert.strictEqual(sum(series.arrivals), calls)
  assert.strictEqual(sum(series.errors), errors)
  for (const name of ["none", "fallback", "stale", "canned"] as const) {
    assert.strictEqual(sum(series[name]), degradation[name])
  }
}

describe("the night at its true scale, small", () => {
  it.live("shows what each lane is worth", () =>
    Effect.gen(function*() {
      const { lanes } = yield* replay({ calls: 20_000, seed: "double eleven", lanes: plans }, unwatched)
      const [bare, , retry, , full] = lanes as [LaneData, LaneData, LaneData, LaneData, LaneData]
      for (const lane of lanes) {
        addsUp(lane)
        assert.strictEqual(lane.calls, bare.calls)
        assert.strictEqual(lane.series.arrivals.length, 360)
      }
      assert.strictEqual(full.errors, 0)
      assert.isAbove(bare.errors, bare.calls / 5)
      assert.isAbove(retry.upstreamCalls, retry.calls)
      assert.isBelow(full.upstreamCalls, full.calls)
      assert.isAtMost(full.latency.max, 15_000)
      assert.isAtMost(full.openedAfter!, 20)
      assert.isBelow(full.primaryCallsWhileDown, bare.primaryCallsWhileDown / 10)
    }), 120_000)

  it.live(
    "gives one seed one digest, another another, and a lane alone the figures it has beside others",
    () =>
      Effect.gen(function*() {
        const two = plans.filter(({ name }) => name === "breaker" || name === "full")
        const once = yield* replay({ calls: 3000, seed: "one", lanes: two }, unwatched)
        const again = yield* replay({ calls: 3000, seed: "one", lanes: two }, unwatched)
        const other = yield* replay({ calls: 3000, seed: "two", lanes: two }, unwatched)
        const alone = yield* replay({ calls: 3000, seed: "one", lanes: two.slice(1) }, unwatched)
        assert.strictEqual(again.digest, once.digest)
        assert.notStrictEqual(other.digest, once.digest)
        assert.deepStrictEqual(alone.lanes[0], once.lanes[1])
      }),
    60_000
  )
})

describe("npm run replay", () => {
  const out = ["--out", "../../build/replay-test"]

  it.live("with --json prints one object and nothing else", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(program, { args: ["--json", "--calls", "1000", ...out] })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.containsAllKeys(JSON.parse(stdout), ["seed", "virtualCalls", "wallSeconds", "digest", "lanes"])
    }), 60_000)

  it.live("refuses a lane and a number of calls that there cannot be, with a sentence", () =>
    Effect.gen(function*() {
      for (const [flag, value] of [["--lanes", "fast"], ["--calls", "0"]] as const) {
        const { code, stderr, stdout } = yield* run(program, { args: [flag, value, ...out] })
        assert.strictEqual(code, 1)
        assert.include(stderr + stdout, `${flag} must be`)
      }
    }), 60_000)
})
