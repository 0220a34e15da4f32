/**
 * The state machine of a circuit breaker: each admission and each result is one synchronous step on plain fields.
 *
 * Invariants
 * - A lease carries the generation it was granted in and ends once. The result of an older generation does not move the
 *   circuit, except the success of a probe that outlived its half-open period: it is a result of the following period.
 * - In HalfOpen, probes in flight plus results never exceed `halfOpenCalls` when a probe is admitted.
 * - A change of state is complete before any listener is called: a listener may change the state again.
 * - What time changes (a call in flight that becomes slow, an opening that elapses, a probe that hangs) counts as of the
 *   moment at which it was due, in that order, however much later a call or a reader has it noticed. Whoever reads the
 *   circuit, and when, therefore changes no number.
 * - The totals have each lease once, by its result, except those granted while Disabled.
 * - The clock is read only where time decides: never in Closed with a count window, without slow-call rule, ramp-up and
 *   `measureDurations`.
 */
import type * as Clock from "effect/Clock"
import type { BreakerLease, BreakerRules, Timed } from "./machineModel.ts"
import type { State, Thresholds, TransitionReason } from "./model.ts"
import { SlowCallTracker, type Watch } from "./slowCalls.ts"
import { Counters } from "./counters.ts"
import { Probes } from "./probes.ts"
import { RampUp } from "./rampUp.ts"
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"
import { monotonicMillis, wallMillis } from "../internal/runtime/time.ts"
import * as Verdict from "./verdict.ts"

/** Results, and how many of them failed, were slow, or both. */
type Counts = Pick<SlidingWindow, "calls" | "failures" | "slow" | "slowFailures">

