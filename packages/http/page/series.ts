/** From samples, which count from the start of the gateway, to what happened between them. */
import type { Outcome, Sample } from "./readings.ts"

/** From the best for a customer to the worst. */
export const outcomes: ReadonlyArray<Outcome> = ["askedFor", "fallback", "stale", "canned", "error", "refused", "left"]

/** What charts show. */
export const shownMillis = 15 * 60_000

/** How far back "now" reaches. */
export const nowMillis = 60_000

export type Counts = Readonly<Record<Outcome, number>>

export interface Interval {
  readonly seconds: number
  readonly counts: Counts
  readonly calls: number
  /** Seconds; undefined without calls. */
  readonly quantile: (q: number) => number | undefined
  readonly cost: number
  readonly saved: number
  /** Requests refused because the gateway had too much to do. */
  readonly shed: number
  readonly attempts: number
  /** Attempts beyond the first of a call. */
  readonly retries: number
}

/** Counters that fall were begun anew: what is there now was counted since. */
const risen = (from: number, to: number): number => to >= from ? to - from : to

export const between = (from: Sample, to: Sample, bounds: ReadonlyArray<number>): Interval => {
  const counts = Object.fromEntries(
    outcomes.map((outcome) => [outcome, risen(from.outcomes[outcome], to.outcomes[outcome])])
  ) as Counts
  const attempts = risen(from.attempts, to.attempts)
  const durations = to.durations.map((count, i) => risen(from.durations[i] ?? 0, count))
  return {
    seconds: Math.max(0.001, (to.at - from.at) / 1000),
    counts,
    calls: outcomes.reduce((sum, outcome) => sum + counts[outcome], 0),
    quantile: (q) => quantileOf(durations, bounds, q),
    cost: risen(from.cost, to.cost),
    saved: risen(from.saved, to.saved),
    shed: risen(from.shed, to.shed),
    attempts,
    // A reading may fall between a call and its first attempt.
    retries: Math.max(0, attempts - risen(from.modelCalls, to.modelCalls))
  }
}

/** `durations` are the calls up to each bound, and all calls last. Within a bucket, calls are taken to be spread evenly. */
export const quantileOf = (
  durations: ReadonlyArray<number>,
  bounds: ReadonlyArray<number>,
  q: number
): number | undefined => {
  const all = durations.at(-1) ?? 0
  if (all === 0) return undefined
  const wanted = q * all
  const bucket = bounds.findIndex((_, i) => durations[i]! >= wanted)
  if (bucket < 0) return bounds.at(-1)
  const below = bucket === 0 ? 0 : durations[bucket - 1]!
  const lower = bucket === 0 ? 0 : bounds[bucket - 1]!
  const inside = durations[bucket]! - below
  return lower + (bounds[bucket]! - lower) * (inside === 0 ? 1 : (wanted - below) / inside)
}

/** The samples of the last 15 minutes and the one of this moment. */
export class Timeline {
  readonly everyMillis: number
  readonly bounds: ReadonlyArray<number>
  private kept: ReadonlyArray<Sample>
  private latest: Sample | undefined

  constructor(everyMillis: number, bounds: ReadonlyArray<number>, samples: ReadonlyArray<Sample>) {
    this.everyMillis = everyMillis
    this.bounds = bounds
    this.kept = samples
  }

  add(sample: Sample): void {
    this.latest = sample
    const last = this.kept.at(-1)
    if (last !== undefined && sample.at - last.at < this.everyMillis) return
    this.kept = [...this.kept.filter(({ at }) => sample.at - at <= shownMillis), sample]
  }

  /** Oldest first. The last one is of this moment. */
  get all(): ReadonlyArray<Sample> {
    const { latest } = this
    return latest === undefined || latest === this.kept.at(-1) ? this.kept : [...this.kept, latest]
  }

  /** What happened in the last minute. */
  get now(): Interval | undefined {
    const last = this.all.at(-1)
    if (last === undefined) return undefined
    const from = this.kept.findLast(({ at }) => last.at - at >= nowMillis) ?? this.kept[0]
    return from === undefined || from === last ? undefined : between(from, last, this.bounds)
  }

  /** Each sample but the first with what happened since the one before. */
  get intervals(): ReadonlyArray<readonly [at: Sample, since: Interval]> {
    // Rates over a moment jump.
    const samples = this.all.filter(({ at }, i, all) => i < all.length - 1 || at - (all[i - 1]?.at ?? 0) >= 900)
    return samples.slice(1).map((sample, i) => [sample, between(samples[i]!, sample, this.bounds)] as const)
  }
}
