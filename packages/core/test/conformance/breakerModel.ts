/**
 * A circuit breaker as plainly as it can be said: every result is kept in a list and counted anew each time. Where
 * libraries part ways it asks {@link Ways}; with {@link ours} it is the specification of the library's own breaker.
 */
import { Effect } from "effect"
import type { Admission, Breaker, Control, Ending } from "./breakerPlay.ts"
import type { Facts } from "./judge.ts"

/** The points on which libraries differ, and the answers that they give. */
export interface Ways {
  /** What makes a closed breaker look at its window. */
  readonly judged: "every-result" | "failures" | "snapshots"
  /** What is compared: failures with a number, or their share with a rate once there are enough calls. */
  readonly compared: "rate" | "number"
  /** Whether an opening of 30 s is over at 30 s or after it. */
  readonly openUntil: "reached" | "passed"
  /** Whether a call that takes exactly the slow duration is slow. */
  readonly slowFrom: "reached" | "passed"
  /** Whether a call that runs on and on is slow while it runs, or once it has ended. */
  readonly slowCalls: "counted-in-flight" | "counted-when-they-end"
  /** Whether elapsed time shows when the state is read, or only when a call comes. */
  readonly elapsedTime: "seen-by-reading" | "seen-by-calls"
  /** How many probes decide. */
  readonly decidedOver: "all-probes" | "minimum-calls"
  /** Whether half-open ends as soon as the missing probes cannot change the decision. */
  readonly decided: "when-certain" | "when-complete"
  /** Whether a probe that has a result makes room for another. */
  readonly probes: "counted-once" | "counted-in-flight"
  /** What a probe that does not end leads to. */
  readonly hangingProbe: "opens-again" | "half-open-times-out" | "another-each-opening"
  /** What an interrupted probe leads to. */
  readonly interruptedProbe: "gives-its-place-back" | "opens-again"
  /** What the result of a call does that was admitted in an earlier state. */
  readonly lateResult: "counts-if-recovered" | "moves-nothing" | "counts-now"
  /** What a command does where the state is that already, and a trip where the state was set by hand. */
  readonly needlessCommand: "changes-nothing" | "begins-anew"
  /** Where the slices of a time window begin. */
  readonly slices: "on-the-clock" | "at-first-use"
  /** How far back rejections are counted. */
  readonly rejections: "since-the-beginning" | "in-this-period"
  /** The rate of no calls. */
  readonly emptyRate: "none" | "zero"
  /** What is shown by a breaker that its probes opened. */
  readonly openShows: "the-window" | "the-probes"
}

export const ours: Ways = {
  judged: "every-result",
  compared: "rate",
  openUntil: "reached",
  slowFrom: "reached",
  slowCalls: "counted-in-flight",
  elapsedTime: "seen-by-reading",
  decidedOver: "all-probes",
  decided: "when-certain",
  probes: "counted-once",
  hangingProbe: "opens-again",
  interruptedProbe: "gives-its-place-back",
  lateResult: "counts-if-recovered",
  needlessCommand: "changes-nothing",
  slices: "on-the-clock",
  rejections: "since-the-beginning",
  emptyRate: "none",
  openShows: "the-window"
}

/** The numbers of one breaker; a condition that is off is `Infinity`. */
export interface Numbers {
  readonly window: { readonly calls: number } | { readonly millis: number; readonly buckets: number }
  readonly minimumCalls: number
  readonly failureRate: number
  /** For those who compare failures with a number. */
  readonly failures: number
  readonly slowMillis: number
  readonly slowRate: number
  readonly consecutiveFailures: number
  readonly openFor: (opening: number) => number
  readonly probes: number
  readonly maxWait: number
  readonly snapshotMillis: number
  readonly counts: { readonly ignored: "success" | "nothing"; readonly defect: "failure" | "nothing" }
}

interface Result {
  readonly slice: number
  failed: boolean
  readonly slow: boolean
}

interface Lease {
  readonly period: number
  readonly start: number
  counted?: Result
}

type State = "Closed" | "Open" | "HalfOpen" | "ForcedOpen" | "Disabled" | "MetricsOnly"

