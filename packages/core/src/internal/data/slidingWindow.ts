/**
 * The window of a circuit breaker: how many of its calls failed and how many were slow. Recording takes constant time,
 * whatever the size of the window.
 */
import type { SavedCountWindow, SavedTimeWindow, SavedWindow } from "./savedWindow.ts"

/** The totals of the calls in the window. */
export interface SlidingWindow {
  /** Whether calls leave the window by age, so that recording and reading need the time. */
  readonly timed: boolean
  readonly calls: number
  readonly failures: number
  readonly slow: number
  /** Calls that failed and were slow. */
  readonly slowFailures: number
  /** Adds a call at `now`. Returns a mark for `amend`. */
  record(failed: boolean, slow: boolean, now: number): number
  /** Makes the slow call of the mark a failed one, if it is still in the window. */
  amend(mark: number): void
  /** Drops the calls that have left the window at `now`. */
  expire(now: number): void
  clear(): void
  /** What is in the window at `now`. */
  save(now: number): SavedWindow
  /** Whether a saved window has the shape of this one, and counts that can be. */
  accepts(saved: SavedWindow): boolean
  /** Puts a saved window that it accepts into this empty one. `at` is when it was saved, in the time of this window. */
  restore(saved: SavedWindow, at: number): void
}

const FAILED = 1
const SLOW = 2

/**
 * The last `size` calls. While no call in the window failed or was slow, all marks are zero, and another good call
 * neither reads nor writes them.
 */
export class CountWindow implements SlidingWindow {
  readonly size: number
  calls = 0
  failures = 0
  slow = 0
  slowFailures = 0
  // Allocated by the first call that failed or was slow: most of many keyed circuits never need it.
  private marks: Uint8Array | undefined
  private recorded = 0

  constructor(size: number) {
    this.size = size
  }

  get timed(): boolean {
    return false
  }

  record(failed: boolean, slow: boolean): number {
    if (failed || slow || this.failures > 0 || this.slow > 0) this.mark(failed, slow)
    if (this.calls < this.size) this.calls++
    return this.recorded++
  }

  private mark(failed: boolean, slow: boolean): void {
    // Four calls per byte, so that the windows of many circuits fit into the processor's cache.
    const marks = this.marks ??= new Uint8Array((this.size + 3) >> 2)
    const at = this.recorded % this.size
    const byte = at >> 2
    const shift = (at & 3) << 1
    const four = marks[byte]!
    // Slots that no call has used are zero.
    const leaving = (four >> shift) & (FAILED | SLOW)
    this.failures += (failed ? 1 : 0) - (leaving & FAILED)
    this.slow += (slow ? 1 : 0) - (leaving >> 1)
    this.slowFailures += (failed && slow ? 1 : 0) - (leaving === (FAILED | SLOW) ? 1 : 0)
    marks[byte] = (four & ~((FAILED | SLOW) << shift)) | (((failed ? FAILED : 0) | (slow ? SLOW : 0)) << shift)
  }

  amend(mark: number): void {
    if (this.recorded - mark > this.size) return
    const at = mark % this.size
    this.marks![at >> 2]! |= FAILED << ((at & 3) << 1)
    this.failures++
    this.slowFailures++
  }

  expire(): void {}

  clear(): void {
    this.marks = undefined
    this.calls =
      this.failures =
      this.slow =
      this.slowFailures =
      this.recorded =
        0
  }

  save(): SavedCountWindow {
    const { calls, marks, recorded, size } = this
    let digits = ""
    for (let i = recorded - calls; marks !== undefined && i < recorded; i++) {
      const at = i % size
      digits += (marks[at >> 2]! >> ((at & 3) << 1)) & (FAILED | SLOW)
    }
    return { size, calls, marks: digits }
  }

  accepts(saved: SavedWindow): boolean {
    return "marks" in saved && saved.size === this.size && saved.calls <= saved.size &&
      (saved.marks.length === 0 || saved.marks.length === saved.calls)
  }

  restore(saved: SavedWindow): void {
    const { calls, marks } = saved as SavedCountWindow
    this.clear()
    if (marks.length === 0) this.calls = this.recorded = calls
    else for (let i = 0; i < calls; i++) this.record((+marks[i]! & FAILED) !== 0, (+marks[i]! & SLOW) !== 0)
  }
}

const CALLS = 0
const FAILURES = 1
const SLOWS = 2
const SLOW_FAILURES = 3
const FIELDS = 4

/**
 * The calls of the last `millis` milliseconds, as sums in `buckets` equal slices. A slice leaves as a whole, so that
 * the window covers between `millis - millis / buckets` and `millis`.
 */
