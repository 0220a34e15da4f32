/**
 * The default algorithm: two signs of overload, and one move a window.
 *
 * The first sign is the stretch: how many times slower than usual the answers of each class are. Each class is compared
 * with its own baseline, so that a change of the mix is no overload. The second sign is the share of drops.
 *
 * Neither sign says whose fault it is. A provider can be slow, and time out, whatever we do. So a brake that does not help
 * is undone (`brakes.ts`), and a call that was dropped although its answer had begun in time counts half: it was long, or
 * the provider wrote it slowly.
 *
 * Where nothing is answered, the provider is down rather than overloaded, and a circuit lets a few calls through to see
 * when it is back. A limit of which less than half is in use is not the reason why those fail: they leave it where it is. The
 * first window after an outage that is without a sign of overload takes it to half of what it was before. It may have
 * been an overload in which nothing was answered; then it is one of half the calls the next time.
 *
 * Invariants
 * - The limit moves only where a window closes: at a judged call, `window` after the last close or later, with
 *   `minimumCalls` judged calls.
 * - It grows only if at least half of it was in use, so that an idle hour leaves it, or to undo brakes.
 * - It grows by no more than a quarter, but to undo brakes, and after an outage.
 * - It is lowered only by a stretch above `tolerance` or by drops.
 */
import { type Algorithm, type AlgorithmRules, CLASSES, type Judged, type Reading, type Reason } from "./algorithm.ts"
import { Brakes } from "./brakes.ts"
import { ClassTimes } from "./classTimes.ts"
import { type Savable, type SavedLearnt, trustedLimit } from "./saved.ts"

/** The strongest brake and the strongest cut of one window. */
const STRONGEST_BRAKE = 0.8
const STRONGEST_CUT = 0.3

/** The growth of a window until the first sign of overload, as a share of the limit. */
const SLOW_START = 0.25

/** The limit after an outage, as a share of that before. */
const REGAINED = 0.5

/** One drop in a window is chance. */
const FEWEST_DROPS = 2

/** Up to this stretch, answers begin in time. */
const IN_TIME = 1.3

/** A limit that is trusted less than this is found again as fast as a first one. */
const TRUSTED = 0.5

/** What a drop counts whose answer had begun in time. */
const DROP_AFTER_FIRST_TOKEN = 0.5

