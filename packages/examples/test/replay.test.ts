import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { json } from "../double-eleven/replay/files.ts"
import { recoveredAfter } from "../double-eleven/replay/laneData.ts"
import { plans } from "../double-eleven/replay/lanes.ts"
import { replay, type Watcher } from "../double-eleven/replay/replay.ts"
import type { LaneData, PhaseData } from "../double-eleven/replay/reportData.ts"
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
  it.live("is the report that was kept, to the byte", () =>
    Effect.gen(function*() {
      const kept = new URL("golden/report.json", import.meta.url)
      const report = json(yield* replay({ calls: 1000, seed: "double eleven", lanes: plans }, unwatched))
      if (process.env["SWITCHGEAR_UPDATE_GOLDEN"] === "1") writeFileSync(kept, report)
      assert.isTrue(
        report === readFileSync(kept, "utf8"),
        "The night is another than before. If it is meant to be, run this test with SWITCHGEAR_UPDATE_GOLDEN=1."
      )
    }), 60_000)

  it.live.each(["one", "two", "three"])(
    "no customer of the full lane sees an error, and all in time: seed %s",
    (seed) =>
      Effect.gen(function*() {
        const full = plans.filter(({ name }) => name === "full")
        const { lanes: [lane] } = yield* replay({ calls: 5000, seed, lanes: full }, unwatched)
        addsUp(lane!)
        assert.strictEqual(lane!.errors, 0)
        assert.isAtMost(lane!.latency.max, 15_000)
        assert.isBelow(lane!.upstreamCalls, lane!.calls)
      }),
    60_000
  )

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
      // Every way out is taken, and most customers have what they asked for or the like of it.
      for (const count of Object.values(full.degradation)) assert.isAbove(count, full.calls / 100)
      assert.isAbove(full.degradation.none + full.degradation.fallback, (full.calls * 4) / 5)
      assert.isAtMost(full.recoveredAfter!, 120)
      assert.isAbove(retry.recoveredAfter!, full.recoveredAfter!)
      assert.isBelow(full.cost.spent, bare.cost.spent)
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

describe("the time to recover", () => {
  // The first model returns after two of the intervals of ten seconds; of each: settled, by the first model, from the cache.
  const phases = [
    { from: 0, to: 20, primary: "down" },
    { from: 20, to: 60, primary: "recovering" }
  ].map((phase) => ({ ...phase, name: "", tells: "", crowd: 1 } as PhaseData))
  const after = (...counts: ReadonlyArray<readonly [settled: number, none: number, cached: number]>) =>
    recoveredAfter(
      counts.map(([settled, none, cached], i) => ({
        at: i * 10_000,
        arrivals: settled,
        settled,
        outcomes: { none, cached },
        inFlight: 0,
        maxInFlight: 0,
        p50: null,
        p95: null,
        p99: null
      })),
      { seconds: 60, interval: 10, phases }
    )

  it("is none where customers are served from the moment of the return", () => {
    assert.strictEqual(after([9, 9, 0], [9, 0, 0], [9, 9, 0], [9, 8, 0]), 0)
  })

  it("lasts until the relapses are over, however well it went before them", () => {
    assert.strictEqual(after([9, 0, 0], [9, 0, 0], [9, 9, 0], [90, 0, 0], [9, 9, 0]), 20)
  })

  it("does not count those who were served from the cache, nor a fault in ten", () => {
    assert.strictEqual(after([9, 0, 0], [9, 0, 0], [99, 0, 99], [90, 9, 80], [99, 9, 89]), 0)
    assert.strictEqual(after([9, 0, 0], [9, 0, 0], [99, 0, 90], [90, 9, 80]), 10)
  })

  it("never ends for who is never served", () => {
    assert.isNull(after([9, 9, 0], [9, 0, 0], [9, 0, 0], [9, 0, 9]))
  })
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

  it.live(
    "stops when it is interrupted, says what was done so far, and leaves no half a report",
    () =>
      Effect.gen(function*() {
        const folder = new URL("../../../build/replay-interrupted", import.meta.url)
        rmSync(folder, { recursive: true, force: true })
        const args = ["--calls", "5000000", "--lanes", "full", "--out", fileURLToPath(folder)]
        const { code, stderr, stdout } = yield* run(program, { args, interruptAt: "calls/s" })
        assert.strictEqual(code, 130)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /Interrupted; nothing was written\.\n/)
        assert.match(
          stderr,
          /Switchgear: stopped at .* of the night, [\d,]+ customers had come, [\d,]+ had an answer, 0 an error/
        )
        assert.deepStrictEqual(existsSync(folder) ? readdirSync(folder) : [], [])
      }),
    60_000
  )

  it.live("says at once that it cannot write where something is in the way", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(program, { args: ["--calls", "100000000", "--out", "package.json"] })
      assert.strictEqual(code, 1)
      assert.include(stderr + stdout, "The report could not be written to package.json")
      assert.notInclude(stderr + stdout, "    at ")
    }), 60_000)
})
