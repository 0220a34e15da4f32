/** How long the answers of a model take, over the last few hundred of them. */
import { RecentTimes } from "@switchgear/core/runtime"
import { assumedTime } from "../chatModel/retries.ts"

/** Times in milliseconds. */
interface Quantiles {
  readonly median: number
  readonly p95: number
}

export class AnswerTimes {
  private readonly times = new RecentTimes()
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
    const p95 = this.times.quantile(0.95)
    return p95 === undefined ? undefined : { p95, median: this.times.quantile(0.5)! }
  }

  /** The time to an answer, or to its first content. */
  add(millis: number): void {
    this.times.add(millis)
  }

  /** A call that was cut: its answer takes at least as long. A cut that came early tells nothing. */
  addAtLeast(millis: number): void {
    const { quantiles } = this
    if (quantiles === undefined || millis >= quantiles.p95) this.add(millis)
  }
}