export class Gradient implements Algorithm, Savable {
  limit: number
  reason: Reason = "initial"
  private readonly rules: AlgorithmRules
  private readonly brakes = new Brakes()
  private classes: Array<ClassTimes | undefined> = []
  private opened: number
  private peak = 0
  private judged = 0
  /** Of those, the drops that count no more. */
  private forgotten = 0
  private dropped = 0
  /** Of those, the calls whose answer had begun. */
  private droppedLate = 0
  private slowStart = true
  /** What the limit was before the windows without an answer; 0 once it has grown again. */
  private beforeOutage = 0
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
    if (this.beforeOutage > 0 && call.outcome === "success" && this.isOut && !this.isInUse) this.forgetDrops()
    this.judged++
    if (call.outcome === "drop") {
      this.dropped++
      if (call.hasSample) this.droppedLate++
    }
    if (call.inFlight > this.peak) this.peak = call.inFlight
    if (this.judged < this.rules.minimumCalls) return
    // A clock that has run backwards must not hold the window open until it is where it was.
    if (now < this.opened) this.opened = now
    if (now - this.opened >= this.rules.window) this.close(now)
  }

  reset(now: number): void {
    this.limit = this.rules.initial
    this.reason = "initial"
    // A series of brakes ends by itself: without a baseline, the next window has no stretch.
    this.classes = []
    this.slowStart = true
    this.beforeOutage = 0
    this.stretch = 1
    this.share = 0
    this.open(now)
  }

  /** The window that is open, and a series of brakes, end with the process. */
  save(): SavedLearnt {
    const { beforeOutage, limit, reason, slowStart } = this
    const baselines = this.classes.flatMap((times, number) => times?.save(number) ?? [])
    return { limit, reason, slowStart, ...beforeOutage > 0 && { beforeOutage }, baselines }
  }

  restore({ baselines, beforeOutage, limit, reason, slowStart = true }: SavedLearnt, trust: number): void {
    this.limit = trustedLimit(limit, trust, this.rules)
    this.reason = reason
    this.slowStart = slowStart || trust < TRUSTED
    this.beforeOutage = beforeOutage === undefined ? 0 : trustedLimit(beforeOutage, trust, this.rules)
    for (const saved of baselines) (this.classes[saved.number] ??= new ClassTimes()).restore(saved, trust)
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
    this.peak =
      this.judged =
      this.forgotten =
      this.dropped =
      this.droppedLate =
        0
  }

  /** What was dropped before the first answer after an outage belongs to the outage. */
  private forgetDrops(): void {
    this.forgotten = this.judged
    this.dropped = this.droppedLate = 0
  }

  /** Whether nothing was answered in this window. */
  private get isOut(): boolean {
    return this.dropped === this.judged
  }

  /** Whether at least half of the limit was in use in this window. */
  private get isInUse(): boolean {
    return this.peak * 2 >= this.limit
  }

  private close(now: number): void {
    const { max, min } = this.rules
    this.stretch = this.stretchOfWindow()
    const cut = this.cutOfWindow()
    if (this.isOut && this.dropped >= FEWEST_DROPS) {
      this.beforeOutage = Math.max(this.beforeOutage, this.limit)
      if (!this.isInUse) {
        this.reason = "hold"
        this.open(now)
        return
      }
    }
    if (this.stretch > this.rules.tolerance || cut > 0) this.slowStart = false
    let limit = this.stretch > this.rules.tolerance ? this.slowed(now) : this.grown(cut)
    if (cut > 0) {
      limit *= 1 - Math.min(STRONGEST_CUT, cut * this.rules.backoff)
      if (limit < this.limit && this.reason !== "brake") this.reason = "drop"
    }
    if (limit > max) this.reason = "max"
    if (limit < min) this.reason = "min"
    this.limit = Math.min(max, Math.max(min, limit))
    this.open(now)
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

  /** The share of drops, as far as it is a sign of overload. */
  private cutOfWindow(): number {
    const judged = this.judged - this.forgotten
    this.share = this.dropped / judged
    if (this.dropped < FEWEST_DROPS) return 0
    const excused = this.stretch < IN_TIME ? this.droppedLate * (1 - DROP_AFTER_FIRST_TOKEN) : 0
    return (this.dropped - excused) / judged
  }

  /** The limit after a window of slow answers. */
  private slowed(now: number): number {
    const { brakes, limit, opened, peak, stretch } = this
    const verdict = brakes.judge(limit, stretch, this.slowest(), peak <= limit, opened, now)
    if (verdict === "vain") {
      for (const times of this.classes) times?.relearn()
      this.reason = "relearn"
      return Math.max(limit, brakes.limitBefore)
    }
    this.reason = verdict === "brake" ? "brake" : "hold"
    return verdict === "brake" ? limit * Math.max(STRONGEST_BRAKE, this.rules.tolerance / stretch) : limit
  }

  /** The limit after a window of answers in time. */
  private grown(cut: number): number {
    const { limit } = this
    this.brakes.end()
    this.reason = "hold"
    if (!this.isInUse || this.isOut) return limit
    this.reason = "grow"
    const regained = cut > 0 ? 0 : this.beforeOutage * REGAINED
    if (cut === 0) this.beforeOutage = 0
    return Math.max(
      regained,
      limit + (this.slowStart ? limit * SLOW_START : Math.max(1, Math.sqrt(limit) / 2)) * (1 - cut)
    )
  }

  private slowest(): number {
    let slowest = 0
    for (const times of this.classes)
      if (times !== undefined && times.weight > 0) slowest = Math.max(slowest, times.median)
    return slowest
  }
}
