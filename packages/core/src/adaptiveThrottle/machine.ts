/** The calls of a sliding window, and with which probability the next one is rejected. A step costs constant time. */
import type { SavedWindow } from "../internal/data/savedWindow.ts"
import { TimeWindow } from "../internal/data/slidingWindow.ts"

/** How many slices a window is kept in. */
export const SLICES = 100

/** What a throttle goes by; times in milliseconds. */
export interface ThrottleRules {
  readonly factor: number
  readonly window: number
  readonly minimumCalls: number
  readonly maxRejectionRate: number
  readonly countsRejections: boolean
}

export class ThrottleMachine {
  rejected = 0
  private readonly rules: ThrottleRules
  // A call that was not answered is recorded as one that failed, one that was rejected here as one that was slow as well.
  private readonly window: TimeWindow

  constructor(rules: ThrottleRules) {
    this.rules = rules
    this.window = new TimeWindow(rules.window, SLICES)
  }

  /** The probability with which a call is rejected at this time. */
  rejectionRate(now: number): number {
    this.window.expire(now)
    const { accepts, requests, rules, window } = this
    if (requests - window.slow < rules.minimumCalls) return 0
    return Math.min(rules.maxRejectionRate, Math.max(0, (requests - rules.factor * accepts) / (requests + 1)))
  }

  /** A call was rejected. */
  refuse(now: number): void {
    this.rejected++
    if (this.rules.countsRejections) this.window.record(true, true, now)
  }

  /** A call has ended. */
  record(isAnswered: boolean, now: number): void {
    this.window.record(!isAnswered, false, now)
  }

  get isFresh(): boolean {
    return this.rejected + this.window.calls === 0
  }

  save(now: number): SavedWindow {
    return this.window.save(now)
  }

  /** Whether a saved window can be that of this throttle. */
  fits(saved: SavedWindow): boolean {
    return this.window.accepts(saved)
  }

  /** Goes on with a window that fits and that was saved `at` a time. */
  restore(saved: SavedWindow, at: number): void {
    this.window.restore(saved, at)
  }

  get requests(): number {
    return this.window.calls
  }

  get accepts(): number {
    return this.window.calls - this.window.failures
  }
}
