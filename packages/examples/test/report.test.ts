import { assert, describe, it } from "@effect/vitest"
import type { Cascade } from "@switchgear/core"
import { Duration } from "effect"
import type { Settled } from "../double-eleven/ledger.ts"
import { percentile, recoveredAfter, report } from "../double-eleven/report.ts"

const answered = (at: number, waited: number, step: string, degradation: Cascade.Degradation = "none"): Settled => ({
  at,
  waited,
  result: { _tag: "Answered", step, degradation }
})

const failed = (at: number, waited = 0): Settled => ({ at, waited, result: { _tag: "Failed", error: "TimedOut" } })

const received = (gpt: number, claude: number) => ({ "gpt-4.1": gpt, "claude-sonnet-4.5": claude })

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)

  it("is the smallest number that so many percent do not exceed", () => {
    assert.deepStrictEqual([50, 95, 99, 100].map((percent) => percentile(hundred, percent)), [50, 95, 99, 100])
    assert.deepStrictEqual([1, 50, 51, 99].map((percent) => percentile([10, 20], percent)), [10, 10, 20, 20])
  })

  it("is the only number there is, and 0 where there is none", () => {
    assert.deepStrictEqual([1, 50, 99].map((percent) => percentile([7.4], percent)), [7, 7, 7])
    assert.strictEqual(percentile([], 50), 0)
  })
})

describe("report", () => {
  const marks = [
    { phase: 0, at: 0, received: received(0, 0) },
    { phase: 1, at: 4000, received: received(10, 1) },
    { phase: 2, at: 9000, received: received(40, 5) },
    { phase: 3, at: 13_000, received: received(60, 9) },
    { phase: 4, at: 16_000, received: received(90, 9) }
  ]

  it("counts every customer once, by what they got and who gave it", () => {
    const settled = [
      answered(1, 80, "gpt-4.1"),
      answered(2, 20, "cache"),
      answered(3, 30, "cache", "stale"),
      answered(4, 400, "claude-sonnet-4.5", "fallback"),
      answered(5, 0, "canned", "canned"),
      failed(6, 1000)
    ]
    const lane = report({ settled, changes: [], marks }, received(100, 10), Duration.seconds(1.5))
    assert.deepInclude(lane, {
      calls: 6,
      answered: 5,
      errors: 1,
      p50Ms: 30,
      p95Ms: 1000,
      p99Ms: 1000,
      deadlineMs: 1500
    })
    assert.deepStrictEqual(lane.degradation, { none: 2, fallback: 1, stale: 1, canned: 1 })
    assert.deepStrictEqual(lane.steps, { "gpt-4.1": 1, cache: 2, "claude-sonnet-4.5": 1, canned: 1 })
    assert.deepStrictEqual(lane.errorsByTag, { TimedOut: 1 })
  })

  it("counts the calls of the time from the collapse to the recovery apart", () => {
    const lane = report({ settled: [], changes: [], marks }, received(100, 10), undefined)
    assert.deepInclude(lane, { upstreamCalls: 110, upstreamCallsWhileDown: 58, primaryCallsWhileDown: 50 })
  })

  it("is all zero for a lane that nobody came to", () => {
    const lane = report({ settled: [], changes: [], marks: [] }, {}, undefined)
    assert.deepInclude(lane, { calls: 0, answered: 0, errors: 0, upstreamCalls: 0, p99Ms: 0, primaryCallsWhileDown: 0 })
    assert.isNull(lane.recoveredAfterMs)
  })
})

describe("the time to recover", () => {
  const five = (from: number) => [0, 1, 2, 3, 4].map((i) => answered(from + i, 80, "gpt-4.1"))

  it("ends with the first of five customers in a row whom the first model serves", () => {
    const settled = [failed(1000), answered(1100, 80, "gpt-4.1"), failed(1200), ...five(1500), failed(1600)]
    assert.strictEqual(recoveredAfter(settled, 1000), 500)
  })

  it("counts no answer from before the recovery", () => {
    assert.strictEqual(recoveredAfter([...five(500), ...five(2000)], 1000), 1000)
  })

  it("passes over what came from the cache, and not over what another model gave", () => {
    const cached = five(1500).toSpliced(2, 0, answered(1501, 0, "cache"))
    assert.strictEqual(recoveredAfter(cached, 1000), 500)
    const mixed = five(1500).toSpliced(2, 0, answered(1501, 0, "claude-sonnet-4.5", "fallback"))
    assert.isNull(recoveredAfter(mixed, 1000))
  })
})
