/** A window that also keeps totals of all calls that were ever in it, for whoever tells others of them. */
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"

export class ToldWindow implements SlidingWindow {
  allCalls = 0
  allFailures = 0
  allSlow = 0
  private readonly window: SlidingWindow

  constructor(window: SlidingWindow) {
    this.window = window
  }

  get timed(): boolean {
    return this.window.timed
  }

  get calls(): number {
    return this.window.calls
  }

  get failures(): number {
    return this.window.failures
  }

  get slow(): number {
    return this.window.slow
  }

  get slowFailures(): number {
    return this.window.slowFailures
  }

  record(failed: boolean, slow: boolean, now: number): number {
    this.allCalls++
    if (failed) this.allFailures++
    if (slow) this.allSlow++
    return this.window.record(failed, slow, now)
  }

  /** A failure of a call that was counted as slow. */
  amend(mark: number): void {
    this.allFailures++
    this.window.amend(mark)
  }

  expire(now: number): void {
    this.window.expire(now)
  }

  clear(): void {
    this.window.clear()
  }
}
