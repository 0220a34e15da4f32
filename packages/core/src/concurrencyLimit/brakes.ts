/**
 * Whether braking helps. Answers can be slow because too many calls run at once, or because the provider is slow whatever
 * we do. Only a brake tells the two apart: where the load was the reason, answers come faster once fewer calls run.
 *
 * A brake shows late: calls that were admitted before it still run, and the first tokens that come have waited behind them.
 * So a series of brakes is judged by windows in which the calls in flight have kept to the lowered limit for a while. Where
 * such windows show no improvement, the load is not the reason, and the series has been in vain.
 */

/** Answers of this share of the first stretch are an improvement. */
const IMPROVED = 0.9

/** The brakes have had time to show when calls in flight have kept to the limit for this many times a slow answer. */
const SETTLED = 3

/** This many settled windows in a row without an improvement. One alone may be chance. */
const VAIN_WINDOWS = 2

export type Verdict = "brake" | "wait" | "vain"

export class Brakes {
  /** The limit before the first brake of the series. */
  limitBefore = 0
  private windows = 0
  private stretchBefore = 0
  private vain = 0
  /** Since when the calls in flight have kept to the limit of a brake. */
  private obeyedSince: number | undefined
  private hasBraked = false

  /** Answers are in time again. */
  end(): void {
    this.windows = 0
  }

  /**
   * Judges a window with a stretch above the tolerance. `isObeyed` tells whether no more calls were in flight in it than the
   * limit allows, `slowest` is the median of the slowest class.
   */
  judge(limit: number, stretch: number, slowest: number, isObeyed: boolean, opened: number, now: number): Verdict {
    if (this.windows++ === 0) this.begin(limit, stretch)
    if (this.hasBraked && isObeyed) this.obeyedSince ??= opened
    const helped = stretch <= this.stretchBefore * IMPROVED
    if (helped) {
      this.stretchBefore = stretch
      this.vain = 0
      this.obeyedSince = undefined
    } else if (isObeyed && this.obeyedSince !== undefined && now - this.obeyedSince >= SETTLED * slowest) {
      this.vain++
    }
    if (this.vain >= VAIN_WINDOWS) {
      this.windows = 0
      return "vain"
    }
    if (!isObeyed) return "wait"
    this.hasBraked = true
    return "brake"
  }

  private begin(limit: number, stretch: number): void {
    this.limitBefore = limit
    this.stretchBefore = stretch
    this.vain = 0
    this.obeyedSince = undefined
    this.hasBraked = false
  }
}