export class BreakerModel implements Breaker {
  private readonly numbers: Numbers
  private readonly ways: Ways
  private now: number
  private state: State = "Closed"
  private since = 0
  private period = 0
  private openUntil = 0
  // Openings in a row that had no length given.
  private openingsInRow = 0
  private failuresInRow = 0
  private results: Array<Result> = []
  private probesOut: Array<Lease> = []
  private callsOut: Array<Lease> = []
  private probed: Array<Result> = []
  // The half-open periods in a row that were outlasted by their probes: the first of them, and what all of them answered.
  private outlasted: { readonly from: number; readonly probed: Array<Result> } | undefined
  private shown: "results" | "probed" = "results"
  private nextProbeAt = 0
  private slice = -Infinity
  private lastSnapshot: number
  private inFlight = 0
  private rejected = 0
  private rejectedEver = 0
  private readonly events: Array<State> = []

  constructor(numbers: Numbers, ways: Ways, startMillis: number) {
    this.numbers = numbers
    this.ways = ways
    this.now = this.lastSnapshot = startMillis
  }

  admit(duration: number): Effect.Effect<Admission> {
    return Effect.sync((): Admission => {
      this.elapse("a call")
      const { state } = this
      if (state === "Open" || state === "ForcedOpen" || state === "HalfOpen" && !this.hasRoom()) {
        this.rejected++
        this.rejectedEver++
        return { permitted: false, retryAfterMs: state === "Open" ? this.openUntil - this.now : null }
      }
      const lease = { period: this.period, start: this.now - duration }
      if (state === "HalfOpen") this.probesOut.push(lease)
      else if (state !== "Disabled") this.callsOut.push(lease)
      this.inFlight++
      return { permitted: true, end: (ending) => Effect.sync(() => this.end(lease, ending)) }
    })
  }

  private hasRoom(): boolean {
    if (this.ways.hangingProbe === "another-each-opening") {
      if (this.now < this.nextProbeAt) return false
      this.nextProbeAt = this.now + this.numbers.openFor(Math.max(1, this.openingsInRow))
      return true
    }
    const ended = this.ways.probes === "counted-once" ? this.probed.length : 0
    return this.probesOut.length + ended < this.numbers.probes
  }

  private end(lease: Lease, ending: Ending): void {
    const { numbers, ways } = this
    this.inFlight--
    this.countSlowInFlight()
    this.callsOut = this.callsOut.filter((call) => call !== lease)
    const told = ending.kind === "ignored" || ending.kind === "defect" ? numbers.counts[ending.kind] : ending.kind
    const outlasted = this.probesOut.some(({ start }) => this.now >= start + numbers.maxWait)
    if (lease.period === this.period && ways.lateResult === "counts-if-recovered" && outlasted) this.elapse("a call")
    if (lease.period !== this.period && ways.lateResult !== "counts-now") {
      const succeeded = told === "success" || told === "unrecordedError"
      return succeeded && ways.lateResult === "counts-if-recovered" ? this.recover(lease) : undefined
    }
    const isProbe = this.probesOut.includes(lease)
    this.probesOut = this.probesOut.filter((probe) => probe !== lease)
    if (told === "interrupt" && isProbe && ways.interruptedProbe === "opens-again") this.open(this.now)
    if (told === "nothing" || told === "interrupt") return
    const failed = told === "failure" || told === "failureResult" || told === "tripFor"
    const result = lease.counted ?? { slice: this.sliceOf(this.now), failed, slow: this.isSlow(lease) }
    result.failed = failed
    switch (this.state) {
      case "Closed":
      case "MetricsOnly":
        if (lease.counted === undefined) this.results.push(result)
        this.failuresInRow = failed ? this.failuresInRow + 1 : 0
        if (this.state === "MetricsOnly") return
        if (ending.kind === "tripFor") return this.open(this.now, ending.millis)
        if (ways.judged === "every-result" || ways.judged === "failures" && failed) this.judgeWindow(this.now)
        return
      case "HalfOpen":
        this.probed.push(result)
        if (ending.kind === "tripFor") return this.open(this.now, ending.millis)
        return this.judgeProbes()
      case "Open":
        if (this.shown === "results") this.results.push(result)
    }
  }

