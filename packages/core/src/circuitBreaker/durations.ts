/** How long the calls of a circuit took, where `measureDurations` is on. */
import type { HistogramReading } from "../registry/series.ts"

/** Bounds of the buckets in milliseconds: those that OpenTelemetry advises for calls to AI models, 10 ms to 82 s. */
export const defaultBounds: ReadonlyArray<number> = Array.from({ length: 14 }, (_, doublings) => 10 * 2 ** doublings)

/** Bounds that a histogram may have: each is one more series of the metric. */
export const mostBounds = 50

/** The durations of calls, by how they ended; a bucket holds those up to its bound. All in milliseconds. */
class DurationHistogram {
  private readonly bounds: ReadonlyArray<number>
  /** By bucket; the last one is for what is longer than all bounds. */
  private readonly counts: Array<number>
  private count = 0
  private sum = 0
  private min = Infinity
  private max = 0

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  record(millis: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && millis > this.bounds[bucket]!) bucket++
    this.counts[bucket]!++
    this.count++
    this.sum += millis
    this.min = Math.min(this.min, millis)
    this.max = Math.max(this.max, millis)
  }

  add(other: DurationHistogram): void {
    for (let bucket = 0; bucket < this.counts.length; bucket++) this.counts[bucket]! += other.counts[bucket]!
    this.count += other.count
    this.sum += other.sum
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
  }

  /** In seconds, with cumulative buckets. */
  read(): HistogramReading {
    const { bounds, count, counts, max, min, sum } = this
    let upTo = 0
    const buckets = bounds.map((bound, bucket): [bound: number, count: number] => [
      bound / 1000,
      upTo += counts[bucket]!
    ])
    return { buckets, count, min: count === 0 ? 0 : min / 1000, max: max / 1000, sum: sum / 1000 }
  }
}

/** Calls that succeeded apart from those that failed: a time-out must not hide in the durations of good answers. */
export class CallDurations {
  private readonly success: DurationHistogram
  private readonly failure: DurationHistogram

  constructor(bounds: ReadonlyArray<number>) {
    this.success = new DurationHistogram(bounds)
    this.failure = new DurationHistogram(bounds)
  }

  record(failed: boolean, millis: number): void {
    const histogram = failed ? this.failure : this.success
    // A clock that goes back measures no time.
    histogram.record(Math.max(0, millis))
  }

  add(other: CallDurations): void {
    this.success.add(other.success)
    this.failure.add(other.failure)
  }

  read(): { readonly success: HistogramReading; readonly failure: HistogramReading } {
    return { success: this.success.read(), failure: this.failure.read() }
  }
}
