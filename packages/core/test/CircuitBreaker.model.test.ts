/**
 * Random histories of calls, clock steps, interrupts and control operations, played on the breaker and on a model that
 * keeps every result in a list and counts anew each time.
 */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, Outcome } from "@switchgear/core"
import { Arbitraries } from "@switchgear/core/testing"
import { Duration, Effect, Exit, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

type Ending =
  | "success"
  | "failure"
  | "ignored"
  | "defect"
  | "tripFor"
  | "tripForDay"
  | "askedForDay"
  | "hasty"
  | "patient"
  | "tooLate"
type Control = "close" | "reset" | "forceOpen" | "disable" | "metricsOnly" | "trip" | "tripFor" | "alive"

// Plain calls and steps of the clock outnumber the rest, so that histories get far.
const history = Arbitraries.history({
  endings: [
    ...["success", "success", "success", "success", "success", "failure", "failure", "failure"] as const,
    ...["ignored", "defect", "tripFor", "tripForDay", "askedForDay", "hasty", "patient", "tooLate"] as const
  ],
  advance: [500, 500, 500, 1000, 1000, 499, 499, 2000, 2000, 1, 999, 2500],
  control: ["close", "reset", "forceOpen", "disable", "metricsOnly", "trip", "tripFor", "tripFor", "alive", "alive"],
  weights: { Call: 8, Begin: 4, End: 3, Interrupt: 1, Advance: 6, Control: 2 },
  length: { from: 30, to: 100 }
})

const Setup = Schema.Struct({
  window: Schema.Literals(["count", "time"]),
  minimumCalls: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
  failureRate: Schema.Literals([0.25, 0.5, 1]),
  slow: Schema.Boolean,
  consecutiveFailures: Schema.UndefinedOr(Schema.Literals([2, 3])),
  probes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))
})
type Setup = typeof Setup.Type

const openFor = 1000
const maxWait = 2500
const tripFor = 3000
const maxRetryAfter = 4000
const patience = 20
const slowAfter = 500
const windowMillis = 2000
const slices = 4

interface Recorded {
  readonly at: number
  failed: boolean
  readonly slow: boolean
}

interface Lease {
  readonly start: number
  /** When it began, or last said that it is alive. */
  alive: number
  readonly period: number
  /** Where a call that became slow in flight has been counted. */
  counted?: Recorded
  /** Whether the totals have it: not where it was admitted while Disabled. */
  readonly isCounted: boolean
}

interface Outlasted {
  readonly from: number
  readonly results: Array<Recorded>
  readonly row: Array<boolean>
  readonly asked: number
}

interface Seen {
  readonly state: CircuitBreaker.State
  readonly inFlight: number
  readonly admitted: ReadonlyArray<number>
  /** Where they mean something. */
  readonly counts:
    | { readonly calls: number; readonly failed: number; readonly slow: number; readonly slowFailed: number }
    | undefined
  readonly totals: CircuitBreaker.Totals
  readonly late: number
  readonly openings: number
  readonly nextRetry: number | undefined
  readonly transitions: number
}

const says: { readonly [E in Ending]: "nothing" | "success" | "failure" } = {
  success: "success",
  failure: "failure",
  ignored: "nothing",
  defect: "failure",
  tripFor: "failure",
  tripForDay: "failure",
  askedForDay: "failure",
  // Ended by the deadline of a caller who gave too little time, or enough, or none.
  hasty: "nothing",
  patient: "failure",
  tooLate: "nothing"
}

