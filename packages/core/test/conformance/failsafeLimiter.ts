/**
 * The adaptive limiter of failsafe-go as an algorithm of one's own: the queue that a duration shows against a baseline moves
 * the limit by a step, below a cap that depends on the calls in flight.
 */
import type { ConcurrencyLimit } from "@switchgear/core"

export interface Settings {
  readonly initial: number
  readonly min: number
  readonly max: number
  /** The duration that the baseline has been warmed up with, in milliseconds. */
  readonly baseline: number | undefined
  readonly factor: number
  readonly decay: number
  readonly minFactor: number
  /** How long a peak of calls in flight holds the cap up, in milliseconds. */
  readonly stabilization: number
}

const WARM_UP = 10
const MEDIAN_OF = 5

/** The mean of the first ten values, and from then on an average that forgets. */
class Average {
  value = 0
  private count = 0
  private readonly share: number

  constructor(age: number) {
    this.share = 2 / (age + 1)
  }

  add(value: number): number {
    const share = this.count < WARM_UP ? 1 / ++this.count : this.share
    return this.value += (value - this.value) * share
  }
}

const stepOf = (limit: number): number => Math.max(1, Math.floor(Math.log10(Math.max(1, limit))))

export class FailsafeLimiter implements ConcurrencyLimit.Algorithm {
  limit: number
  readonly reason = "hold"
  median = 0
  private readonly settings: Settings
  private readonly baseline = new Average(10)
  private readonly smooth = new Average(5)
  private readonly last: Array<number> = []
  private peaks: Array<{ readonly at: number; readonly inFlight: number }> = []

  constructor(settings: Settings) {
    this.settings = settings
    this.limit = settings.initial
    if (settings.baseline !== undefined) { for (let n = 0; n < WARM_UP; n++) this.baseline.add(settings.baseline) }
  }

  get smoothed(): number {
    return this.smooth.value
  }

  /** The highest limit for so many calls in flight. */
  mostFor(inFlight: number): number {
    const { decay, factor, minFactor } = this.settings
    return inFlight * (decay > 0 && inFlight > 0 ? Math.max(minFactor, factor - decay * Math.log10(inFlight)) : factor)
  }

  ended({ duration, inFlight }: ConcurrencyLimit.Judged, now: number): void {
    this.smooth.add(this.filtered(duration))
    const usual = this.baseline.add(duration)
    const { limit } = this
    const step = stepOf(limit)
    const queue = Math.ceil(limit * (1 - usual / duration))
    const next = queue > 6 * step ? limit - step : queue < 3 * step ? limit + step : limit
    const most = this.mostFor(this.peak(inFlight, now))
    const capped = next <= most ? next : limit > most ? limit - step : most
    this.limit = Math.min(this.settings.max, Math.max(this.settings.min, capped))
  }

  begun(): void {}

  sampled(): void {}

  reset(): void {}

  read(): ConcurrencyLimit.Reading {
    return { stretch: 1, drops: 0, baselines: [this.baseline.value] }
  }

  /** The median of the last five; before there are that many, the value itself. */
  private filtered(duration: number): number {
    this.last.push(duration)
    if (this.last.length > MEDIAN_OF) this.last.shift()
    return this.median = this.last.length < MEDIAN_OF
      ? duration
      : this.last.toSorted((a, b) => a - b)[MEDIAN_OF >> 1]!
  }

  /** The most calls in flight lately. A peak is forgotten at exactly its age. */
  private peak(inFlight: number, now: number): number {
    this.peaks = this.peaks.filter(({ at }) => now - at < this.settings.stabilization)
    this.peaks.push({ at: now, inFlight })
    return Math.max(...this.peaks.map(({ inFlight }) => inFlight))
  }
}
