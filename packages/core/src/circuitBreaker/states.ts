/**
 * The state of a circuit and how it changes: by what was counted, by time, by hand.
 *
 * Invariants
 * - A change of state is complete before any listener is called: a listener may change the state again.
 * - What time changes (a call in flight that becomes slow, an opening that elapses, a probe that hangs) counts as of the
 *   moment at which it was due, in that order, however much later a call or a reader has it noticed. Whoever reads the
 *   circuit, and when, therefore changes no number.
 */
import type * as Clock from "effect/Clock"
import type { BreakerRules } from "./machineModel.ts"
import type { State, Thresholds, TransitionReason } from "./model.ts"
import type { SlowCallTracker } from "./slowCalls.ts"
import { Counters } from "./counters.ts"
import { Probes } from "./probes.ts"
import { RampUp } from "./rampUp.ts"
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"
import { monotonicMillis, wallMillis } from "../internal/runtime/time.ts"
import * as Verdict from "./verdict.ts"

/** Results, and how many of them failed, were slow, or both. */
type Counts = Pick<SlidingWindow, "calls" | "failures" | "slow" | "slowFailures">

// Few of many circuits are half-open; the others share this empty one.
const noProbes = new Probes()

export class States extends Counters {
  // Fields that every call touches come first, so that they are close together in memory.
  state: State = "Closed"
  generation = 0
  inFlight = 0
  /** Whether a call in Closed or MetricsOnly has to read the clock: it may be slow, or durations are measured. */
  protected readsClock = false
  /** Whether any call can be slow. */
  protected watchesSlow = false
  /** For families: whether `ended` is called when a call ends. */
  tellsEnds = false
  protected ramp: RampUp | undefined
  protected slowCalls: SlowCallTracker | undefined
  protected failuresInRow = 0
  /** For families: when this circuit was last used. */
  usedAt = 0
  protected readonly window: SlidingWindow
  protected readonly rules: BreakerRules
  readonly name: string
  since: number
  /** The time of the last admission or rejection that read the clock. */
  askedAt = 0
  openingsInRow = 0
  protected openUntil = 0
  /** The whole length of the opening, in milliseconds. */
  protected openedFor = 0
  /** How long the n-th opening in a row lasts, in milliseconds: a schedule is stepped. */
  protected readonly lengthOf: (opening: number) => number
  protected probes = noProbes
  // The generation of the first of the half-open periods in a row that their probes outlived. Only probes were admitted
  // since then.
  protected outlastedFrom = Infinity
  /** The generation in which the counters began. */
  protected countedFrom = 0

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock) {
    super(rules.durationBounds)
    this.name = name
    this.rules = rules
    this.window = rules.makeWindow()
    this.lengthOf = rules.makeOpenings()
    this.readsClock = this.durationBounds !== undefined
    this.since = clock.currentTimeMillisUnsafe()
  }

  /** Whether the circuit rejects every call until time or a command changes that. */
  get isOpen(): boolean {
    return this.state === "Open" || this.state === "ForcedOpen"
  }

  protected get passesAll(): boolean {
    return this.state === "Disabled"
  }

  /** Whether calls pass and their results go into the window. */
  protected get isCounting(): boolean {
    return this.state === "Closed" || this.state === "MetricsOnly"
  }

  /** Counts the calls in flight that are slow by now, each as of the moment at which it became slow. */
  private countOverdue(now: number, clock: Clock.Clock): void {
    let watch = this.slowCalls?.shift(now)
    while (watch !== undefined) {
      const { due } = watch
      watch.mark = this.window.record(false, true, due)
      this.slow++
      watch = this.slowCalls?.shift(now)
      // Calls that become slow at one moment are judged together.
      if (this.state !== "Closed" || watch?.due === due) continue
      const reason = Verdict.ofWindow(this.window, this.failuresInRow, this.rules)
      // Opening stops the watch over the calls in flight.
      if (reason !== undefined) return this.open(due, clock, reason)
    }
  }

  /** Takes elapsed time into account: calls that became slow, an opening or a ramp that is over, a probe that hangs. */
  settle(now: number, clock: Clock.Clock): void {
    if (this.isCounting) {
      if (this.ramp !== undefined && this.ramp.share(now) >= 1) this.ramp = undefined
      this.countOverdue(now, clock)
    }
    if (this.state === "HalfOpen" && now >= this.probes.due) this.open(this.probes.due, clock, "probe-outlasted")
    if (this.state === "Open" && now >= this.openUntil) this.moveTo("HalfOpen", this.openUntil, clock, "open-elapsed")
  }

  /** Milliseconds until the circuit lets a probe pass, if time alone decides that. */
  retryIn(now: number): number | undefined {
    return this.state === "Open" ? Math.max(0, this.openUntil - now) : undefined
  }

  /** Opens for as long as was asked for, up to `maxRetryAfter`, or else for as long as the schedule says. */
  protected open(
    now: number,
    clock: Clock.Clock,
    reason: TransitionReason,
    asked = 0,
    byHand?: number | undefined
  ): void {
    const { generation } = this
    // The schedule is stepped at every opening, also where the length is given.
    const scheduled = this.lengthOf(this.openingsInRow + 1)
    // The user's schedule may have changed the state.
    if (generation !== this.generation) return
    this.openings++
    this.openingsInRow++
    const openFor = byHand ?? (asked > 0 ? Math.min(asked, this.rules.maxRetryAfter) : scheduled)
    this.openedFor = openFor
    this.openUntil = now + openFor
    this.moveTo("Open", now, clock, reason, openFor, asked > 0 ? asked : undefined)
  }

  protected moveTo(
    to: State,
    now: number,
    clock: Clock.Clock,
    reason: TransitionReason,
    openFor?: number | undefined,
    askedFor?: number | undefined
  ): void {
    const from = this.state
    this.enter(to, reason)
    const { rampUp } = this.rules
    if (reason === "probes-succeeded" && rampUp !== undefined) {
      this.ramp = new RampUp(now, rampUp.over, rampUp.from)
    }
    const at = this.since = wallMillis(now, clock)
    const { name: breaker, openingsInRow } = this
    this.rules.onTransition({ breaker, from, to, reason, at, openFor, askedFor, openingsInRow })
  }

  /** Begins a state; leases of the one before do not move the circuit any more. */
  protected enter(to: State, reason: TransitionReason): void {
    this.keepProbes(to, reason)
    this.generation++
    this.state = to
    this.slowCalls = undefined
    this.ramp = undefined
    this.failuresInRow = 0
    if (to !== "Open" && to !== "HalfOpen") this.openingsInRow = 0
    if (to === "Closed" || to === "MetricsOnly" || to === "Disabled") this.window.clear()
  }

  /** Keeps the results of the probes over a period that they outlived, until there is a decision. */
  private keepProbes(to: State, reason: TransitionReason): void {
    if (reason === "probe-outlasted") {
      this.outlastedFrom = Math.min(this.outlastedFrom, this.generation)
      this.probes.outlast()
    } else if (reason !== "open-elapsed" || this.outlastedFrom === Infinity) {
      this.outlastedFrom = Infinity
      this.probes = to === "HalfOpen" ? new Probes() : noProbes
    }
  }

  /** Changes the state by hand; a command for the present state changes nothing. */
  command(to: State, clock: Clock.Clock): void {
    const now = monotonicMillis(clock)
    this.settle(now, clock)
    if (this.state !== to) this.moveTo(to, now, clock, "manual")
  }

  /** Opens by hand. While Open, a given length replaces what is left; a state set by hand stays. */
  trip(millis: number | undefined, clock: Clock.Clock): void {
    const now = monotonicMillis(clock)
    this.settle(now, clock)
    if (this.state === "Closed" || this.state === "HalfOpen") this.open(now, clock, "manual", 0, millis)
    else if (this.state === "Open" && millis !== undefined) {
      this.keepProbes("Open", "manual")
      this.openedFor = millis
      this.openUntil = now + millis
    }
  }

  /** Closes the circuit, empties the window and sets the counters to zero. */
  reset(clock: Clock.Clock): void {
    const now = monotonicMillis(clock)
    this.settle(now, clock)
    this.clear()
    this.countedFrom = this.generation + 1
    if (this.state === "Closed") this.enter("Closed", "manual")
    else this.moveTo("Closed", now, clock, "manual")
  }

  /** The share of calls that pass while the circuit ramps up after closing. */
  rampShare(now: number): number | undefined {
    return this.ramp?.share(now)
  }

  get thresholds(): Thresholds {
    return this.rules.thresholds
  }

  /** Results that the present state is judged by. */
  counts(now: number): Counts {
    const { window } = this
    if (this.state === "HalfOpen") {
      const { failures, results, slow, slowFailures } = this.probes
      return { calls: results, failures, slow, slowFailures }
    }
    window.expire(now)
    return window
  }

  /** How many results the present state needs for a rate. */
  get enough(): number {
    return this.state === "HalfOpen" ? this.rules.halfOpenCalls : this.rules.minimumCalls
  }
}