/** The specification, as plainly as it can be said. */
class Model implements Arbitraries.Model<undefined, Ending, Control, Seen> {
  private state: CircuitBreaker.State = "Closed"
  private readonly leases = new Map<number, Lease>()
  private readonly admitted: Array<number> = []
  private period = 0
  private openUntil = 0
  private results: Array<Recorded> = []
  private probesOut: Array<Lease> = []
  private callsOut: Array<Lease> = []
  private row: Array<boolean> = []
  private openings = 0
  private late = 0
  // Since the beginning: what each call said, and the calls that were seen to be slow.
  private said: Array<"nothing" | "success" | "failure"> = []
  private slowCalls: Array<Lease> = []
  // The longest wait that a failed probe asked for.
  private asked = 0
  private transitions = 0
  // The half-open periods in a row that their probes outlasted: the first of them, and what they have answered so far.
  private outlasted: Outlasted | undefined
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
  }

  on(event: Arbitraries.Event<undefined, Ending, Control>): void {
    switch (event._tag) {
      case "Began": {
        const lease = this.begin(event.now)
        if (lease === undefined) return
        this.admitted.push(event.id)
        if (event.ending === undefined) this.leases.set(event.id, lease)
        else this.end(lease, event.ending, event.now)
        return
      }
      case "Ended":
      case "Interrupted":
        this.end(this.leases.get(event.id)!, event._tag === "Ended" ? event.ending : "ignored", event.now)
        this.leases.delete(event.id)
        return
      case "Controlled":
        this.control(event.control, event.now)
    }
  }

  look(now: number): Seen {
    const state = this.stateAt(now)
    return {
      state,
      inFlight: this.leases.size,
      admitted: this.admitted,
      counts: this.counts(now),
      totals: {
        successes: this.said.filter((word) => word === "success").length,
        failures: this.said.filter((word) => word === "failure").length,
        ignored: this.said.filter((word) => word === "nothing").length,
        slow: this.slowCalls.length
      },
      late: this.late,
      openings: this.openings,
      nextRetry: state === "Open" ? this.openUntil - now : undefined,
      transitions: this.transitions
    }
  }

  private enter(state: CircuitBreaker.State): void {
    if (state !== this.state) this.transitions++
    this.outlasted = undefined
    this.state = state
    this.period++
    this.asked = 0
    this.results = []
    this.probesOut = []
    this.callsOut = []
    this.row = []
  }

  private open(at: number, millis: number): void {
    this.enter("Open")
    this.openings++
    this.openUntil = at + millis
  }

  // A call becomes slow at one moment, however much later that is seen.
  private countSlow(now: number): void {
    if (!this.setup.slow) return
    const overdue = this.callsOut.filter((lease) => !lease.counted && now - lease.start >= slowAfter)
    for (const at of new Set(overdue.map(({ start }) => start + slowAfter))) {
      if (this.state !== "Closed" && this.state !== "MetricsOnly") return
      for (const lease of overdue.filter(({ start }) => start + slowAfter === at)) {
        lease.counted = { at, failed: false, slow: true }
        this.results.push(lease.counted)
        this.slowCalls.push(lease)
      }
      if (this.state === "Closed" && this.trips(at)) this.open(at, openFor)
    }
  }

  private trips(now: number): boolean {
    const inWindow = this.inWindow(now)
    const enough = inWindow.length >= this.setup.minimumCalls
    const rate = (count: (result: Recorded) => boolean) => inWindow.filter(count).length / inWindow.length
    const row = this.setup.consecutiveFailures ?? Infinity
    const tail = this.row.slice(-row)
    return tail.length === row && tail.every((failed) => failed) ||
      enough && rate(({ failed }) => failed) >= this.setup.failureRate ||
      enough && this.setup.slow && rate(({ slow }) => slow) >= 1
  }

  private stateAt(now: number): CircuitBreaker.State {
    this.countSlow(now)
    const silent = Math.min(...this.probesOut.map(({ alive }) => alive))
    if (this.state === "HalfOpen" && now - silent >= maxWait) {
      const outlasted = {
        from: this.outlasted?.from ?? this.period,
        results: this.results,
        row: this.row,
        asked: this.asked
      }
      this.open(silent + maxWait, openFor)
      this.outlasted = outlasted
    }
    if (this.state === "Open" && now >= this.openUntil) {
      const { outlasted } = this
      this.enter("HalfOpen")
      this.outlasted = outlasted
      if (outlasted) {
        this.results = outlasted.results
        this.row = outlasted.row
        this.asked = outlasted.asked
      }
    }
    return this.state
  }

  private begin(now: number): Lease | undefined {
    const state = this.stateAt(now)
    const lease = { start: now, alive: now, period: this.period, isCounted: state !== "Disabled" }
    if (state === "Open" || state === "ForcedOpen") return undefined
    if (state === "HalfOpen") {
      if (this.probesOut.length + this.results.length >= this.setup.probes) return undefined
      this.probesOut.push(lease)
    } else if (state !== "Disabled") {
      this.callsOut.push(lease)
    }
    return lease
  }

  private inWindow(now: number): Array<Recorded> {
    const slice = (time: number) => Math.floor(time / (windowMillis / slices))
    return this.setup.window === "count"
      ? this.results.slice(-5)
      : this.results.filter(({ at }) => slice(at) > slice(now) - slices)
  }

  private end(lease: Lease, ending: Ending, now: number): void {
    const ignored = says[ending] === "nothing"
    this.stateAt(now)
    if (lease.isCounted) this.said.push(says[ending])
    const isSlow = this.setup.slow && now - lease.start >= slowAfter
    if (!ignored && lease.isCounted && isSlow && !this.slowCalls.includes(lease)) this.slowCalls.push(lease)
    if (lease.period !== this.period) {
      if (says[ending] !== "success" || !this.recover(lease, now)) this.late++
      return
    }
    if (this.state === "Disabled") return
    this.probesOut = this.probesOut.filter((probe) => probe !== lease)
    this.callsOut = this.callsOut.filter((call) => call !== lease)
    if (ignored) return
    const failed = says[ending] === "failure"
    this.row.push(failed)
    if (lease.counted) lease.counted.failed = failed
    else this.results.push({ at: now, failed, slow: isSlow })
    if (this.state === "MetricsOnly") return
    if (ending === "tripFor") return this.open(now, tripFor)
    if (ending === "tripForDay") return this.open(now, maxRetryAfter)
    if (this.state === "Closed") {
      if (this.trips(now)) this.open(now, openFor)
      return
    }
    this.asked = ending === "askedForDay" ? maxRetryAfter : this.asked
    this.decide(now)
  }

  /** The success of a probe that outlived its period is a result of the one after it. Answers whether it was one. */
  private recover(lease: Lease, now: number): boolean {
    const isNews = () => this.outlasted !== undefined && lease.period >= this.outlasted.from
    if (!isNews()) return false
    this.stateAt(now)
    if (!isNews() || this.setup.slow && now - lease.start >= slowAfter) return false
    this.results = this.outlasted!.results
    this.row = this.outlasted!.row
    this.results.push({ at: now, failed: false, slow: false })
    this.row.push(false)
    this.decide(now)
    return true
  }

  private decide(now: number): void {
    // Every way in which the missing probes could still end; certain is what all of them agree on.
    const verdicts = new Set(endings(this.setup.probes - this.results.length).map((rest) => this.reopens(rest)))
    if (verdicts.size > 1) return
    if (verdicts.has(true)) this.open(now, this.asked || openFor)
    else this.enter("Closed")
  }

  private reopens(rest: ReadonlyArray<Recorded>): boolean {
    const all = [...this.results, ...rest]
    const row = this.setup.consecutiveFailures ?? Infinity
    const inRow = all.some((_, i) =>
      all.slice(i, i + row).length === row && all.slice(i, i + row).every((r) => r.failed)
    )
    return inRow || all.filter((r) => r.failed).length / all.length >= this.setup.failureRate ||
      this.setup.slow && all.every((r) => r.slow)
  }

  private control(to: Control, now: number): void {
    const state = this.stateAt(now)
    switch (to) {
      case "alive":
        for (const probe of this.probesOut) probe.alive = now
        return
      case "trip":
      case "tripFor":
        if (state === "Closed" || state === "HalfOpen") return this.open(now, to === "trip" ? openFor : tripFor)
        if (state !== "Open" || to === "trip") return
        this.openUntil = now + tripFor
        this.outlasted = undefined
        return
      case "reset":
        this.openings = 0
        this.late = 0
        this.said = []
        this.slowCalls = []
        return this.enter("Closed")
      default: {
        const target = {
          close: "Closed",
          forceOpen: "ForcedOpen",
          disable: "Disabled",
          metricsOnly: "MetricsOnly"
        } as const
        if (state !== target[to]) this.enter(target[to])
      }
    }
  }

  private counts(now: number): Seen["counts"] {
    if (this.state === "Open" || this.state === "ForcedOpen") return undefined
    const counted = this.state === "HalfOpen" ? this.results : this.inWindow(now)
    const count = (test: (result: Recorded) => boolean) => counted.filter(test).length
    return {
      calls: counted.length,
      failed: count(({ failed }) => failed),
      slow: count(({ slow }) => slow),
      slowFailed: count(({ failed, slow }) => failed && slow)
    }
  }
}

