/** What the results so far say: whether a closed circuit opens, and how a half-open one goes on. */
import type { BreakerRules } from "./machineModel.ts"
import type { Probes } from "./probes.ts"
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"

/** Why the circuit opens; undefined if it does not. */
export const ofWindow = (window: SlidingWindow, failuresInRow: number, rules: BreakerRules) => {
  if (failuresInRow >= rules.consecutiveFailures) return "consecutive-failures"
  const { calls } = window
  if (calls < rules.minimumCalls) return undefined
  // Divided, not multiplied: 7 / 100 is the double nearest to 0.07, while 0.07 * 100 is more than 7.
  if (window.failures / calls >= rules.failureRate) return "failure-rate"
  if (window.slow / calls >= rules.slowCallRate) return "slow-call-rate"
  return undefined
}

/** Decides as soon as the missing results can no longer change the decision; undefined before that. */
export const ofProbes = (probes: Probes, rules: BreakerRules, watchesSlow: boolean) => {
  const { consecutiveFailures, halfOpenCalls, halfOpenFailureRate } = rules
  const slowCallRate = watchesSlow ? rules.slowCallRate : Infinity
  const failing = (missing: number): boolean =>
    (probes.failures + missing) / halfOpenCalls >= halfOpenFailureRate ||
    (probes.slow + missing) / halfOpenCalls >= slowCallRate ||
    probes.failuresInRow + missing >= consecutiveFailures
  if (failing(0)) return "probes-failed"
  return failing(halfOpenCalls - probes.results) ? undefined : "probes-succeeded"
}
