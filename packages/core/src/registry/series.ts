/** The metrics of a kind of guard. Each series is read from a snapshot on each scrape. */

/**
 * The labels of a series besides the name of the guard: words given in code, so that their number is bounded.
 *
 * @since 0.1.0
 * @category metrics
 */
export type Labels = Readonly<Record<string, string>>

interface Described {
  /** The full name of the metric, such as `"switchgear_bulkhead_queued"`. Names of counters end in `_total`. */
  readonly id: string
  readonly description: string
  readonly labels: Labels
}

/**
 * The durations of calls as a histogram.
 *
 * @since 0.1.0
 * @category metrics
 */
export interface HistogramReading {
  /** Ascending upper bounds, each with the number of calls up to it. */
  readonly buckets: ReadonlyArray<[bound: number, count: number]>
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

/**
 * A number that is read from a snapshot.
 *
 * @since 0.1.0
 * @category metrics
 */
export interface NumberSeries<in Snapshot> extends Described {
  /** How guards that share the name `other` are combined. Counters are added. */
  readonly type: "counter" | "gauge-by-sum" | "gauge-by-maximum"
  /** Returns undefined if the snapshot has no such number: the series is then not published. */
  readonly read: (snapshot: Snapshot) => number | undefined
}

/**
 * A histogram that is read from a snapshot. Guards that share the name `other` have none.
 *
 * @since 0.1.0
 * @category metrics
 */
export interface HistogramSeries<in Snapshot> extends Described {
  readonly type: "histogram"
  /** Returns undefined if nothing is measured: the series is then not published. */
  readonly read: (snapshot: Snapshot) => HistogramReading | undefined
}

/**
 * One series of a kind of guard.
 *
 * @since 0.1.0
 * @category metrics
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
 * A number that goes up and down. Guards that share the name `other` are added.
 *
 * @since 0.1.0
 * @category metrics
 */
export const gauge = numberOf("gauge-by-sum")

/**
 * A number that goes up and down, such as a rate. Guards that share the name `other` have the highest value.
 *
 * @since 0.1.0
 * @category metrics
 */
export const highest = numberOf("gauge-by-maximum")

/**
 * A distribution, such as of durations.
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
