/**
 * The whole night in numbers, as `report.json` holds it and the page draws it.
 *
 * All of it follows from the seed and the number of calls, so the same night gives the same bytes. Series have one entry
 * an interval, and a call counts in the interval in which it ended, but for `arrivals`.
 */
import type { Cascade, CircuitBreaker } from "@switchgear/core"

export interface ReportData {
  readonly version: 1
  readonly seed: string
  /** Of each lane with circuits. */
  readonly nodes: number
  /** Customers of each lane. */
  readonly callsPerLane: number
  /** Customers of all lanes. */
  readonly virtualCalls: number
  readonly night: NightData
  /** The chain of the full lane, best first. The first is the one that collapses. */
  readonly models: ReadonlyArray<string>
  readonly lanes: ReadonlyArray<LaneData>
  /** The SHA-256 of everything above, as hex. */
  readonly digest: string
}

export interface NightData {
  readonly seconds: number
  /** Seconds of an entry of a series. */
  readonly interval: number
  readonly phases: ReadonlyArray<PhaseData>
}

export interface PhaseData {
  readonly name: string
  /** In a few words, for the one who reads. */
  readonly tells: string
  /** Seconds of the night. */
  readonly from: number
  readonly to: number
  /** Arrivals, as a multiple of the calm ones. */
  readonly crowd: number
  readonly primary: Health
}

/** How the first model is. */
export type Health = "up" | "slow" | "down" | "recovering"

export type LaneName = "bare" | "timeout" | "retry" | "breaker" | "full" | "adaptive"

export interface LaneData {
  readonly name: LaneName
  readonly title: string
  /** In a sentence, how this lane calls its provider. */
  readonly tells: string
  /** Customers who asked: `calls = answered + errors`. */
  readonly calls: number
  readonly answered: number
  /** Customers who saw an error. */
  readonly errors: number
  readonly errorsByTag: Readonly<Record<string, number>>
  /** Answers by how far they are from what was asked for. */
  readonly degradation: Readonly<Record<Cascade.Degradation, number>>
  /** Those of `none` that came from the cache. */
  readonly cached: number
  /** How long customers waited for the answer or the error, in milliseconds. */
  readonly latency: LatencyData
  /** Calls that reached the provider. */
  readonly upstreamCalls: number
  readonly upstreamByModel: Readonly<Record<string, number>>
  /** Those that brought nobody an answer: they failed, or whoever had made them was gone. */
  readonly callsInVain: number
  /** Those that reached the first model while it was slow or down. */
  readonly primaryCallsWhileDown: number
  /** The most customers who waited at once. */
  readonly maxInFlight: number
  readonly cost: CostData
  /** Seconds from the first model's fall to the first opening of its circuit; null where none opened. */
  readonly openedAfter: number | null
  /** Seconds from the first model's return until customers had its answers again, for good; null if they never had. */
  readonly recoveredAfter: number | null
  readonly circuits: ReadonlyArray<CircuitData>
  readonly series: SeriesData
}

export interface LatencyData {
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Micro-dollars. */
export interface CostData {
  /** What the provider bills: for every answer it gave, also those nobody waited for. */
  readonly spent: number
  /** What of it went to answers that nobody got. */
  readonly wasted: number
  /** What the answers that customers got without a call, or from a cheaper model, would have cost at the first model. */
  readonly saved: number
}

export interface CircuitData {
  readonly model: string
  readonly changes: ReadonlyArray<ChangeData>
}

export interface ChangeData {
  /** Seconds of the night. */
  readonly at: number
  readonly from: CircuitBreaker.State
  readonly to: CircuitBreaker.State
  readonly reason: CircuitBreaker.TransitionReason
}

export interface SeriesData {
  readonly arrivals: ReadonlyArray<number>
  readonly none: ReadonlyArray<number>
  readonly fallback: ReadonlyArray<number>
  readonly stale: ReadonlyArray<number>
  readonly canned: ReadonlyArray<number>
  readonly errors: ReadonlyArray<number>
  /** Milliseconds; null where nobody's wait ended. */
  readonly p50: ReadonlyArray<number | null>
  readonly p95: ReadonlyArray<number | null>
  readonly p99: ReadonlyArray<number | null>
  /** Calls that reached each model. */
  readonly upstream: Readonly<Record<string, ReadonlyArray<number>>>
  /** Micro-dollars billed. */
  readonly cost: ReadonlyArray<number>
  /** The most customers who waited at once. */
  readonly inFlight: ReadonlyArray<number>
}
