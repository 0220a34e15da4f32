/**
 * Percentiles of any number of durations, in bounded memory.
 *
 * Durations are milliseconds, kept to the microsecond. Up to half a millisecond, each microsecond is counted
 * separately. Above, every doubling is divided into 256 parts, so that a result is at most 0.4 % above the exact one,
 * and never below. Minimum, maximum and mean are exact.
 *
 * Recording takes constant time. The counts take 4 KB for each doubling up to the longest duration: 100 KB for a minute,
 * at most 200 KB.
 *
 * **Semantics.** The layout is that of HDR histograms. A percentile is the nearest rank: a duration that was recorded,
 * the longest of those that are counted together.
 *
 * ```ts
 * import { Histogram } from "@switchgear/core/testing"
 *
 * const latency = Histogram.make()
 * for (let millis = 1; millis <= 100; millis++) latency.record(millis)
 *
 * latency.percentile(95) // => 95
 * latency.summary().max // => 100
 * ```
 *
 * @since 0.1.0
 */
import { render } from "../internal/config/checks.ts"

/**
 * The values of a histogram, in milliseconds. While nothing is recorded, everything but `count` is NaN, which is null
 * in JSON.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Summary {
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly mean: number
}

/**
 * A histogram of durations in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Histogram {
  readonly count: number
  /** Exact. NaN while nothing is recorded; so are the others. */
  readonly min: number
  readonly max: number
  readonly mean: number
  /** Records one duration. Throws a `RangeError` if it is negative, NaN or longer than 285 years. */
  readonly record: (millis: number) => void
  /** The shortest duration that `percent` percent of all do not exceed. Throws a `RangeError` outside 0 to 100. */
  readonly percentile: (percent: number) => number
  readonly summary: () => Summary
  /** Adds everything that another histogram has recorded, and does not change that one. */
  readonly merge: (that: Histogram) => void
  /** Removes everything recorded and keeps the memory. */
  readonly reset: () => void
}

/**
 * Makes an empty histogram.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Histogram => new LogLinear()

// A duration of up to 2^9 µs has a bucket of its own; above, its nine highest bits name its bucket.
const partBits = 8
const parts = 2 ** partBits
const longest = Number.MAX_SAFE_INTEGER / 1000

class LogLinear implements Histogram {
  count = 0
  private counts = new Float64Array(2 * parts)
  /** The longest of each bucket, so that what is returned has occurred. */
  private tops = new Float64Array(2 * parts)
  private lowest = Infinity
  private highest = -Infinity
  /** Whole microseconds, so that the order of addition makes no difference. */
  private total = 0

  get min(): number {
    return this.count === 0 ? NaN : this.lowest / 1000
  }

  get max(): number {
    return this.count === 0 ? NaN : this.highest / 1000
  }

  get mean(): number {
    return this.total / this.count / 1000
  }

  record(millis: number): void {
    if (!(millis >= 0 && millis <= longest)) {
      throw new RangeError(`Histogram.record: millis must be from 0 to ${longest}, got ${render(millis)}`)
    }
    const micros = Math.round(millis * 1000)
    const bucket = bucketOf(micros)
    if (bucket >= this.counts.length) this.grow(bucket)
    this.counts[bucket]!++
    if (micros > this.tops[bucket]!) this.tops[bucket] = micros
    this.count++
    this.total += micros
    if (micros < this.lowest) this.lowest = micros
    if (micros > this.highest) this.highest = micros
  }

  percentile(percent: number): number {
    if (!(percent >= 0 && percent <= 100)) {
      throw new RangeError(`Histogram.percentile: percent must be from 0 to 100, got ${render(percent)}`)
    }
    return this.percentiles([percent])[0]!
  }

  summary(): Summary {
    const [p50, p90, p95, p99, p999] = this.percentiles([50, 90, 95, 99, 99.9]) as [
      number,
      number,
      number,
      number,
      number
    ]
    return { count: this.count, min: this.min, p50, p90, p95, p99, p999, max: this.max, mean: this.mean }
  }

  merge(that: Histogram): void {
    const { count, counts, highest, lowest, tops, total } = that as LogLinear
    if (counts.length > this.counts.length) this.grow(counts.length - 1)
    for (let bucket = bucketOf(lowest); bucket <= bucketOf(highest); bucket++) {
      this.counts[bucket]! += counts[bucket]!
      if (tops[bucket]! > this.tops[bucket]!) this.tops[bucket] = tops[bucket]!
    }
    this.count += count
    this.total += total
    this.lowest = Math.min(this.lowest, lowest)
    this.highest = Math.max(this.highest, highest)
  }

  reset(): void {
    const [from, to] = [bucketOf(this.lowest), bucketOf(this.highest) + 1]
    this.counts.fill(0, from, to)
    this.tops.fill(0, from, to)
    this.count = 0
    this.total = 0
    this.lowest = Infinity
    this.highest = -Infinity
  }

  /** Several percentiles, ascending, in one pass. */
  private percentiles(percents: ReadonlyArray<number>): ReadonlyArray<number> {
    if (this.count === 0) return percents.map(() => NaN)
    let bucket = bucketOf(this.lowest)
    let seen = this.counts[bucket]!
    return percents.map((percent) => {
      const rank = rankOf(percent, this.count)
      while (seen < rank) seen += this.counts[++bucket]!
      return rank === 1 ? this.min : this.tops[bucket]! / 1000
    })
  }

  private grow(bucket: number): void {
    const length = (Math.floor(bucket / parts) + 1) * parts
    const [counts, tops] = [new Float64Array(length), new Float64Array(length)]
    counts.set(this.counts)
    tops.set(this.tops)
    this.counts = counts
    this.tops = tops
  }
}

/** The rank among `count`, from 1. A rounding error does not lift a whole product to the next rank. */
const rankOf = (percent: number, count: number): number =>
  Math.max(1, Math.ceil(((percent * count) / 100) * (1 - 4 * Number.EPSILON)))

const bucketOf = (micros: number): number => {
  if (micros < 2 * parts) return micros
  const halvings = (micros < 2 ** 32 ? 31 - Math.clz32(micros) : 63 - Math.clz32(micros / 2 ** 32)) - partBits
  return halvings * parts + Math.floor(micros / 2 ** halvings)
}
