/** How long the answers of a model take, over the last few hundred of them. */
import { assumedTime } from "../chatModel/retries.ts"

/** Times in milliseconds. */
interface Quantiles {
  readonly median: number
  readonly p95: number
}

/** Times that are remembered. */
const window = 400
/** Below this number of times nothing is said. */
const fewest = 20
/** New times after which the quantiles are calculated again, when somebody asks for them. */
const refresh = 10

export class AnswerTimes {
  private readonly times: Array<number> = []
  private recorded = 0
  private known: Quantiles | undefined
  private knownAt = 0
  private readonly share: number

  /** `share` is the time in milliseconds that the options give the model, before another one is asked as well. */
  constructor(share = Infinity) {
    this.share = share
  }

  /**
   * The time in milliseconds after which a call that was cut says something about the model. Where it is not known how long
   * answers take, a model that has had the share that it is meant to have, has had its time.
   */
  get usual(): number {
    return this.quantiles?.p95 ?? Math.min(assumedTime, this.share)
  }

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
