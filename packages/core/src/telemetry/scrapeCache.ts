/**
 * When to take a new snapshot. An exporter reads every series once, in one go, and one snapshot serves them all. The
 * second time that a series is read a new round has begun; so it has, for those who read single series, after a while.
 */
export class ScrapeCache {
  private readonly seen = new Set<unknown>()
  private begunAt = -Infinity

  begins(series: unknown, now: number): boolean {
    const begins = this.seen.has(series) || now - this.begunAt > 100
    if (begins) {
      this.seen.clear()
      this.begunAt = now
    }
    this.seen.add(series)
    return begins
  }
}