  /** The success of a probe that outlived its period. */
  private recover(lease: Lease): void {
    if (this.outlasted === undefined || lease.period < this.outlasted.from) return
    this.elapse("a call")
    if (this.outlasted === undefined || this.isSlow(lease)) return
    this.probed = this.outlasted.probed
    this.probed.push({ slice: this.sliceOf(this.now), failed: false, slow: false })
    this.judgeProbes()
  }

  private isSlow({ start }: Lease): boolean {
    const took = this.now - start
    return this.ways.slowFrom === "reached" ? took >= this.numbers.slowMillis : took > this.numbers.slowMillis
  }

  private countSlowInFlight(): void {
    if (this.ways.slowCalls === "counted-when-they-end") return
    for (const lease of this.callsOut.filter((lease) => lease.counted === undefined && this.isSlow(lease))) {
      const at = lease.start + this.numbers.slowMillis
      lease.counted = { slice: this.sliceOf(at), failed: false, slow: true }
      this.results.push(lease.counted)
      if (this.state === "Closed") this.judgeWindow(at)
    }
  }

  private judgeWindow(at: number): void {
    const { consecutiveFailures, failureRate, failures, minimumCalls, slowRate } = this.numbers
    const window = this.window()
    const failed = window.filter((result) => result.failed).length
    const enough = window.length >= minimumCalls
    const tooMany = this.ways.compared === "number"
      ? failed >= failures
      : enough && failed / window.length >= failureRate
    const tooSlow = enough && window.filter((result) => result.slow).length / window.length >= slowRate
    if (this.failuresInRow >= consecutiveFailures || tooMany || tooSlow) this.open(at)
  }

  // What is certain is what the best and the worst that the missing probes can still do agree on.
  private judgeProbes(): void {
    const { consecutiveFailures, failureRate, slowRate } = this.numbers
    const { probed, ways } = this
    const missing = Math.max(0, this.neededProbes - probed.length)
    if (missing > 0 && ways.decided === "when-complete") return
    const total = probed.length + missing
    const share = failureRate === Infinity ? Number.MIN_VALUE : failureRate
    const count = (test: (result: Result) => boolean) => probed.filter(test).length
    const row = probed.length - 1 - probed.findLastIndex((result) => !result.failed)
    const opens = (more: number): boolean =>
      (count((result) => result.failed) + more) / total >= share ||
      (count((result) => result.slow) + more) / total >= slowRate ||
      row + more >= consecutiveFailures
    if (opens(0)) this.open(this.now)
    else if (!opens(missing)) this.enter("Closed")
  }

  private get neededProbes(): number {
    const { minimumCalls, probes } = this.numbers
    return this.ways.decidedOver === "all-probes" ? probes : Math.min(minimumCalls, probes)
  }

  private sliceOf(at: number): number {
    const { window } = this.numbers
    if ("calls" in window) return 0
    const width = window.millis / window.buckets
    if (this.ways.slices === "on-the-clock") this.slice = Math.max(this.slice, Math.floor(at / width) * width)
    else if (at - this.slice >= width) this.slice = at
    return this.slice
  }

  private window(): ReadonlyArray<Result> {
    const { window } = this.numbers
    if ("calls" in window) return this.results.slice(-window.calls)
    const width = window.millis / window.buckets
    const now = this.ways.slices === "on-the-clock" ? Math.floor(this.now / width) * width : this.now
    return this.results.filter(({ slice }) => now - slice < window.millis)
  }

  private open(at: number, millis?: number): void {
    if (millis === undefined) this.openingsInRow++
    this.openUntil = at + (millis ?? this.numbers.openFor(this.openingsInRow))
    this.nextProbeAt = this.openUntil
    this.enter("Open")
  }

