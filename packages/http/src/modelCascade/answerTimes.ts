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
/** New times after which the quantiles are calculated again, when somebody asks for them. */
const refresh = 10

export class AnswerTimes {
  private readonly times: Array<number> = []
  private recorded = 0
  private known: Quantiles | undefined
  private knownAt = 0

  get quantiles(): Quantiles | undefined {
    if (this.recorded < fewest) return undefined
    if (this.known === undefined || this.recorded - this.knownAt >= refresh) {
      const sorted = Float64Array.from(this.times).sort()
      const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
      this.known = { median: at(0.5), p95: at(0.95) }
      this.knownAt = this.recorded
    }
    return this.known
  }

  /** The time to an answer, or to its first content. */
  add(millis: number): void {
    this.times[this.recorded++ % window] = millis
  }

  /** A call that was cut: its answer takes at least as long. A cut that came early tells nothing. */
  addAtLeast(millis: number): void {
    const { quantiles } = this
    if (quantiles === undefined || millis >= quantiles.p95) this.add(millis)
  }
}
