/**
 * Decides when to take a new snapshot. An exporter reads every series once per scrape, and one snapshot serves them
 * all. A second read of a series starts a new scrape, and so does a read after 100 ms, for readers of single series.
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
