import { assert } from "@effect/vitest"
import type { LaneReport, Reports } from "../../double-eleven/report.ts"

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0)

const addsUp = (lane: LaneReport) => {
  assert.strictEqual(lane.answered + lane.errors, lane.calls)
  assert.strictEqual(sum(lane.degradation), lane.answered)
  assert.strictEqual(sum(lane.steps), lane.answered)
  assert.strictEqual(sum(lane.errorsByTag), lane.errors)
  assert.strictEqual(sum(lane.upstreamCallsByModel), lane.upstreamCalls)
  assert.isAtMost(lane.p50Ms, lane.p95Ms)
  assert.isAtMost(lane.p95Ms, lane.p99Ms)
}

/** What the demo claims, whichever way it was played. */
export const assertBounds = ({ bare, protected: guarded }: Reports): void => {
  addsUp(bare)
  addsUp(guarded)
  assert.isAbove(bare.calls, 1000)
  assert.strictEqual(guarded.calls, bare.calls)
  assert.isAbove(bare.errors, bare.calls / 2)
  assert.strictEqual(guarded.errors, 0)
  assert.isAtMost(guarded.p99Ms, guarded.deadlineMs!)
  assert.isAbove(bare.primaryCallsWhileDown, 500)
  assert.isAbove(guarded.primaryCallsWhileDown, 0)
  assert.isAtMost(guarded.primaryCallsWhileDown, bare.primaryCallsWhileDown / 10)
  for (const degradation of ["none", "fallback", "stale", "canned"] as const) {
    assert.isAbove(guarded.degradation[degradation], 0, `nobody got an answer marked ${degradation}`)
  }
  assert.isNotNull(guarded.recoveredAfterMs)
  const [first, last] = [
    guarded.transitions.find(({ model }) => model === "gpt-4.1"),
    guarded.transitions.findLast(({ model }) => model === "gpt-4.1")
  ]
  assert.deepStrictEqual([first?.from, first?.to], ["Closed", "Open"])
  assert.deepStrictEqual([last?.from, last?.to], ["HalfOpen", "Closed"])
  assert.deepStrictEqual(bare.transitions, [])
}
