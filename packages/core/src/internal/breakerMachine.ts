/**
 * The state machine of a circuit breaker: every question and every result is one synchronous step on plain fields.
 *
 * Invariants
 * - A lease carries the generation it was granted in and ends once. The result of an older generation moves nothing.
 * - In HalfOpen, probes in flight plus probes counted never exceed `halfOpenCalls`.
 * - The clock is read only where time decides: never in Closed with a count window and no slow-call rule.
 */
import type * as Clock from "effect/Clock"
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
  readonly from: BreakerState
  readonly to: BreakerState
  readonly reason: BreakerReason
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** The length of the opening in milliseconds, when `to` is Open. */
  readonly openFor: number | undefined
}

/** Numbers that are off are `Infinity`, so that their comparisons never hold. */
export interface BreakerRules {
  readonly window: SlidingWindow
  readonly minimumCalls: number
  readonly failureRate: number
  readonly slowCallMillis: number
  readonly slowCallRate: number
  readonly consecutiveFailures: number
  readonly halfOpenCalls: number
  readonly halfOpenFailureRate: number
  readonly halfOpenMaxWait: number
  /** The length of the n-th opening in a row, counted from 1. */
  readonly openFor: (opening: number) => number
  readonly onTransition: (transition: BreakerTransition) => void
}

/** One admission. `generation` is -1 until it is granted and again when it has ended. */
export interface BreakerLease {
  generation: number
  /** Meaningful only while the machine watches durations. */
  start: number
}

export class BreakerMachine {
  state: BreakerState = "Closed"
  since: number
  generation = 0
  inFlight = 0
  rejected = 0
  openings = 0
  late = 0
  /** When an open or half-open circuit was last asked. */
  askedAt = 0
  private readonly rules: BreakerRules
  private openUntil = 0
  private openingsInRow = 0
  private failuresInRow = 0
  private probes = new Probes()

  constructor(rules: BreakerRules, clock: Clock.Clock) {
    this.rules = rules
    this.since = clock.currentTimeMillisUnsafe()
  }

  tryAcquire(lease: BreakerLease, clock: Clock.Clock): boolean {
    const state = this.state
    if (state === "Closed" || state === "MetricsOnly" || state === "Disabled") {
      if (this.rules.slowCallMillis !== Infinity) lease.start = monotonicMillis(clock)
    } else if (this.wouldAdmit(clock)) {
      lease.start = this.askedAt
      this.probes.starts.push(lease.start)
    } else {
      return false
    }
    lease.generation = this.generation
    this.inFlight++
    return true
  }

  /** Whether a call would be admitted now; a refusal is counted. */
  wouldAdmit(clock: Clock.Clock): boolean {
    const state = this.state
    if (state === "Closed" || state === "MetricsOnly" || state === "Disabled") return true
    this.askedAt = monotonicMillis(clock)
    this.settle(this.askedAt, clock)
    if (this.state === "HalfOpen" && this.probes.taken < this.rules.halfOpenCalls) return true
    this.rejected++
    return false
  }

  /** Ends a lease that says nothing about the callee. */
  release(lease: BreakerLease): void {
    if (!this.end(lease)) return
    if (this.state === "HalfOpen") this.probes.forget(lease.start)
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
    if (!this.end(lease)) return
    switch (this.state) {
      case "Closed":
      case "MetricsOnly":
        return this.recordClosed(lease, failed, clock, tripFor)
      case "HalfOpen":
        return this.recordProbe(lease, failed, clock, retryAfter, tripFor)
    }
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

  private recordClosed(
    lease: BreakerLease,
    failed: boolean,
    clock: Clock.Clock,
    tripFor: number | undefined
  ): void {
    const { slowCallMillis, window } = this.rules
    const watched = slowCallMillis !== Infinity
    const now = watched || window.timed ? monotonicMillis(clock) : 0
    window.record(failed, watched && now - lease.start >= slowCallMillis, now)
    this.failuresInRow = failed ? this.failuresInRow + 1 : 0
    if (this.state !== "Closed") return
    if (tripFor !== undefined) return this.open(monotonicMillis(clock), clock, "trip-for", tripFor)
    const reason = this.verdict()
    if (reason !== undefined) this.open(monotonicMillis(clock), clock, reason)
  }

  private verdict(): BreakerReason | undefined {
    const { consecutiveFailures, failureRate, minimumCalls, slowCallRate, window } = this.rules
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
    probes.results++
    if (now - lease.start >= this.rules.slowCallMillis) probes.slow++
    if (failed) {
      probes.failures++
      probes.failuresInRow++
      if (retryAfter !== undefined) probes.retryAfter = Math.max(probes.retryAfter, retryAfter)
    } else {
      probes.failuresInRow = 0
    }
    if (tripFor !== undefined) return this.open(now, clock, "trip-for", tripFor)
    // Decided as soon as the missing results can no longer change the decision.
    const { consecutiveFailures, halfOpenCalls, halfOpenFailureRate, slowCallRate } = this.rules
    const failing = (missing: number): boolean =>
      (probes.failures + missing) / halfOpenCalls >= halfOpenFailureRate ||
      (probes.slow + missing) / halfOpenCalls >= slowCallRate ||
      probes.failuresInRow + missing >= consecutiveFailures
    if (failing(0)) {
      this.open(now, clock, "probes-failed", probes.retryAfter > 0 ? probes.retryAfter : undefined)
    } else if (!failing(halfOpenCalls - probes.results)) {
      this.moveTo("Closed", clock, "probes-succeeded")
    }
  }

  /** Takes elapsed time into account: an opening that is over, a probe that outlasted its wait. */
  settle(now: number, clock: Clock.Clock): void {
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
    const openFor = millis ?? this.rules.openFor(this.openingsInRow)
    this.openUntil = now + openFor
    this.moveTo("Open", clock, reason, openFor)
  }

  moveTo(to: BreakerState, clock: Clock.Clock, reason: BreakerReason, openFor?: number | undefined): void {
    const from = this.state
    this.generation++
    this.state = to
    this.probes = new Probes()
    this.failuresInRow = 0
    if (to !== "Open" && to !== "HalfOpen") this.openingsInRow = 0
    if (to === "Closed" || to === "MetricsOnly" || to === "Disabled") this.rules.window.clear()
    this.since = clock.currentTimeMillisUnsafe()
    this.rules.onTransition({ from, to, reason, at: this.since, openFor })
  }

  /** Back to the beginning: Closed, and the counters at zero. */
  reset(clock: Clock.Clock): void {
    this.moveTo("Closed", clock, "by-hand")
    this.rejected = this.openings = this.late = 0
  }

  /** Results that the present state is judged by. */
  counts(now: number): { readonly calls: number; readonly failures: number; readonly slow: number } {
    const { window } = this.rules
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

/** What one half-open period has seen. */
class Probes {
  /** Start times of the probes in flight, oldest first. */
  readonly starts: Array<number> = []
  results = 0
  failures = 0
  failuresInRow = 0
  slow = 0
  retryAfter = 0

  get taken(): number {
    return this.starts.length + this.results
  }

  forget(start: number): void {
    this.starts.splice(this.starts.indexOf(start), 1)
  }
}
