import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundled } from "../../http/test/support/bundled.ts"
import { json } from "../double-eleven/replay/files.ts"
import { recoveredAfter } from "../double-eleven/replay/laneData.ts"
import { plans } from "../double-eleven/replay/lanes.ts"
import * as Night from "../double-eleven/replay/night.ts"
import { replay, usual, type Watcher } from "../double-eleven/replay/replay.ts"
import type { LaneData, PhaseData, ReportData } from "../double-eleven/replay/reportData.ts"
import { run } from "./support/run.ts"

/** As it is, once: the others are started for a sentence, and most of their time would go into reading modules. */
const asItIs = join(import.meta.dirname, "..", "double-eleven", "replay", "main.ts")

const program = await bundled(asItIs)

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

/** Played once: the smallest night in which circuits have enough calls to judge by. */
let played: Promise<ReportData> | undefined
const smallest = Effect.promise(() => played ??= Effect.runPromise(replay({ ...usual, calls: 20_000 }, unwatched)))

const assertKept = (name: string, text: string) => {
  const kept = new URL(`golden/${name}`, import.meta.url)
  if (process.env["SWITCHGEAR_UPDATE_GOLDEN"] === "1") writeFileSync(kept, text)
  assert.isTrue(
    text === readFileSync(kept, "utf8"),
    "The night is another than before. If it is meant to be, run this test with SWITCHGEAR_UPDATE_GOLDEN=1."
  )
}

describe("the night at its true scale, small", () => {
  it.live("is the report that was kept, to the byte", () =>
    Effect.gen(function*() {
      assertKept("report.json", json(yield* smallest))
    }), 240_000)

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
    240_000
  )

  it.live("shows what each lane is worth", () =>
    Effect.gen(function*() {
      const { lanes } = yield* smallest
      const [bare, , retry, , full, adaptive] = lanes as [LaneData, LaneData, LaneData, LaneData, LaneData, LaneData]
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
      for (const { changes } of full.circuits) assert.isNotEmpty(changes)
      assert.isBelow(full.primaryCallsWhileDown, bare.primaryCallsWhileDown / 10)
      // Every way out is taken, and most customers have what they asked for or the like of it.
      for (const count of Object.values(full.degradation)) assert.isAbove(count, full.calls / 100)
      assert.isAbove(full.degradation.none + full.degradation.fallback, (full.calls * 4) / 5)
      assert.isAtMost(full.recoveredAfter!, 120)
      assert.isAbove(retry.recoveredAfter!, full.recoveredAfter!)
      assert.isBelow(full.cost.spent, bare.cost.spent)
      assert.strictEqual(bare.callsInVain, bare.errors)
      assert.isBelow(full.callsInVain, bare.callsInVain / 5)
      // Limits that find their numbers serve about as well as numbers that somebody knew.
      assert.strictEqual(adaptive.errors, 0)
      assert.isAtMost(adaptive.latency.max, 15_000)
      const byModels = ({ degradation: { fallback, none } }: LaneData) => none + fallback
      assert.isAtLeast(byModels(adaptive), byModels(full) * 0.95)
      assert.isAtMost(adaptive.callsInVain, full.callsInVain * 1.1)
    }), 240_000)

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
    240_000
  )

  it.live(
    "on several nodes opens as soon as on one, since they share their circuits, and is the one that was kept, to the byte",
    () =>
      Effect.gen(function*() {
        const lanes = plans.filter(({ name }) => name === "full")
        const options = { calls: 20_000, seed: "one", lanes }
        const one = yield* replay(options, unwatched)
        const fleet = yield* replay({ ...options, nodes: 10 }, unwatched)
        assertKept("fleet.digest", `${fleet.digest}\n`)
        assert.strictEqual(fleet.nodes, 10)
        const [{ openedAfter: alone }, { circuits, errors, openedAfter }] = [one.lanes[0]!, fleet.lanes[0]!]
        assert.isBelow(openedAfter!, 2 * alone!)
        assert.strictEqual(errors, 0)
        assert.isTrue(circuits[0]!.changes.some(({ reason }) => reason === "fleet"))
      }),
    240_000
  )
})