const endings = (n: number): ReadonlyArray<ReadonlyArray<Recorded>> =>
  n <= 0 ?
    [[]] :
    endings(n - 1).flatMap((rest) =>
      [false, true].flatMap((failed) => [false, true].map((slow) => [...rest, { at: 0, failed, slow }]))
    )

/** The caller's deadline, which the calls that tell of one have reached. */
const passed = { limit: "total", at: 0 } as const

const cutOff = (millis: number) =>
  Exit.fail(new Deadline.DeadlineExceeded({ limit: "total", after: Duration.millis(millis) }))

const exits: { readonly [E in Ending]: Exit.Exit<string, unknown> } = {
  success: Exit.succeed("ok"),
  failure: Exit.fail("failure"),
  ignored: Exit.fail("ignored"),
  defect: Exit.die("bug"),
  tripFor: Exit.fail("tripFor"),
  tripForDay: Exit.fail("tripForDay"),
  askedForDay: Exit.fail({ retryAfter: Duration.days(1) }),
  hasty: cutOff(patience - 1),
  patient: cutOff(patience),
  tooLate: cutOff(0)
}

const make = (setup: Setup & { readonly rampUp?: boolean }) =>
  CircuitBreaker.make({
    name: "model",
    window: setup.window === "count"
      ? CircuitBreaker.lastCalls(5)
      : CircuitBreaker.lasting(windowMillis, { buckets: slices }),
    minimumCalls: setup.minimumCalls,
    failureRate: setup.failureRate,
    slowCallDuration: setup.slow ? slowAfter : undefined,
    consecutiveFailures: setup.consecutiveFailures,
    openFor,
    halfOpen: { calls: setup.probes, maxWait },
    maxRetryAfter,
    rampUp: setup.rampUp ? { over: 2000 } : undefined,
    patience,
    classify: (exit) => {
      const failure = Exit.isFailure(exit) ? Exit.findErrorOption(exit) : undefined
      if (failure?._tag === "Some" && failure.value === "ignored") return Outcome.ignored
      if (failure?._tag === "Some" && failure.value === "tripFor") return Outcome.tripFor(tripFor)
      if (failure?._tag === "Some" && failure.value === "tripForDay") return Outcome.tripFor("1 day")
      return Outcome.fromExit(exit)
    }
  })

