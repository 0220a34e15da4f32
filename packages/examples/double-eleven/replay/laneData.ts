/** A lane that is over, in numbers. */
import type { Load } from "@switchgear/core/testing"
import { isAnswer, type Label } from "./labels.ts"
import type { Plan } from "./lanes.ts"
import { comeback, fall, primary } from "./night.ts"
import type { ChangeData, LaneData, LatencyData, NightData, SeriesData } from "./reportData.ts"
import * as Upstream from "./upstream.ts"

/** What is left of a lane in the morning. */
export interface Over {
  readonly plan: Plan
  readonly night: NightData
  readonly report: Load.Report<Label>
  readonly upstream: Upstream.Upstream
  readonly changes: ReadonlyMap<string, ReadonlyArray<ChangeData>>
  readonly saved: number
}

type Points = Load.Report<Label>["series"]

export const laneData = ({ changes, night, plan, report, saved, upstream }: Over): LaneData => {
  const { calls, latency, maxConcurrency, outcomes, series } = report
  const count = (label: Label) => outcomes[label] ?? 0
  const errorsByTag = Object.fromEntries(Object.entries(outcomes as Counts).filter(([label]) => !isAnswer(label)))
  const errors = sum(Object.values(errorsByTag))
  const upstreamByModel = Object.fromEntries(
    Object.entries(upstream.calls).map(([model, calls]) => [model, sum(calls)])
  )
  const opened = changes.get(primary)?.find(({ at, to }) => to === "Open" && at >= fall(night))
  return {
    name: plan.name,
    title: plan.title,
    tells: plan.tells,
    calls,
    answered: calls - errors,
    errors,
    errorsByTag,
    degradation: {
      none: count("none") + count("cached"),
      fallback: count("fallback") + count("cachedFallback"),
      stale: count("stale"),
      canned: count("canned")
    },
    cached: count("cached"),
    latency: latencyData(latency),
    upstreamCalls: sum(Object.values(upstreamByModel)),
    upstreamByModel,
    callsInVain: upstream.callsInVain,
    primaryCallsWhileDown: upstream.primaryCallsWhileDown,
    maxInFlight: maxConcurrency,
    cost: Upstream.costs(upstream, saved),
    openedAfter: opened === undefined ? null : millisecond(opened.at - fall(night)),
    recoveredAfter: recoveredAfter(series, night),
    circuits: [...changes].map(([model, changes]) => ({ model, changes })),
    series: seriesData(series, upstream)
  }
}

/**
 * The seconds from the first model's return until it served customers again, for good: the earliest moment from which on,
 * up to whichever later one, it answered three of four who were not served from the cache. A fault in ten is among the
 * phases of its return, and is not held against the lane.
 */
export const recoveredAfter = (series: Points, night: NightData): number | null => {
  const begin = series.findIndex(({ at }) => at >= Math.round(comeback(night) * 1000))
  const asked = series.map(({ outcomes, settled }) => settled - (outcomes.cached ?? 0) - (outcomes.cachedFallback ?? 0))
  const holdsFrom = (first: number): boolean => {
    let [served, all] = [0, 0]
    for (let i = first; i < series.length; i++) {
      served += series[i]!.outcomes.none ?? 0
      all += asked[i]!
      if (served < all * nearlyAll) return false
    }
    return served > 0
  }
  for (let first = begin; first < series.length; first++)
    if (holdsFrom(first)) return millisecond(first * night.interval - comeback(night))
  return null
}

const nearlyAll = 0.75

const latencyData = ({ max, p50, p90, p95, p99 }: Load.Report["latency"]): LatencyData => ({
  p50: whole(p50),
  p90: whole(p90),
  p95: whole(p95),
  p99: whole(p99),
  max: whole(max)
})

const seriesData = (series: Points, { calls, cost }: Upstream.Upstream): SeriesData => {
  const of = (label: Label) => series.map(({ outcomes }) => outcomes[label] ?? 0)
  const percentile = (name: "p50" | "p95" | "p99") =>
    series.map((point) => point[name] === null ? null : whole(point[name]))
  const both = (label: Label, fromCache: Label) => {
    const cached = of(fromCache)
    return of(label).map((count, i) => count + cached[i]!)
  }
  return {
    arrivals: series.map(({ arrivals }) => arrivals),
    none: both("none", "cached"),
    fallback: both("fallback", "cachedFallback"),
    stale: of("stale"),
    canned: of("canned"),
    errors: series.map(({ outcomes, settled }) =>
      settled - sum(Object.entries(outcomes as Counts).filter(([label]) => isAnswer(label)).map(([, count]) => count))
    ),
    p50: percentile("p50"),
    p95: percentile("p95"),
    p99: percentile("p99"),
    upstream: calls,
    cost,
    inFlight: series.map(({ maxInFlight }) => maxInFlight)
  }
}

type Counts = Readonly<Record<string, number>>

/** NaN, where nobody came, is 0. */
const whole = (millis: number): number => Math.round(millis) || 0

/** Seconds without what is lost in adding fractions. */
const millisecond = (seconds: number): number => Math.round(seconds * 1000) / 1000

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)
