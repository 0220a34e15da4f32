/** What a kind of guard publishes as metrics: each series is read from a snapshot when somebody looks. */

/**
 * The labels of a series besides the name of the guard: words given in code, so that their number is bounded.
 *
 * @since 0.1.0
 * @category models
 */
export type Labels = Readonly<Record<string, string>>

interface Described {
  /** The whole name of the metric, such as `"switchgear_bulkhead_queued"`. Counters end in `_total`. */
  readonly id: string
  readonly description: string
  readonly labels: Labels
}

/**
 * How long calls took: how many ended within each bound, how many there were, and the sum.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistogramReading {
  /** Upper bounds, rising, each with the number of calls up to it. */
  readonly buckets: ReadonlyArray<[bound: number, count: number]>
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

/**
 * A number read from a snapshot.
 *
 * @since 0.1.0
 * @category models
 */
export interface NumberSeries<in Snapshot> extends Described {
  /** How guards that share the name `other` become one number: counters always by their sum. */
  readonly type: "counter" | "gauge-by-sum" | "gauge-by-maximum"
  /** Undefined where there is no such number: that series is not published. */
  readonly read: (snapshot: Snapshot) => number | undefined
}

/**
 * A histogram read from a snapshot. Guards that share the name `other` have none.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistogramSeries<in Snapshot> extends Described {
  readonly type: "histogram"
  /** Undefined where nothing is measured: that series is not published. */
  readonly read: (snapshot: Snapshot) => HistogramReading | undefined
}

/**
 * One series of a kind of guard.
 *
 * @since 0.1.0
 * @category models
 */
export type Series<Snapshot> = NumberSeries<Snapshot> | HistogramSeries<Snapshot>

const numberOf = (type: NumberSeries<never>["type"]) =>
<Snapshot>(
  id: string,
  description: string,
  read: (snapshot: Snapshot) => number | undefined,
  labels: Labels = {}
): NumberSeries<Snapshot> => ({ type, id, description, labels, read })

/**
 * A number that only grows.
 *
 * @since 0.1.0
 * @category metrics
 */
export const counter = numberOf("counter")

/**
 * A number that goes up and down, of which several guards together have the sum.
 *
 * @since 0.1.0
 * @category metrics
 */
export const gauge = numberOf("gauge-by-sum")

/**
 * A number that goes up and down, of which several guards together have the highest, such as a rate.
 *
 * @since 0.1.0
 * @category metrics
 */
export const highest = numberOf("gauge-by-maximum")

/**
 * A distribution.
 *
 * @since 0.1.0
 * @category metrics
 */
export const histogram = <Snapshot>(
  id: string,
  description: string,
  read: (snapshot: Snapshot) => HistogramReading | undefined,
  labels: Labels = {}
): HistogramSeries<Snapshot> => ({ type: "histogram", id, description, labels, read })
