/** A window that also keeps totals of all calls that were ever in it, for whoever tells others of them. */
import type { SavedWindow } from "../internal/data/savedWindow.ts"
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"

export class ToldWindow implements SlidingWindow {
  allCalls = 0
  allFailures = 0
  allSlow = 0
  // Those of the window, copied: each call reads them, and another object would cost it more than a copy.
  calls = 0
  failures = 0
  slow = 0
  slowFailures = 0
  readonly timed: boolean
  private readonly window: SlidingWindow

  constructor(window: SlidingWindow) {
    this.window = window
    this.timed = window.timed
  }

  record(failed: boolean, slow: boolean, now: number): number {
    this.allCalls++
    if (failed) this.allFailures++
    if (slow) this.allSlow++
    const mark = this.window.record(failed, slow, now)
    this.copy()
    return mark
  }

  /** A failure of a call that was counted as slow. */
  amend(mark: number): void {
    this.allFailures++
    this.window.amend(mark)
    this.copy()
  }

  expire(now: number): void {
    this.window.expire(now)
    this.copy()
  }

  clear(): void {
    this.window.clear()
    this.copy()
  }

  save(now: number): SavedWindow {
    return this.window.save(now)
  }

  accepts(saved: SavedWindow): boolean {
    return this.window.accepts(saved)
  }

  /** Those of an earlier process are not told: they have been. */
  restore(saved: SavedWindow, at: number): void {
    this.window.restore(saved, at)
    this.copy()
  }

  private copy(): void {
    const { window } = this
    this.calls = window.calls
    this.failures = window.failures
    this.slow = window.slow
    this.slowFailures = window.slowFailures
  }
}
