/**
 * The calls through a circuit: each admission and each result is one synchronous step on plain fields.
 *
 * Invariants
 * - A lease carries the generation it was granted in and ends once. The result of an older generation does not move the
 *   circuit, except the success of a probe that outlived its half-open period: it is a result of the following period.
 * - In HalfOpen, probes in flight plus results never exceed `halfOpenCalls` when a probe is admitted.
 * - The totals have each lease once, by its result, except those granted while Disabled.
 * - The clock is read only where time decides: never in Closed with a count window, without slow-call rule, ramp-up and
 *   `measureDurations`.
 */
import type * as Clock from "effect/Clock"
import type { BreakerLease, Timed } from "./machineModel.ts"
import { SlowCallTracker, type Watch } from "./slowCalls.ts"
import { SavedStates } from "./savedStates.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import * as Verdict from "./verdict.ts"

export class BreakerMachine extends SavedStates {
  tryAcquire(lease: BreakerLease): boolean {
    if (!this.admits(lease)) return false
    lease.generation = this.generation
    this.inFlight++
    if (this.state === "HalfOpen") {
      lease.isCounted = true
      lease.start = this.askedAt
      lease.watch = this.probes.begin(this.askedAt + this.rules.halfOpenMaxWait)
      this.probeBegan()
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

  /** Whether a call would be admitted now, or would wait for that. */
  wouldAdmit(timed: Timed): boolean {
    return this.admits(timed)
  }

  /** Whether a call is admitted now. */
  protected admits(timed: Timed): boolean {
    return (this.isCounting && !this.readsClock && this.ramp === undefined) || this.passesAll ||
      this.admitsByTime(timed)
  }

  /** The same where time decides. */
  protected admitsByTime({ clock }: Timed): boolean {
    this.askedAt = monotonicMillis(clock)
    this.settle(this.askedAt, clock)
    if (this.isCounting) return this.ramp === undefined || this.ramp.admits(this.askedAt)
    return this.passesAll || (this.state === "HalfOpen" && this.probes.taken < this.rules.halfOpenCalls)
  }

  /** Whether a circuit that is open stays so for now. */
  staysOpen(clock: Clock.Clock): boolean {
    if (this.state === "ForcedOpen") return true
    this.askedAt = monotonicMillis(clock)
    return this.askedAt < this.openUntil
  }

  /** Ends the lease of an ignored call. One that became slow before has been counted as slow. */
  release(lease: BreakerLease): void {
    if (lease.watch !== undefined) this.catchUp(lease)
    const generation = this.end(lease)
    if (generation >= 0 && lease.isCounted) this.ignored++
    if (generation === this.generation) {
      if (lease.watch !== undefined) {
        if (this.state === "HalfOpen") {
          if (this.probes.forget(lease.watch)) this.probeVoided()
        } else this.slowCalls?.remove(lease.watch)
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

  /** A call is admitted as a probe. */
  protected probeBegan(): void {}

  /** A probe has ended with a result that counts. */
  protected probed(_failed: boolean, _slow: boolean, _retryAfter: number | undefined): void {}

  /** A probe has ended without a result. */
  protected probeVoided(): void {}

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
    if (this.probes.forget(lease.watch!)) {
      this.probes.record(failed, slow, retryAfter)
      this.probed(failed, slow, retryAfter)
    }
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

  /** Opens or closes as soon as the probes that are missing cannot change that. */
  protected decide(now: number, clock: Clock.Clock): void {
    const verdict = Verdict.ofProbes(this.probes, this.rules, this.watchesSlow)
    if (verdict === "probes-failed") this.open(now, clock, verdict, this.probes.retryAfter)
    else if (verdict !== undefined) this.moveTo("Closed", now, clock, verdict)
  }
}
