/**
 * The default algorithm: two signs of overload, and one move a window.
 *
 * The first sign is the stretch: how many times slower than usual the answers of each class are. Each class is compared
 * with its own baseline, so that a change of the mix is no overload. The second sign is the share of drops.
 *
 * Invariants
 * - The limit moves only where a window closes: at a judged call, `window` after the last close or later, with
 *   `minimumCalls` judged calls.
 * - It grows only if at least half of it was in use, so that an idle hour leaves it.
 * - It is lowered only by a stretch above `tolerance` or by drops.
 */
import { type Algorithm, type AlgorithmRules, CLASSES, type Judged, type Reading, type Reason } from "./algorithm.ts"
import { ClassTimes } from "./classTimes.ts"

/** The strongest brake and the strongest cut of one window. */
const STRONGEST_BRAKE = 0.8
const STRONGEST_CUT = 0.3

/** After this many brakes in a row, none of which made the answers a tenth faster, the load is not what slows them. */
const VAIN_BRAKES = 4
const IMPROVED = 0.9

/** The growth of a window until the first sign of overload, as a share of the limit. */
const SLOW_START = 0.25

/** One drop in a window is chance. */
const FEWEST_DROPS = 2

export class Gradient implements Algorithm {
  limit: number
  reason: Reason = "initial"
  private readonly rules: AlgorithmRules
  private classes: Array<ClassTimes | undefined> = []
  private opened: number
  private peak = 0
  private judged = 0
  private dropped = 0
  private brakes = 0
  private stretchBefore = 1
  private slowStart = true
  private stretch = 1
  private share = 0

  constructor(rules: AlgorithmRules, now: number) {
    this.rules = rules
    this.limit = rules.initial
    this.opened = now
  }

  begun(inFlight: number): void {
    if (inFlight > this.peak) this.peak = inFlight
  }

  sampled(classIndex: number, sample: number): void {
    ;(this.classes[classIndex] ??= new ClassTimes()).add(sample)
  }

  ended(call: Judged, now: number): void {
    this.judged++
    if (call.outcome === "drop") this.dropped++
    if (call.inFlight > this.peak) this.peak = call.inFlight
    if (this.judged >= this.rules.minimumCalls && now - this.opened >= this.rules.window) this.close(now)
  }

  reset(now: number): void {
    this.limit = this.rules.initial
    this.reason = "initial"
    this.classes = []
    this.brakes = 0
    this.slowStart = true
    this.stretch = 1
    this.share = 0
    this.open(now)
  }

  read(): Reading {
    return {
      stretch: this.stretch,
      drops: this.share,
      baselines: Array.from({ length: CLASSES }, (_, index) => this.classes[index]?.baseline)
    }
  }

  private open(now: number): void {
    this.opened = now
    this.peak = this.judged = this.dropped = 0
  }

  private close(now: number): void {
    const { backoff, max, min, tolerance } = this.rules
    const isUsed = this.peak * 2 >= this.limit
    const share = this.share = this.dropped >= FEWEST_DROPS ? this.dropped / this.judged : 0
    const stretch = this.stretch = this.stretchOfWindow()
    this.open(now)
    if (stretch > tolerance || share > 0) this.slowStart = false
    let limit = this.limit
    let reason: Reason = "hold"
    if (stretch > tolerance) {
      reason = this.brakeIsVain(stretch) ? this.relearn() : "brake"
      if (reason === "brake") limit *= Math.max(STRONGEST_BRAKE, tolerance / stretch)
    } else {
      this.brakes = 0
      if (isUsed && share < 1) {
        reason = "grow"
        limit += (this.slowStart ? limit * SLOW_START : Math.max(1, Math.sqrt(limit) / 2)) * (1 - share)
      }
    }
    if (share > 0) limit *= 1 - Math.min(STRONGEST_CUT, share * backoff)
    if (share > 0 && limit < this.limit && reason !== "brake") reason = "drop"
    this.reason = limit > max ? "max" : limit < min ? "min" : reason
    this.limit = Math.min(max, Math.max(min, limit))
  }

  /** The mean over the classes, by their samples; 1 without samples. */
  private stretchOfWindow(): number {
    let sum = 0
    let weights = 0
    for (const times of this.classes) {
      if (times === undefined) continue
      times.close()
      if (times.weight === 0) continue
      sum += times.weight * times.median / times.baseline!
      weights += times.weight
    }
    return weights === 0 ? 1 : sum / weights
  }

  /** Counts the brakes that did not help, and says whether there have been enough. */
  private brakeIsVain(stretch: number): boolean {
    if (this.brakes++ === 0) this.stretchBefore = stretch
    const helped = stretch <= this.stretchBefore * IMPROVED
    if (this.brakes > VAIN_BRAKES && !helped) return true
    if (stretch < this.stretchBefore * IMPROVED) {
      this.stretchBefore = stretch
      this.brakes = 1
    }
    return false
  }

  private relearn(): Reason {
    this.brakes = 0
    for (const times of this.classes) times?.relearn()
    return "relearn"
  }
}
