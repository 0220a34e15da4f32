/** One of the durations of a bucket, and where to look it up. */
export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Of the wall clock, in milliseconds. */
  readonly at: number
}

/** Durations in buckets, counted without allocating. */
export class Histogram {
  /** Ascending upper bounds in seconds. */
  readonly bounds: ReadonlyArray<number>
  private readonly counts: Array<number>
  count = 0
  sum = 0
  max = 0
  /** The last one given of each bucket, in the order of the bounds, and after them of all that is longer. */
  exemplars: Array<Exemplar | undefined> | undefined

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.counts = bounds.map(() => 0)
  }

  observe(seconds: number, exemplar?: Exemplar): void {
    this.count++
    this.sum += seconds
    if (seconds > this.max) this.max = seconds
    let i = 0
    while (i < this.bounds.length && seconds > this.bounds[i]!) i++
    if (i < this.bounds.length) this.counts[i]!++
    if (exemplar !== undefined) (this.exemplars ??= [])[i] = exemplar
  }

  /** Each bound with the number of durations up to it. */
  get buckets(): ReadonlyArray<readonly [bound: number, count: number]> {
    let sum = 0
    return this.bounds.map((bound, i) => [bound, sum += this.counts[i]!] as const)
  }
}