  private enter(to: State): void {
    if (to !== this.state) this.events.push(to)
    this.outlasted = undefined
    if (this.ways.openShows === "the-window" || to !== "Open") this.shown = to === "HalfOpen" ? "probed" : "results"
    this.state = to
    this.since = this.now
    this.period++
    this.failuresInRow = 0
    this.probesOut = []
    this.callsOut = []
    if (to === "HalfOpen" || this.shown === "results") this.probed = []
    if (to === "Closed" || to === "MetricsOnly" || to === "Disabled") {
      this.results = []
      this.slice = -Infinity
    }
    if (to !== "Open" && to !== "HalfOpen") this.openingsInRow = 0
    if (to !== "Open" && this.ways.rejections === "in-this-period") this.rejected = 0
  }

  /** Lets the time show that has gone by. */
  private elapse(seenBy: "a call" | "reading"): void {
    const { hangingProbe, openUntil } = this.ways
    const { maxWait, snapshotMillis } = this.numbers
    this.countSlowInFlight()
    if (this.ways.judged === "snapshots" && this.state === "Closed" && this.now - this.lastSnapshot >= snapshotMillis) {
      this.lastSnapshot = this.now
      this.judgeWindow(this.now)
    }
    const start = hangingProbe === "half-open-times-out" ? this.since : this.probesOut[0]?.start
    if (
      this.state === "HalfOpen" && hangingProbe !== "another-each-opening" && start !== undefined &&
      this.now - start >= maxWait
    ) {
      const { outlasted, period, probed } = this
      this.open(start + maxWait)
      if (this.ways.lateResult === "counts-if-recovered") this.outlasted = { from: outlasted?.from ?? period, probed }
    }
    if (seenBy === "reading" && this.ways.elapsedTime === "seen-by-calls") return
    const over = openUntil === "reached" ? this.now >= this.openUntil : this.now > this.openUntil
    if (this.state === "Open" && over) {
      const { outlasted } = this
      this.enter("HalfOpen")
      this.outlasted = outlasted
      if (outlasted) this.probed = outlasted.probed
    }
  }

  control(order: Control): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.ways.needlessCommand === "changes-nothing" && this.isNeedless(order)) return
      if (order.to === "Open") return this.open(this.now, order.millis)
      this.enter(order.to === "reset" ? "Closed" : order.to)
      if (order.to === "reset") this.rejected = 0
    })
  }

  private isNeedless(order: Control): boolean {
    this.elapse("reading")
    if (order.to !== "Open") return order.to === this.state
    if (this.state === "Open" && order.millis !== undefined) {
      this.openUntil = this.nextProbeAt = this.now + order.millis
      this.outlasted = undefined
    }
    return this.state !== "Closed" && this.state !== "HalfOpen"
  }

  advance(millis: number): Effect.Effect<void> {
    return Effect.sync(() => {
      this.now += millis
    })
  }

  get read(): Effect.Effect<Facts> {
    return Effect.sync(() => {
      this.elapse("reading")
      const counted = this.shown === "probed" ? this.probed : this.window()
      const failed = counted.filter((result) => result.failed).length
      const slow = counted.filter((result) => result.slow).length
      const slowFailed = counted.filter((result) => result.slow && result.failed).length
      const enough = this.shown === "probed" ? this.neededProbes : this.numbers.minimumCalls
      const rate = (part: number) =>
        this.ways.emptyRate === "zero" && counted.length === 0
          ? 0
          : counted.length < enough
          ? null
          : part / counted.length
      const count = (to: State) => this.events.filter((event) => event === to).length
      return {
        state: this.state,
        calls: counted.length,
        failed,
        successful: counted.length - failed,
        slow,
        slowFailed,
        failureRate: rate(failed),
        slowCallRate: rate(slow),
        notPermitted: this.rejected,
        notPermittedEvents: this.rejectedEver,
        remainingDelayMs: this.state === "Open" ? Math.max(0, this.openUntil - this.now) : 0,
        openedEvents: count("Open"),
        halfOpenedEvents: count("HalfOpen"),
        closedEvents: count("Closed"),
        stateTransitionEvents: this.events.length,
        inFlight: this.inFlight
      }
    })
  }
}
