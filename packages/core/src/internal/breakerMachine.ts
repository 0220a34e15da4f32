/**
 * The state machine of a circuit breaker: every question and every result is one synchronous step on plain fields.
 *
 * Invariants
 * - A lease carries the generation it was granted in and ends once. The result of an older generation moves nothing.
 * - In HalfOpen, probes in flight plus probes counted never exceed `halfOpenCalls`.
 * - The clock is read only where time decides: never in Closed with a count window, no slow-call rule and no ramp-up.
 */
import type * as Clock from "effect/Clock"
import { Overdue, type Watch } from "./overdue.ts"
import { Probes } from "./probes.ts"
import { RampUp } from "./rampUp.ts"
import type { SlidingWindow } from "./slidingWindow.ts"
import { monotonicMillis } from "./time.ts"

export type BreakerState = "Closed" | "Open" | "HalfOpen" | "ForcedOpen" | "Disabled" | "MetricsOnly"

export type BreakerReason =
  | "failure-rate"
  | "slow-call-rate"
  | "consecutive-failures"
  | "trip-for"
  | "open-elapsed"
  | "probes-succeeded"
  | "probes-failed"
  | "probe-outlasted"
  | "by-hand"

export interface BreakerTransition {
  readonly breaker: string
  readonly from: BreakerState
  readonly to: BreakerState
  readonly reason: BreakerReason
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** The length of the opening in milliseconds, when `to` is Open. */
  readonly openFor: number | undefined
  readonly openingsInRow: number
}

/** Numbers that are off are `Infinity`, so that their comparisons never hold. */
export interface BreakerRules {
  readonly makeWindow: () => SlidingWindow
  readonly minimumCalls: number
  readonly failureRate: number
  readonly slowCallRate: number
  readonly consecutiveFailures: number
  readonly halfOpenCalls: number
  readonly halfOpenFailureRate: number
  readonly halfOpenMaxWait: number
  readonly rampUp: { readonly over: number; readonly from: number } | undefined
  /** Gives the length of the n-th opening in a row, counted from 1. */
  readonly makeOpenings: () => (opening: number) => number
  readonly onTransition: (transition: BreakerTransition) => void
}

/** One admission. `generation` is -1 until it is granted and again when it has ended. */
export interface BreakerLease {
  generation: number
  start: number
  /** Only of a call that is watched for being slow while it is in flight. */
  watch: Watch | undefined
  /** From how many milliseconds on the call is slow; infinity when it never is. */
  readonly slowMillis: number
}

