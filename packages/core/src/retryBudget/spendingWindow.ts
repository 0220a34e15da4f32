/** The successes and retries of a sliding window, and how many more retries they allow. A step costs constant time. */
import { EPSILON, isSufficient } from "../internal/data/isSufficient.ts"
import type { SavedWindow } from "../internal/data/savedWindow.ts"
import { TimeWindow } from "../internal/data/slidingWindow.ts"

/** How many slices a window is kept in. */
export const SLICES = 100

export class SpendingWindow {
  private readonly ratio: number
  private readonly floor: number
  // A success is recorded as a call that went well, a retry as one that failed.
  private readonly window: TimeWindow
  private refused = 0

  constructor(options: { readonly ratio: number; readonly floor: number; readonly millis: number }) {
    this.ratio = options.ratio
    this.floor = options.floor
    this.window = new TimeWindow(options.millis, SLICES)
  }

  /** Takes one retry; false when less than one is left. */
  take(now: number): boolean {
    this.window.expire(now)
    if (!isSufficient(this.left, 1)) {
      this.refused++
      return false
    }
    this.window.record(true, false, now)
    return true
  }

  deposit(now: number): void {
    this.window.record(false, false, now)
  }

  read(now: number) {
    this.window.expire(now)
    const { refused, successes, window } = this
    // Retries can outlast the successes that paid for them. EPSILON, so that what can be taken is shown as available.
    const available = Math.max(0, Math.floor(this.left + EPSILON))
    return { available, successes, retries: window.failures, refused }
  }

  get isFresh(): boolean {
    return this.refused + this.window.calls === 0
  }

  save(now: number): SavedWindow {
    return this.window.save(now)
  }

  accepts(saved: SavedWindow): boolean {
    return this.window.accepts(saved)
  }

  restore(saved: SavedWindow, at: number): void {
    this.window.restore(saved, at)
  }

  private get successes(): number {
    return this.window.calls - this.window.failures
  }

  private get left(): number {
    return this.floor + this.ratio * this.successes - this.window.failures
  }
}