interface Made {
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** What each call in flight says when it says that it is alive. */
  readonly alive: Set<Effect.Effect<void>>
  readonly transitions: Array<CircuitBreaker.Transition>
}

const subject = (setup: Setup & { readonly rampUp?: boolean }) => ({
  make: Effect.gen(function*() {
    const breaker = yield* make(setup)
    const transitions: Array<CircuitBreaker.Transition> = []
    const told = Stream.runForEach(breaker.transitions, (transition) => Effect.sync(() => transitions.push(transition)))
    yield* Effect.forkDetach(told, { startImmediately: true })
    return { breaker, alive: new Set(), transitions } as Made
  }),
  call: ({ alive, breaker }: Made, work: Effect.Effect<Ending>) =>
    breaker.protect(Effect.flatMap(Effect.context<never>(), (context) => {
      const speak = Effect.provideContext(CircuitBreaker.stillAlive, context)
      alive.add(speak)
      return work.pipe(
        Effect.flatMap((ending) => exits[ending]),
        Effect.ensuring(Effect.sync(() => alive.delete(speak)))
      )
    })).pipe(Effect.provideService(Deadline.CurrentDeadline, passed)),
  control: ({ alive, breaker }: Made, to: Control): Effect.Effect<unknown> =>
    to === "alive"
      ? Effect.forEach([...alive], (speak) => speak)
      : to === "trip"
      ? breaker.control.trip()
      : to === "tripFor"
      ? breaker.control.trip(tripFor)
      : breaker.control[to],
  look: ({ breaker, transitions }: Made, { started }: Arbitraries.Scene<undefined>) =>
    Effect.gen(function*() {
      const { calls, failed, inFlight, late, nextRetry, openings, slow, slowFailed, state, totals } = yield* breaker
        .snapshot
      yield* Effect.repeat(Effect.yieldNow, { times: 4 })
      return {
        state,
        inFlight,
        admitted: started.map(({ id }) => id),
        counts: state === "Open" || state === "ForcedOpen" ? undefined : { calls, failed, slow, slowFailed },
        totals,
        late,
        openings,
        nextRetry: nextRetry && Duration.toMillis(nextRetry),
        transitions: transitions.length
      } satisfies Seen
    }),
  model: () => new Model(setup)
})

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "the breaker does what the model does, whatever the history",
  { setup: Setup, history },
  ({ history, setup }) => Arbitraries.play(history, subject(setup)),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 5_000 + 20 * runs }
)

type Played = Arbitraries.History<undefined, Ending, Control>

/** What there is to read after a history, while which the breaker was read every so many milliseconds, or never. */
const outcome = (history: Played, setup: Setup, readEvery: number | undefined) =>
  Effect.gen(function*() {
    const { call, control, make } = subject(setup)
    const made = yield* make
    if (readEvery !== undefined) {
      const reader = Effect.forever(Effect.andThen(made.breaker.snapshot, Effect.sleep(readEvery)))
      yield* Effect.forkDetach(reader, { startImmediately: true })
    }
    yield* Arbitraries.play(history, { make: Effect.succeed(made), call, control, look: () => Effect.void })
    const snapshot = yield* made.breaker.snapshot
    yield* Effect.repeat(Effect.yieldNow, { times: 4 })
    return { snapshot, transitions: made.transitions }
  }).pipe(Effect.provide(TestClock.layer(), { local: true }))

it.effect.prop(
  "what is counted, and when the state changed, does not depend on who read the breaker meanwhile, or when",
  {
    setup: Schema.Struct({ ...Setup.fields, rampUp: Schema.Boolean }),
    history,
    readEvery: Schema.Literals([100, 250, 499, 500, 700])
  },
  ({ history, readEvery, setup }) =>
    Effect.gen(function*() {
      const unseen = yield* outcome(history, setup, undefined)
      assert.deepStrictEqual(yield* outcome(history, setup, readEvery), unseen)
    }),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 5_000 + 40 * runs }
)