export class TimeWindow implements SlidingWindow {
  readonly timed = true
  calls = 0
  failures = 0
  slow = 0
  slowFailures = 0
  private readonly width: number
  private readonly buckets: number
  private sums: Float64Array | undefined
  private head = -Infinity
  // Slices begin at multiples of the width, moved back by this: those of a window that was restored begin when they did.
  private shift = 0

  constructor(millis: number, buckets: number) {
    this.width = millis / buckets
    this.buckets = buckets
  }

  record(failed: boolean, slow: boolean, now: number): number {
    this.expire(now)
    const sums = this.sums ??= new Float64Array(this.buckets * FIELDS)
    const at = (this.head % this.buckets) * FIELDS
    sums[at + CALLS]!++
    this.calls++
    if (failed) {
      sums[at + FAILURES]!++
      this.failures++
    }
    if (slow) {
      sums[at + SLOWS]!++
      this.slow++
    }
    if (failed && slow) {
      sums[at + SLOW_FAILURES]!++
      this.slowFailures++
    }
    return this.head
  }

  amend(mark: number): void {
    if (this.head - mark >= this.buckets) return
    const at = (mark % this.buckets) * FIELDS
    this.sums![at + FAILURES]!++
    this.sums![at + SLOW_FAILURES]!++
    this.failures++
    this.slowFailures++
  }

  // If the clock goes back, the newest slice stays current: nothing is lost and nothing leaves early.
  expire(now: number): void {
    const current = Math.max(0, Math.floor((now + this.shift) / this.width))
    if (current <= this.head) return
    const sums = this.sums
    if (sums !== undefined) {
      if (current - this.head >= this.buckets) {
        sums.fill(0)
        this.calls =
          this.failures =
          this.slow =
          this.slowFailures =
            0
      } else {
        for (let slice = this.head + 1; slice <= current; slice++) {
          const at = (slice % this.buckets) * FIELDS
          this.calls -= sums[at + CALLS]!
          this.failures -= sums[at + FAILURES]!
          this.slow -= sums[at + SLOWS]!
          this.slowFailures -= sums[at + SLOW_FAILURES]!
          sums[at + CALLS] =
            sums[at + FAILURES] =
            sums[at + SLOWS] =
            sums[at + SLOW_FAILURES] =
              0
        }
      }
    }
    this.head = current
  }

  clear(): void {
    this.sums?.fill(0)
    this.calls =
      this.failures =
      this.slow =
      this.slowFailures =
        0
  }

  save(now: number): SavedTimeWindow {
    this.expire(now)
    const { buckets, head, sums, width } = this
    const slices: Array<SavedTimeWindow["slices"][number]> = []
    for (let ago = 0; sums !== undefined && this.calls > 0 && ago < buckets && ago <= head; ago++) {
      const at = ((head - ago) % buckets) * FIELDS
      if (sums[at + CALLS] === 0) continue
      slices.push([ago, sums[at + CALLS]!, sums[at + FAILURES]!, sums[at + SLOWS]!, sums[at + SLOW_FAILURES]!])
    }
    // If the clock went back, the slice has not come further than its end.
    const offset = Math.min(width, Math.max(0, now + this.shift - head * width))
    return { millis: width * buckets, buckets, offset, slices }
  }

  accepts(saved: SavedWindow): boolean {
    if (!("slices" in saved) || saved.buckets !== this.buckets || saved.millis !== this.width * this.buckets)
      return false
    if (saved.offset < 0 || saved.offset > this.width || saved.slices.length > this.buckets) return false
    let before = -1
    let all = 0
    for (const [ago, calls, failures, slow, slowFailures] of saved.slices) {
      all += calls
      if (ago <= before || ago >= this.buckets || failures > calls || slow > calls) return false
      if (slowFailures > Math.min(failures, slow) || all > Number.MAX_SAFE_INTEGER) return false
      before = ago
    }
    return true
  }

  restore(saved: SavedWindow, at: number): void {
    const { offset, slices } = saved as SavedTimeWindow
    const { buckets, width } = this
    this.clear()
    // The current slice gets a number that leaves room for those before it.
    this.head = buckets
    this.shift = buckets * width + offset - at
    if (slices.length === 0) return
    const sums = this.sums ??= new Float64Array(buckets * FIELDS)
    for (const [ago, calls, failures, slow, slowFailures] of slices) {
      sums.set([calls, failures, slow, slowFailures], ((buckets - ago) % buckets) * FIELDS)
      this.calls += calls
      this.failures += failures
      this.slow += slow
      this.slowFailures += slowFailures
    }
  }
}
