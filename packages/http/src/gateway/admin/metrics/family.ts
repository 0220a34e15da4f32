/** The metrics that are published, in one form for Prometheus and for the actuator. */
import type { Exemplar } from "../../server/histogram.ts"

/** The durations of calls in buckets. */
export interface Distribution {
  /** Ascending upper bounds, each with the number of calls up to it. */
  readonly buckets: ReadonlyArray<readonly [bound: number, count: number]>
  readonly count: number
  readonly sum: number
  readonly max?: number | undefined
  /** One duration of each bucket, in the order of the bounds, and after them of all that is longer. */
  readonly exemplars?: ReadonlyArray<Exemplar | undefined> | undefined
}

/** What a timer of Micrometer tells. The sum and the longest are absent where nothing was measured. */
export interface Timed {
  readonly count: number
  readonly sum?: number | undefined
  readonly max?: number | undefined
}

export interface Series<Value> {
  readonly labels: Readonly<Record<string, string>>
  readonly value: Value
}

interface Described {
  /** The name for the actuator, with dots, as Micrometer has it. */
  readonly meter: string
  /** The name for Prometheus, without the suffixes of counters, timers and histograms. */
  readonly name: string
  readonly description: string
}

/** All series of one name. */
export type Family =
  | Described & { readonly type: "gauge" | "counter"; readonly series: ReadonlyArray<Series<number>> }
  | Described & { readonly type: "timer"; readonly series: ReadonlyArray<Series<Timed>> }
  | Described & { readonly type: "histogram"; readonly series: ReadonlyArray<Series<Distribution>> }