export class BreakerMachine {
  // What every call touches comes first, and lies together.
  state: BreakerState = "Closed"
  generation = 0
  inFlight = 0
  /** Whether any call can be slow. */
  watchesSlow = false
  private ramp: RampUp | undefined
  private overdue: Overdue | undefined
  private failuresInRow = 0
  /** For whoever keeps many circuits: when this one was last used. */
  usedAt = 0
  private readonly window: SlidingWindow
  private readonly rules: BreakerRules
  readonly name: string
  since: number
  rejected = 0
  openings = 0
  late = 0
  /** When the circuit was last asked, where time mattered. */
  askedAt = 0
  openingsInRow = 0
  private openUntil = 0
  private readonly openFor: (opening: number) => number
  private probes = noProbes

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock) {
    this.name = name
    this.rules = rules
    this.window = rules.makeWindow()
    this.openFor = rules.makeOpenings()
    this.since = clock.currentTimeMillisUnsafe()
  }

  tryAcquire(lease: BreakerLease, clock: Clock.Clock): boolean {
    if (!this.wouldAdmit(clock)) return false
    lease.generation = this.generation
    this.inFlight++
    if (this.state === "HalfOpen") {
      lease.start = this.askedAt
      this.probes.begin(this.askedAt)
    } else if (this.state !== "Disabled") {
      if (this.watchesSlow) lease.watch = (this.overdue ??= new Overdue()).add(this.askedAt + lease.slowMillis)
      this.ramp?.spend(this.askedAt)
    }
    return true
  }

  /** Whether a call would be admitted now; a refusal is counted. */
  wouldAdmit(clock: Clock.Clock): boolean {
    if (this.state === "Disabled" || (this.isCounting && !this.watchesSlow && this.ramp === undefined)) return true
    this.askedAt = monotonicMillis(clock)
    this.settle(this.askedAt, clock)
    if (this.isCounting && (this.ramp === undefined || this.ramp.admits(this.askedAt))) return true
    if (this.state === "HalfOpen" && this.probes.taken < this.rules.halfOpenCalls) return true
    this.rejected++
    return false
  }

  /** Whether calls pass and their results go into the window. */
  private get isCounting(): boolean {
    return this.state === "Closed" || this.state === "MetricsOnly"
  }

  /** Ends a lease that says nothing about the callee. */
  release(lease: BreakerLease): void {
    if (!this.end(lease)) return
    if (this.state === "HalfOpen") this.probes.forget(lease.start)
    else if (lease.watch !== undefined) this.overdue?.remove(lease.watch)
  }

  /**
   * Ends a lease with a result. `retryAfter` is the wait the callee asked for; `tripFor` is an order to open now for
   * that long; both in milliseconds.
   */
  record(
    lease: BreakerLease,
    failed: boolean,
    clock: Clock.Clock,
    retryAfter: number | undefined,
    tripFor: number | undefined
  ): void {
    const watch = lease.generation === this.generation ? lease.watch : undefined
    if (watch !== undefined) {
      // Others that are slow by now come first, and with them the circuit may open; this one is told with its result.
      this.overdue?.remove(watch)
      this.countOverdue(monotonicMillis(clock), clock)
    }
    if (!this.end(lease)) return
    if (this.isCounting) this.recordCall(watch, failed, clock, tripFor)
    else if (this.state === "HalfOpen") this.recordProbe(lease, failed, clock, retryAfter, tripFor)
  }

  private end(lease: BreakerLease): boolean {
    const generation = lease.generation
    if (generation < 0) return false
    lease.generation = -1
    this.inFlight--
    if (generation === this.generation) return true
    this.late++
    return false
  }

  private recordCall(
    watch: Watch | undefined,
    failed: boolean,
    clock: Clock.Clock,
    tripFor: number | undefined
  ): void {
    const { window } = this
    if (watch === undefined || watch.mark < 0) {
      const now = watch !== undefined || window.timed ? monotonicMillis(clock) : 0
      window.record(failed, watch !== undefined && now >= watch.due, now)
    } else if (failed) {
      window.amend(watch.mark)
    }
    this.failuresInRow = failed ? this.failuresInRow + 1 : 0
    if (this.state !== "Closed") return
    if (tripFor !== undefined) this.open(monotonicMillis(clock), clock, "trip-for", tripFor)
    else this.judge(clock)
  }

  /** Counts the calls in flight that are slow by now, before they end. */
  private countOverdue(now: number, clock: Clock.Clock): void {
    let watch = this.overdue?.shift(now)
    if (watch === undefined) return
    for (; watch !== undefined; watch = this.overdue?.shift(now)) watch.mark = this.window.record(false, true, now)
    if (this.state === "Closed") this.judge(clock)
  }

  private judge(clock: Clock.Clock): void {
    const reason = this.verdict()
    if (reason !== undefined) this.open(monotonicMillis(clock), clock, reason)
  }

  private verdict(): BreakerReason | undefined {
    const { consecutiveFailures, failureRate, minimumCalls, slowCallRate } = this.rules
    const { window } = this
    if (this.failuresInRow >= consecutiveFailures) return "consecutive-failures"
    const calls = window.calls
    if (calls < minimumCalls) return undefined
    // Divided, not multiplied: 7 / 100 is the double nearest to 0.07, while 0.07 * 100 is more than 7.
    if (window.failures / calls >= failureRate) return "failure-rate"
    if (window.slow / calls >= slowCallRate) return "slow-call-rate"
    return undefined
  }

  private recordProbe(
    lease: BreakerLease,
    failed: boolean,
    clock: Clock.Clock,
    retryAfter: number | undefined,
    tripFor: number | undefined
  ): void {
    const probes = this.probes
    const now = monotonicMillis(clock)
    probes.forget(lease.start)
    probes.record(failed, now - lease.start >= lease.slowMillis, retryAfter)
    if (tripFor !== undefined) return this.open(now, clock, "trip-for", tripFor)
    // Decided as soon as the missing results can no longer change the decision.
    const { consecutiveFailures, halfOpenCalls, halfOpenFailureRate } = this.rules
    const slowCallRate = this.watchesSlow ? this.rules.slowCallRate : Infinity
    const failing = (missing: number): boolean =>
      (probes.failures + missing) / halfOpenCalls >= halfOpenFailureRate ||
      (probes.slow + missing) / halfOpenCalls >= slowCallRate ||
      probes.failuresInRow + missing >= consecutiveFailures
    if (failing(0)) {
      this.open(now, clock, "probes-failed", probes.retryAfter > 0 ? probes.retryAfter : undefined)
    } else if (!failing(halfOpenCalls - probes.results)) {
      this.moveTo("Closed", clock, "probes-succeeded")
      const { rampUp } = this.rules
      if (rampUp !== undefined) this.ramp = new RampUp(now, rampUp.over, rampUp.from)
    }
  }

  /** Takes elapsed time into account: calls that became slow, an opening or a ramp that is over, a probe that hangs. */
  settle(now: number, clock: Clock.Clock): void {
    if (this.isCounting) {
      if (this.ramp !== undefined && this.ramp.share(now) >= 1) this.ramp = undefined
      this.countOverdue(now, clock)
    }
    const oldest = this.state === "HalfOpen" ? this.probes.starts[0] : undefined
    if (oldest !== undefined && now - oldest >= this.rules.halfOpenMaxWait) {
      this.open(oldest + this.rules.halfOpenMaxWait, clock, "probe-outlasted")
    }
    if (this.state === "Open" && now >= this.openUntil) this.moveTo("HalfOpen", clock, "open-elapsed")
  }

  /** Milliseconds until the circuit asks again, if time alone decides that. */
  retryIn(now: number): number | undefined {
    return this.state === "Open" ? Math.max(0, this.openUntil - now) : undefined
  }

  open(now: number, clock: Clock.Clock, reason: BreakerReason, millis?: number | undefined): void {
    this.openings++
    this.openingsInRow++
    // The schedule takes a step for every opening, also for one whose length is given.
    const scheduled = this.openFor(this.openingsInRow)
    const openFor = millis ?? scheduled
    this.openUntil = now + openFor
    this.moveTo("Open", clock, reason, openFor)
  }

  moveTo(to: BreakerState, clock: Clock.Clock, reason: BreakerReason, openFor?: number | undefined): void {
    const from = this.state
    this.generation++
    this.state = to
    this.probes = to === "HalfOpen" ? new Probes() : noProbes
    this.overdue = undefined
    this.ramp = undefined
    this.failuresInRow = 0
    if (to !== "Open" && to !== "HalfOpen") this.openingsInRow = 0
    if (to === "Closed" || to === "MetricsOnly" || to === "Disabled") this.window.clear()
    this.since = clock.currentTimeMillisUnsafe()
    this.rules.onTransition({
      breaker: this.name,
      from,
      to,
      reason,
      at: this.since,
      openFor,
      openingsInRow: this.openingsInRow
    })
  }

  /** Back to the beginning: Closed, and the counters at zero. */
  reset(clock: Clock.Clock): void {
    this.moveTo("Closed", clock, "by-hand")
    this.rejected = this.openings = this.late = 0
  }

  /** The share of calls that pass while the circuit ramps up after closing. */
  rampShare(now: number): number | undefined {
    return this.ramp?.share(now)
  }

  /** Results that the present state is judged by. */
  counts(now: number): { readonly calls: number; readonly failures: number; readonly slow: number } {
    const { window } = this
    if (this.state === "HalfOpen") {
      return { calls: this.probes.results, failures: this.probes.failures, slow: this.probes.slow }
    }
    window.expire(now)
    return window
  }

  /** How many results the present state needs before a rate means anything. */
  get enough(): number {
    return this.state === "HalfOpen" ? this.rules.halfOpenCalls : this.rules.minimumCalls
  }
}

// Of many keyed circuits few are half-open; the others share what they do not use.
const noProbes = new Probes()
