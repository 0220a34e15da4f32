/** Durations in buckets, counted without allocating. */
export class Histogram {
  /** Ascending upper bounds in seconds. */
  readonly bounds: ReadonlyArray<number>
  private readonly counts: Array<number>
  count = 0
  sum = 0
  max = 0

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.counts = bounds.map(() => 0)
  }

  observe(seconds: number): void {
    this.count++
    this.sum += seconds
    if (seconds > this.max) this.max = seconds
    for (let i = 0; i < this.bounds.length; i++) {
      if (seconds <= this.bounds[i]!) {
        this.counts[i]!++
        return
      }
    }
  }

  /** Each bound with the number of durations up to it. */
  get buckets(): ReadonlyArray<readonly [bound: number, count: number]> {
    let sum = 0
    return this.bounds.map((bound, i) => [bound, sum += this.counts[i]!] as const)
  }
}