export class BreakerMachine extends Counters {
  // Fields that every call touches come first, so that they are close together in memory.
  state: State = "Closed"
  generation = 0
  inFlight = 0
  /** Whether a call in Closed or MetricsOnly has to read the clock: it may be slow, or durations are measured. */
  private readsClock = false
  /** Whether any call can be slow. */
  private watchesSlow = false
  /** For families: whether `ended` is called when a call ends. */
  tellsEnds = false
  private ramp: RampUp | undefined
  private slowCalls: SlowCallTracker | undefined
  private failuresInRow = 0
  /** For families: when this circuit was last used. */
  usedAt = 0
  private readonly window: SlidingWindow
  protected readonly rules: BreakerRules
  readonly name: string
  since: number
  /** The time of the last admission or rejection that read the clock. */
  askedAt = 0
  openingsInRow = 0
  private openUntil = 0
  private readonly openFor: (opening: number) => number
  private probes = noProbes
  // The generation of the first of the half-open periods in a row that their probes outlived. Only probes were admitted
  // since then.
  private outlastedFrom = Infinity
  /** The generation in which the counters began. */
  private countedFrom = 0

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock) {
    super(rules.durationBounds)
    this.name = name
    this.rules = rules
    this.window = rules.makeWindow()
    this.openFor = rules.makeOpenings()
    this.readsClock = this.durationBounds !== undefined
    this.since = clock.currentTimeMillisUnsafe()
  }

  tryAcquire(lease: BreakerLease): boolean {
    if (!this.wouldAdmit(lease)) return false
    lease.generation = this.generation
    this.inFlight++
    if (this.state === "HalfOpen") {
      lease.isCounted = true
      lease.start = this.askedAt
      lease.watch = this.probes.begin(this.askedAt + this.rules.halfOpenMaxWait)
    } else if (this.state !== "Disabled") {
      lease.isCounted = true
      if (this.readsClock) {
        lease.start = this.askedAt
        if (lease.slowMillis !== Infinity) {
          lease.watch = (this.slowCalls ??= new SlowCallTracker()).add(this.askedAt + lease.slowMillis)
        }
      }
      this.ramp?.spend(this.askedAt)
    }
    return true
  }

  /** From now on calls can be slow. */
  watchSlow(): void {
    this.watchesSlow = this.readsClock = true
  }

  /** Whether a call would be admitted now. */
  wouldAdmit(timed: Timed): boolean {
    if ((this.isCounting && !this.readsClock && this.ramp === undefined) || this.passesAll) return true
    const { clock } = timed
    this.askedAt = monotonicMillis(clock)
    this.settle(this.askedAt, clock)
    if (this.isCounting) return this.ramp === undefined || this.ramp.admits(this.askedAt)
    return this.passesAll || (this.state === "HalfOpen" && this.probes.taken < this.rules.halfOpenCalls)
  }

  /** Whether the circuit rejects every call until time or a command changes that. */
  get isOpen(): boolean {
    return this.state === "Open" || this.state === "ForcedOpen"
  }

  /** Whether a circuit that is open stays so for now. */
  staysOpen(clock: Clock.Clock): boolean {
    if (this.state === "ForcedOpen") return true
    this.askedAt = monotonicMillis(clock)
    return this.askedAt < this.openUntil
  }

  private get passesAll(): boolean {
    return this.state === "Disabled"
  }

  /** Whether calls pass and their results go into the window. */
  private get isCounting(): boolean {
    return this.state === "Closed" || this.state === "MetricsOnly"
  }

  /** Ends the lease of an ignored call. One that became slow before has been counted as slow. */
  release(lease: BreakerLease): void {
    if (lease.watch !== undefined) this.catchUp(lease)
    const generation = this.end(lease)
    if (generation >= 0 && lease.isCounted) this.ignored++
    if (generation === this.generation) {
      if (lease.watch !== undefined) {
        if (this.state === "HalfOpen") this.probes.forget(lease.watch)
        else this.slowCalls?.remove(lease.watch)
      }
    } else if (generation >= 0) this.late++
    if (this.tellsEnds) this.ended()
  }

  /**
   * Ends a lease with a result. `retryAfter` is the wait that the target asked for. `tripFor` opens the circuit now for
   * that long; zero for as long as the schedule says. Both in milliseconds.
   */
  record(
    lease: BreakerLease,
    failed: boolean,
    retryAfter: number | undefined,
    tripFor: number | undefined
  ): void {
    // Most calls end here.
    if (this.state === "Closed" && !this.readsClock && lease.generation === this.generation) {
      this.countResult(failed)
      this.end(lease)
      this.recordCall(lease, failed, tripFor)
      if (this.tellsEnds) this.ended()
      return
    }
    let now: number | undefined
    if (lease.generation >= 0 && lease.isCounted) now = this.countCall(lease, failed)
    now = this.catchUp(lease, now)
    const generation = this.end(lease)
    if (generation === this.generation) {
      if (this.isCounting) this.recordCall(lease, failed, tripFor, now)
      else if (this.state === "HalfOpen") this.recordProbe(lease, failed, retryAfter, tripFor, now!)
    } else if (generation >= 0) this.recordLate(lease, generation, failed)
    if (this.tellsEnds) this.ended()
  }

  /** Adds a result to the totals. Returns the present time if that was read. */
  private countCall(lease: BreakerLease, failed: boolean): number | undefined {
    this.countResult(failed)
    if (this.durationBounds === undefined) return undefined
    const now = monotonicMillis(lease.clock)
    this.measure(failed, now - lease.start)
    return now
  }

  /** A probe is alive: the circuit waits for it as if it had just begun. */
  prolong(lease: BreakerLease, clock: Clock.Clock): void {
    if (this.state !== "HalfOpen" || lease.generation !== this.generation) return
    const now = monotonicMillis(clock)
    this.settle(now, clock)
    if (lease.generation === this.generation) this.probes.prolong(lease.watch!, now + this.rules.halfOpenMaxWait)
  }

  // What a call counts for must not depend on whether the circuit was read before its end.
  private catchUp(lease: BreakerLease, at?: number): number | undefined {
    if (lease.generation !== this.generation) return at
    if (this.state !== "HalfOpen" && (this.slowCalls === undefined || !this.isCounting)) return at
    const { clock } = lease
    const now = at ?? monotonicMillis(clock)
    this.settle(now, clock)
    return now
  }

  /** A call has ended: called where `tellsEnds` is set. */
  protected ended(): void {}

  /** Returns the generation of the lease, or -1 if it was not granted or has ended. */
  private end(lease: BreakerLease): number {
    const { generation } = lease
    if (generation >= 0) {
      lease.generation = -1
      this.inFlight--
    }
    return generation
  }

  private recordCall(lease: BreakerLease, failed: boolean, tripFor: number | undefined, at?: number): void {
    const { window } = this
    const { watch } = lease
    if (watch === undefined || watch.mark < 0) {
      if (watch !== undefined) this.slowCalls!.remove(watch)
      window.record(failed, false, at ?? (window.timed ? monotonicMillis(lease.clock) : 0))
    } else {
      window.expire(at!)
      if (failed) window.amend(watch.mark)
    }
    this.failuresInRow = failed ? this.failuresInRow + 1 : 0
    if (this.state !== "Closed") return
    const reason = tripFor === undefined ? Verdict.ofWindow(window, this.failuresInRow, this.rules) : "trip-for"
    if (reason !== undefined) this.open(at ?? monotonicMillis(lease.clock), lease.clock, reason, tripFor)
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

  private recordProbe(
    lease: BreakerLease,
    failed: boolean,
    retryAfter: number | undefined,
    tripFor: number | undefined,
    now: number
  ): void {
    const { clock } = lease
    const slow = now - lease.start >= lease.slowMillis
    if (slow) this.slow++
    this.probes.forget(lease.watch!)
    this.probes.record(failed, slow, retryAfter)
    if (tripFor !== undefined) this.open(now, clock, "trip-for", tripFor)
    else this.decide(now, clock)
  }

  /** The result of an earlier generation. Of a probe that outlived its period, a success that is not slow counts. */
  private recordLate(lease: BreakerLease, generation: number, failed: boolean): void {
    const { clock } = lease
    if (lease.isCounted && lease.slowMillis !== Infinity && !this.isInTotals(lease.watch!, generation)) {
      if (monotonicMillis(clock) - lease.start >= lease.slowMillis) this.slow++
    }
    if (!failed && generation >= this.outlastedFrom) {
      const now = monotonicMillis(clock)
      this.settle(now, clock)
      if (generation >= this.outlastedFrom && now - lease.start < lease.slowMillis) {
        this.probes.record(false, false, undefined)
        return this.decide(now, clock)
      }
    }
    this.late++
  }

  /** Whether a call has been counted as slow since the counters began. */
  private isInTotals({ mark }: Watch, generation: number): boolean {
    return mark >= 0 && generation >= this.countedFrom
  }

  private decide(now: number, clock: Clock.Clock): void {
    const verdict = Verdict.ofProbes(this.probes, this.rules, this.watchesSlow)
    if (verdict === "probes-failed") this.open(now, clock, verdict, this.probes.retryAfter)
    else if (verdict !== undefined) this.moveTo("Closed", now, clock, verdict)
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
  private open(
    now: number,
    clock: Clock.Clock,
    reason: TransitionReason,
    asked = 0,
    byHand?: number | undefined
  ): void {
    const { generation } = this
    // The schedule is stepped at every opening, also where the length is given.
    const scheduled = this.openFor(this.openingsInRow + 1)
    // The user's schedule may have changed the state.
    if (generation !== this.generation) return
    this.openings++
    this.openingsInRow++
    const openFor = byHand ?? (asked > 0 ? Math.min(asked, this.rules.maxRetryAfter) : scheduled)
    this.openUntil = now + openFor
    this.moveTo("Open", now, clock, reason, openFor, asked > 0 ? asked : undefined)
  }

  private moveTo(
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
  private enter(to: State, reason: TransitionReason): void {
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

// Few of many circuits are half-open; the others share this empty one.
const noProbes = new Probes()
