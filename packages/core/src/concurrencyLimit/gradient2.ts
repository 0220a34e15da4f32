/**
 * Netflix's Gradient2Limit behind its WindowedLimit: the mean duration of a window against a long average of it.
 *
 * One average for all calls takes a change of the mix for overload, and an answer of many tokens for a slow one. It is here
 * to compare with, not for calls of language models.
 */
import type { Algorithm, Judged, Reading, Reason } from "./algorithm.ts"
import { type Savable, type SavedLearnt, trustedLimit } from "./saved.ts"

export interface Gradient2Rules {
  readonly initial: number
  readonly min: number
  readonly max: number
  readonly window: number
  readonly minimumCalls: number
}

/** Netflix's defaults. */
const TOLERANCE = 1.5
const SMOOTHING = 0.2
const QUEUE = 4
const STRONGEST_BRAKE = 0.5
const LONG_WINDOW = 600
const WARM_UP = 10
/** Above this ratio of the long average to the window, the average falls faster. */
const RECOVERED = 2
const RECOVERY = 0.95

export class Gradient2 implements Algorithm, Savable {
  limit: number
  reason: Reason = "initial"
  private readonly rules: Gradient2Rules
  private opened: number
  private peak = 0
  private calls = 0
  private dropped = 0
  private durations = 0
  private average = 0
  private windows = 0
  private stretch = 1
  private share = 0

  constructor(rules: Gradient2Rules, now: number) {
    this.rules = rules
    this.limit = rules.initial
    this.opened = now
  }

  begun(): void {}

  sampled(): void {}

  ended(call: Judged, now: number): void {
    this.calls++
    this.durations += call.duration
    if (call.outcome === "drop") this.dropped++
    if (call.inFlight > this.peak) this.peak = call.inFlight
    // A clock that has run backwards must not hold the window open until it is where it was.
    if (now < this.opened) this.opened = now
    if (now - this.opened >= this.rules.window) this.close(now)
  }

  reset(now: number): void {
    this.limit = this.rules.initial
    this.reason = "initial"
    this.average = 0
    this.windows = 0
    this.stretch = 1
    this.share = 0
    this.open(now)
  }

  /** The window that is open ends with the process. */
  save(): SavedLearnt {
    const { average, limit, reason, windows } = this
    return { limit, reason, baselines: average === 0 ? [] : [{ number: 0, millis: average, windows }] }
  }

  /** The average moves faster the less it is trusted. */
  restore({ baselines: [first], limit, reason }: SavedLearnt, trust: number): void {
    this.limit = trustedLimit(limit, trust, this.rules)
    this.reason = reason
    if (first === undefined) return
    this.windows = Math.floor(Math.min(first.windows, WARM_UP) * trust)
    this.average = this.windows === 0 ? 0 : first.millis
  }

  read(): Reading {
    return { stretch: this.stretch, drops: this.share, baselines: this.windows === 0 ? [] : [this.average] }
  }

  private open(now: number): void {
    this.opened = now
    this.peak =
      this.calls =
      this.dropped =
      this.durations =
        0
  }

  /** A window with too few calls says nothing, and is thrown away. */
  private close(now: number): void {
    if (this.calls >= this.rules.minimumCalls) {
      this.share = this.dropped / this.calls
      this.move(this.durations / this.calls, this.peak)
    }
    this.open(now)
  }

  private move(duration: number, peak: number): void {
    const { max, min } = this.rules
    this.windows++
    const step = this.windows <= WARM_UP ? 1 / this.windows : 2 / (LONG_WINDOW + 1)
    this.average += (duration - this.average) * step
    this.stretch = duration / this.average
    if (this.average > duration * RECOVERED) this.average *= RECOVERY
    this.reason = "hold"
    if (peak < this.limit / 2) return
    const gradient = Math.max(STRONGEST_BRAKE, Math.min(1, TOLERANCE * this.average / duration))
    const limit = this.limit * (1 - SMOOTHING) + (this.limit * gradient + QUEUE) * SMOOTHING
    this.reason = limit > max ? "max" : limit < min ? "min" : limit > this.limit ? "grow" : "brake"
    this.limit = Math.min(max, Math.max(min, limit))
  }
}
