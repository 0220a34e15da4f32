/** What a circuit, or a family with all its circuits, has counted since the beginning. */
import { CallDurations } from "./durations.ts"
import type { Durations, Totals } from "./model.ts"

export class Counters {
  late = 0
  openings = 0
  rejected = 0
  protected slow = 0
  protected ignored = 0
  /** Undefined where durations are not measured. */
  protected readonly durationBounds: ReadonlyArray<number> | undefined
  // Allocated by the first call that is measured: of many keyed circuits most are idle.
  private measured: CallDurations | undefined
  // What every call touches comes last: in a circuit, its state follows.
  private failures = 0
  private successes = 0

  constructor(durationBounds: ReadonlyArray<number> | undefined) {
    this.durationBounds = durationBounds
  }

  get totals(): Totals {
    const { failures, ignored, slow, successes } = this
    return { successes, failures, ignored, slow }
  }

  get hasCalls(): boolean {
    return this.failures + this.successes + this.ignored + this.rejected > 0
  }

  get durations(): Durations | undefined {
    const { durationBounds, measured } = this
    return durationBounds && (measured ?? new CallDurations(durationBounds)).read()
  }

  protected countResult(failed: boolean): void {
    if (failed) this.failures++
    else this.successes++
  }

  protected measure(failed: boolean, millis: number): void {
    if (this.durationBounds === undefined) return
    this.measured ??= new CallDurations(this.durationBounds)
    this.measured.record(failed, millis)
  }

  add(other: Counters): void {
    this.late += other.late
    this.openings += other.openings
    this.rejected += other.rejected
    this.slow += other.slow
    this.ignored += other.ignored
    this.failures += other.failures
    this.successes += other.successes
    if (other.measured === undefined || this.durationBounds === undefined) return
    this.measured ??= new CallDurations(this.durationBounds)
    this.measured.add(other.measured)
  }

  /** All counters begin again at zero. */
  clear(): void {
    this.late =
      this.openings =
      this.rejected =
      this.slow =
      this.ignored =
      this.failures =
      this.successes =
        0
    this.measured = undefined
  }
}
