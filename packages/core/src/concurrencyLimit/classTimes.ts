/** How slow the answers of one class are now, against how slow they usually are. */
import type { SavedBaseline } from "./saved.ts"
import { Samples } from "./samples.ts"

/** With fewer samples, a class waits for its next windows. */
const FEWEST = 3

/** The baseline is the mean of the first windows, and then moves by a share of the difference. */
const FIRST_WINDOWS = 10
/** A window that is this many times slower than the mean before is no part of it: an overload that begins is not normal. */
const UNUSUAL = 2
const FALL = 0.05
/** So slow that an hour of overload does not become the normal. */
const RISE = 0.005

export class ClassTimes {
  baseline: number | undefined
  /** The median of the window that closes, and its samples; 0 of them if there are too few. */
  median = 0
  weight = 0
  private windows = 0
  private readonly samples = new Samples()

  add(sample: number): void {
    this.samples.add(sample)
  }

  /** Closes the window of this class. */
  close(): void {
    this.weight = this.samples.count
    if (this.weight < FEWEST) {
      this.weight = 0
      return
    }
    this.median = this.samples.takeMedian()
    this.windows++
    const before = this.baseline ?? this.median
    this.baseline = before + (this.median - before) * this.stepFrom(before)
  }

  private stepFrom(before: number): number {
    if (this.windows <= FIRST_WINDOWS && this.median <= before * UNUSUAL) return 1 / this.windows
    return this.median > before ? RISE : FALL
  }

  /** The baseline, and in how many windows it was learnt: more than the first ones are not told apart. */
  save(number: number): ReadonlyArray<SavedBaseline> {
    if (this.baseline === undefined) return []
    return [{ number, millis: this.baseline, windows: Math.min(this.windows, FIRST_WINDOWS + 1) }]
  }

  /** Begins with a baseline, which moves faster the less it is trusted. */
  restore({ millis, windows }: SavedBaseline, trust: number): void {
    this.windows = Math.floor(Math.min(windows, FIRST_WINDOWS + 1) * trust)
    this.baseline = this.windows === 0 ? undefined : millis
  }

  /** What is slow now is the normal from now on. */
  relearn(): void {
    if (this.weight > 0) this.baseline = this.median
  }
}
