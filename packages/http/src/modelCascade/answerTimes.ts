/** How long the answers of a model take, over the last few hundred of them. */

/** Times in milliseconds. */
interface Quantiles {
  readonly median: number
  readonly p95: number
}

/** Times that are remembered. */
const window = 400
/** Below this number of times nothing is said. */
export const fewest = 20
/** New times after which the quantiles are calculated again. */
const refresh = 10

export class AnswerTimes {
  private readonly times: Array<number> = []
  private recorded = 0
  private known: Quantiles | undefined

  get quantiles(): Quantiles | undefined {
    return this.known
  }

  /** The time to an answer, or to its first content. */
  add(millis: number): void {
    this.times[this.recorded++ % window] = millis
    if (this.recorded < fewest || this.recorded % refresh !== 0) return
    const sorted = Float64Array.from(this.times).sort()
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
    this.known = { median: at(0.5), p95: at(0.95) }
  }

  /** A call that was cut: its answer takes at least as long. A cut that came early tells nothing. */
  addAtLeast(millis: number): void {
    if (this.known === undefined || millis >= this.known.p95) this.add(millis)
  }
}