describe("a night of any size", () => {
  it("has series of 360 entries of whole milliseconds, of which each phase takes so many", () => {
    for (const customers of [1000, 1_000_000, 1_047_515, 1_246_914, 2_500_001, 99_999_999]) {
      const { arrivals, data: { interval, phases, seconds } } = Night.make(customers)
      const millis = Math.round(interval * 1000)
      assert.strictEqual(millis / 1000, interval)
      assert.strictEqual(Math.round(seconds * 1000), 360 * millis)
      for (const { from, to } of phases) {
        assert.strictEqual(Math.round(from * 1000) % millis, 0)
        assert.isAbove(to, from)
      }
      const rates = arrivals._tag === "Sequence" ? arrivals.sequence : []
      const calls = rates.map((part, i) => "rate" in part ? part.rate * (phases[i]!.to - phases[i]!.from) : 0)
      assert.approximately(sum(calls), customers, customers / 1e6)
    }
  })
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
        throughput: settled / 10,
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
  const folder = (name: string) => fileURLToPath(new URL(`../../../build/${name}`, import.meta.url))
  const out = ["--out", folder("replay-test")]

  it.live(
    "with --json prints one object and nothing else, with the figures of the report that it writes",
    () =>
      Effect.gen(function*() {
        rmSync(folder("replay-test"), { recursive: true, force: true })
        const { code, stderr, stdout } = yield* run(program, { args: ["--json", "--calls", "1000", ...out] })
        assert.deepStrictEqual([code, stderr], [0, ""])
        const { wallSeconds, ...printed } = JSON.parse(stdout)
        assert.isAbove(wallSeconds, 0)
        const written = (name: string) => readFileSync(join(folder("replay-test"), name), "utf8")
        const { callsPerLane, digest, lanes, nodes, seed, virtualCalls }: ReportData = JSON.parse(
          written("report.json")
        )
        const figures = lanes.map(({ series: _, ...figures }) => figures)
        assert.deepStrictEqual(printed, { callsPerLane, digest, lanes: figures, nodes, seed, virtualCalls })
        assert.strictEqual(virtualCalls, plans.length * callsPerLane)
        assert.include(written("report.html"), digest)
        assert.deepStrictEqual(readdirSync(folder("replay-test")).toSorted(), ["report.html", "report.json"])
      }),
    240_000
  )

  it.live("prints the lanes side by side, what they tell, the digest and the files", () =>
    Effect.gen(function*() {
      const args = ["--calls", "1000", "--lanes", "bare,full", "--out", folder("replay-table")]
      const { code, stdout } = yield* run(asItIs, { args })
      assert.strictEqual(code, 0)
      const tells = [
        /^ +Bare +Switchgear$/m,
        /^Customers who asked +([\d,]+) +\1$/m,
        /^ +saw an error +\d+ +0$/m,
        /^With nothing in between, \d+ of them/m,
        /^digest [0-9a-f]{64}\n.*report\.json\n.*report\.html$/m
      ]
      for (const line of tells) assert.match(stdout, line)
    }), 240_000)

  it.live(
    "leaves the report that was there, and nothing of its own, where one of its files cannot be written",
    () =>
      Effect.gen(function*() {
        rmSync(folder("replay-blocked"), { recursive: true, force: true })
        mkdirSync(join(folder("replay-blocked"), "report.html.part"), { recursive: true })
        writeFileSync(join(folder("replay-blocked"), "report.json"), "older")
        const args = ["--calls", "1000", "--lanes", "bare", "--out", folder("replay-blocked")]
        const { code, stderr, stdout } = yield* run(program, { args })
        assert.strictEqual(code, 1)
        assert.include(stderr + stdout, "The report could not be written to")
        assert.strictEqual(readFileSync(join(folder("replay-blocked"), "report.json"), "utf8"), "older")
        assert.notInclude(readdirSync(folder("replay-blocked")), "report.json.part")
      }),
    240_000
  )

  it.live("refuses a lane and a number of calls that there cannot be, with a sentence", () =>
    Effect.gen(function*() {
      for (const [flag, value] of [["--lanes", "fast"], ["--calls", "0"], ["--nodes", "0"]] as const) {
        const { code, stderr, stdout } = yield* run(program, { args: [flag, value, ...out] })
        assert.strictEqual(code, 1)
        assert.include(stderr + stdout, `${flag} must be`)
      }
    }), 240_000)

  it.live(
    "stops when it is interrupted, says what was done so far, and leaves no half a report",
    () =>
      Effect.gen(function*() {
        rmSync(folder("replay-interrupted"), { recursive: true, force: true })
        const args = ["--calls", "1000000", "--lanes", "full", "--out", folder("replay-interrupted")]
        const { code, stderr, stdout } = yield* run(program, { args, interruptAt: "calls/s" })
        assert.strictEqual(code, 130)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /Interrupted; nothing was written\.\n/)
        assert.match(
          stderr,
          /Switchgear: stopped at .* of the night, [\d,]+ customers had come, [\d,]+ had an answer, 0 an error/
        )
        assert.deepStrictEqual(readdirSync(folder("replay-interrupted")), [])
      }),
    240_000
  )

  it.live("says at once that it cannot write where something is in the way", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(program, { args: ["--calls", "100000000", "--out", "package.json"] })
      assert.strictEqual(code, 1)
      assert.include(stderr + stdout, "The report could not be written to package.json")
      assert.notInclude(stderr + stdout, "    at ")
    }), 240_000)
})
