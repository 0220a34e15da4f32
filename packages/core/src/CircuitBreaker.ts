/**
 * Calls to something that is down fail at once, instead of each waiting for its own time-out.
 *
 * A circuit breaker watches the results of the calls it protects. While it is **Closed** they pass. When too many of
 * the recent ones failed, or were slow, it **opens**: calls are rejected with {@link CircuitOpen}, which costs next to
 * nothing. After a while it is **HalfOpen**: a few probes pass, and their results decide whether it closes or opens
 * again. By hand it can be forced open, disabled (everything passes, nothing is counted), or set to metrics only
 * (everything passes, everything is counted).
 *
 * **Order.** Put the attempt time-out inside, so that a hanging call is a failure to the breaker; put retry outside, so
 * that every attempt asks the circuit and is one result.
 *
 * **Semantics.** States, windows and the slow-call rate are those of resilience4j, with three deliberate differences:
 * the result of a call that began in an earlier state moves nothing; half-open decides as soon as the decision is
 * certain; a probe that hangs cannot block the circuit, because half-open has a `maxWait` by default.
 *
 * **Gotchas.** No timer runs in the background: an elapsed opening shows when the circuit is asked or read. A pure
 * interruption counts for nothing, so a time-out outside the breaker hides a hanging dependency from it.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "model", window: CircuitBreaker.lastCalls(4), minimumCalls: 2 })
 *   const call = Effect.fail("503").pipe(breaker.protect)
 *   yield* Effect.flip(call)
 *   yield* Effect.flip(call)
 *   return yield* Effect.flip(call)
 * })
 *
 * const error = await Effect.runPromise(program)
 * error instanceof CircuitBreaker.CircuitOpen // => true
 * error.message // => 'Circuit "model" is Open: the call was not made. Try again in 30s, or use another target.'
 * ```
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  type BreakerLease,
  BreakerMachine,
  type BreakerReason,
  type BreakerRules,
  type BreakerState,
  type BreakerTransition
} from "./internal/breakerMachine.ts"
import { Admission, guard } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { withoutStack } from "./internal/rejection.ts"
import { type GuardClass, guardClass } from "./internal/serviceClass.ts"
import { CountWindow, type SlidingWindow, TimeWindow } from "./internal/slidingWindow.ts"
import { monotonicMillis } from "./internal/time.ts"
import * as Outcome from "./Outcome.ts"

/** Closed, Open and HalfOpen by the machine's own motion; ForcedOpen, Disabled and MetricsOnly by hand. */
export type State = BreakerState

/** Why the state changed. */
export type TransitionReason = BreakerReason

/** One change of state. */
export interface Transition {
  readonly breaker: string
  readonly from: State
  readonly to: State
  readonly reason: TransitionReason
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** How long the circuit stays open, when `to` is `"Open"`. */
  readonly openFor: Duration.Duration | undefined
}

/** Which calls the rates are taken over: see {@link lastCalls} and {@link lasting}. */
export type Window =
  | { readonly _tag: "LastCalls"; readonly calls: number }
  | { readonly _tag: "Lasting"; readonly duration: Duration.Input; readonly buckets: number }

/** The last `calls` calls, however old. */
export const lastCalls = (calls: number): Window => ({ _tag: "LastCalls", calls })

/** The calls that ended in the last `duration`, kept in `buckets` slices (default 10) that leave one at a time. */
export const lasting = (
  duration: Duration.Input,
  options?: { readonly buckets?: number | undefined } | undefined
): Window => ({ _tag: "Lasting", duration, buckets: options?.buckets ?? 10 })

/** How a circuit breaker judges. Only `name` must be given. */
export interface Options {
  /** Appears in errors, transitions and metrics. */
  readonly name: string
  /** @default lastCalls(100) */
  readonly window?: Window | undefined
  /** Results the window must hold before a rate can trip. @default 10, or the size of a smaller count window */
  readonly minimumCalls?: number | undefined
  /** Share of failures that trips, above 0 and at most 1, inclusive; `"off"` for none. @default 0.5 */
  readonly failureRate?: number | "off" | undefined
  /** A call that took at least this long is slow, whether it succeeded or not. @default no call is slow */
  readonly slowCallDuration?: Duration.Input | undefined
  /** Share of slow calls that trips, above 0 and at most 1, inclusive. @default 1 */
  readonly slowCallRate?: number | undefined
  /** So many failures in a row trip, whatever the window says. @default off */
  readonly consecutiveFailures?: number | undefined
  /**
   * How long an opening lasts. A schedule is stepped once for every opening in a row (its input is their number, from
   * 1) and starts over when the circuit has closed; when it is done, its last delay holds. @default "30 seconds"
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  readonly halfOpen?: {
    /** Probes that decide. @default 5 */
    readonly calls?: number | undefined
    /** A probe in flight for this long opens the circuit again; `"Infinity"` for no limit. @default "60 seconds" */
    readonly maxWait?: Duration.Input | undefined
  } | undefined
  /** Judges a call by its exit. One that throws is replaced by the default for that call. @default Outcome.fromExit */
  readonly classify?: Outcome.Classify | undefined
}

/** What there is to read about a circuit at one moment. */
export interface Snapshot {
  readonly name: string
  readonly state: State
  /** When the state began, in wall-clock milliseconds. */
  readonly since: number
  /** Undefined while there are too few calls for a rate. */
  readonly failureRate: number | undefined
  /** Undefined while there are too few calls for a rate. */
  readonly slowRate: number | undefined
  /** Results in the window; in HalfOpen, results of probes. */
  readonly calls: number
  readonly failed: number
  readonly slow: number
  /** Calls admitted and not ended yet. */
  readonly inFlight: number
  /** Calls refused since the beginning, or since `control.reset`. */
  readonly rejected: number
  /** Times the circuit opened since the beginning, or since `control.reset`. */
  readonly openings: number
  /** Results that came too late to count, because the state had changed. */
  readonly late: number
  /** Time until the circuit asks again, while it is Open. */
  readonly nextRetry: Duration.Duration | undefined
}

/** Changes of state by hand. Calls in flight at that moment count for nothing afterwards. */
export interface Control {
  /** Opens as if tripped: for the given time, or for as long as `openFor` says. */
  readonly trip: (duration?: Duration.Input | undefined) => Effect.Effect<void>
  /** Rejects everything until told otherwise. */
  readonly forceOpen: Effect.Effect<void>
  /** Lets everything pass and counts nothing until told otherwise. */
  readonly disable: Effect.Effect<void>
  /** Lets everything pass and counts everything until told otherwise. */
  readonly metricsOnly: Effect.Effect<void>
  /** Begins to let calls pass, with an empty window. */
  readonly close: Effect.Effect<void>
  /** Like `close`, and sets the counters to zero. */
  readonly reset: Effect.Effect<void>
}

/** A circuit breaker. */
export interface CircuitBreaker {
  readonly name: string
  /** Stands around an effect. Adds {@link CircuitOpen} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /** Like `protect`, judging this kind of call by a rule of its own. */
  readonly protectWith: <A, E>(options: {
    readonly classify: (exit: Exit.Exit<A, E>) => Outcome.Outcome
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Asks the circuit without a lease: rejects what would be rejected now, and lets pass without counting. To be put
   * around a queue or a limit that stands outside `protect`, so that an open circuit spends neither place nor token.
   */
  readonly gate: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  readonly state: Effect.Effect<State>
  readonly snapshot: Effect.Effect<Snapshot>
  /** Changes of state from the moment of subscription on; a subscriber more than 128 behind loses the oldest. */
  readonly transitions: Stream.Stream<Transition>
  readonly control: Control
}

/** Makes a circuit breaker, Closed. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = (options: Options): Effect.Effect<CircuitBreaker> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const context = yield* Effect.context<never>()
    const runSync = Effect.runSyncWith(context)
    const pubsub = yield* PubSub.sliding<Transition>(128)
    const onTransition = ({ openFor, ...transition }: BreakerTransition): void => {
      runSync(PubSub.publish(pubsub, {
        breaker: options.name,
        ...transition,
        openFor: openFor === undefined ? undefined : Duration.millis(openFor)
      }))
    }
    const rules = toRules(options, onTransition, context)
    const circuit = new Circuit(options.name, new BreakerMachine(rules, clock))
    return fromCircuit(circuit, options.classify ?? Outcome.fromExit, Stream.fromPubSub(pubsub))
  })

/**
 * A class that is the service key of one circuit breaker, with its `layer` and its `protect`. The name of the circuit
 * is the identifier unless given.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class Billing extends CircuitBreaker.Service<Billing>()("app/Billing", { failureRate: 0.3 }) {}
 *
 * const program = Effect.succeed("paid").pipe(Billing.protect)
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Billing.layer))) // => "paid"
 * ```
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options?: Partial<Options> | undefined
): GuardClass<Self, Id, CircuitBreaker, CircuitOpen, Options> => guardClass(id, { name: id, ...options }, make)

/** The circuit did not let the call through: the work was not started. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>("@switchgear/core/CircuitBreaker/CircuitOpen")(
  "CircuitOpen",
  {
    breaker: Schema.String,
    state: Schema.Literals(["Open", "HalfOpen", "ForcedOpen"]),
    /** Time until the circuit asks again; absent in HalfOpen, where results decide, and in ForcedOpen. */
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  override get message(): string {
    const advice = this.state === "ForcedOpen"
      ? "It was forced open by hand and stays so until control.close."
      : this.retryAfter === undefined
      ? "Its probes are under way; try again shortly, or use another target."
      : `Try again in ${Duration.format(this.retryAfter)}, or use another target.`
    return `Circuit "${this.breaker}" is ${this.state}: the call was not made. ${advice}`
  }
}

// What the calls of one circuit share: the machine and the last rejection, which calls of the same millisecond share.
class Circuit {
  readonly name: string
  readonly machine: BreakerMachine
  private rejection: Exit.Exit<never, CircuitOpen> = Exit.die("unused")
  private rejectionKey = NaN

  constructor(name: string, machine: BreakerMachine) {
    this.name = name
    this.machine = machine
  }

  reject(): Exit.Exit<never, CircuitOpen> {
    const { machine } = this
    const state = machine.state as CircuitOpen["state"]
    const retryIn = machine.retryIn(machine.askedAt)
    const key = retryIn === undefined ? (state === "HalfOpen" ? -1 : -2) : Math.ceil(retryIn)
    if (key !== this.rejectionKey) {
      this.rejectionKey = key
      const fields = { breaker: this.name, state }
      this.rejection = Exit.fail(
        withoutStack(() => new CircuitOpen(key < 0 ? fields : { ...fields, retryAfter: Duration.millis(key) }))
      )
    }
    return this.rejection
  }
}

class Call extends Admission implements BreakerLease {
  generation = -1
  start = 0
  private readonly circuit: Circuit
  private readonly self: Effect.Effect<any, any, any>
  private readonly classify: Outcome.Classify<any, any>
  private readonly clock: Clock.Clock

  constructor(
    circuit: Circuit,
    self: Effect.Effect<any, any, any>,
    classify: Outcome.Classify<any, any>,
    clock: Clock.Clock
  ) {
    super()
    this.circuit = circuit
    this.self = self
    this.classify = classify
    this.clock = clock
  }

  enter(): Effect.Effect<any, any, any> {
    return this.circuit.machine.tryAcquire(this, this.clock) ? this.self : this.circuit.reject()
  }

  leave(exit: Exit.Exit<any, any>): void {
    if (this.generation < 0) return
    const { machine } = this.circuit
    const outcome = judge(this.classify, exit)
    if (outcome._tag === "Ignored") return machine.release(this)
    const failed = outcome._tag !== "Success"
    const retryAfter = failed ? Outcome.retryAfterOf(exit) : undefined
    machine.record(
      this,
      failed,
      this.clock,
      retryAfter && Duration.toMillis(retryAfter),
      outcome._tag === "TripFor" ? Duration.toMillis(outcome.duration) : undefined
    )
  }
}

// A judge that throws must neither change the result of the call nor leak its lease.
const judge = (classify: Outcome.Classify<any, any>, exit: Exit.Exit<any, any>): Outcome.Outcome => {
  try {
    return classify(exit)
  } catch {
    return Outcome.fromExit(exit)
  }
}

const fromCircuit = (
  circuit: Circuit,
  classify: Outcome.Classify<any, any>,
  transitions: Stream.Stream<Transition>
): CircuitBreaker => {
  const { machine, name } = circuit
  const protectWith =
    ({ classify }: { readonly classify: Outcome.Classify<any, any> }) =>
    <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> =>
      guard((fiber) => new Call(circuit, self, classify, fiber.getRef(Clock.Clock)))
  const settled = Effect.map(Clock.Clock, (clock) => {
    const now = monotonicMillis(clock)
    machine.settle(now, clock)
    return now
  })
  const byHand = (change: (clock: Clock.Clock) => void) => Effect.map(Clock.Clock, change)
  const moveTo = (state: State) => byHand((clock) => machine.moveTo(state, clock, "by-hand"))
  return {
    name,
    protect: protectWith({ classify }),
    protectWith,
    gate: <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> =>
      Effect.withFiber((fiber): Effect.Effect<A, E | CircuitOpen, R> =>
        machine.wouldAdmit(fiber.getRef(Clock.Clock)) ? self : circuit.reject()
      ),
    state: Effect.map(settled, () => machine.state),
    snapshot: Effect.map(settled, (now) => snapshot(name, machine, now)),
    transitions,
    control: {
      trip: (duration) =>
        byHand((clock) =>
          machine.open(
            monotonicMillis(clock),
            clock,
            "by-hand",
            duration === undefined ? undefined : Duration.toMillis(duration)
          )
        ),
      forceOpen: moveTo("ForcedOpen"),
      disable: moveTo("Disabled"),
      metricsOnly: moveTo("MetricsOnly"),
      close: moveTo("Closed"),
      reset: byHand((clock) => machine.reset(clock))
    }
  }
}

const snapshot = (name: string, machine: BreakerMachine, now: number): Snapshot => {
  const { calls, failures, slow } = machine.counts(now)
  const enough = calls >= machine.enough
  const retryIn = machine.retryIn(now)
  return {
    name,
    state: machine.state,
    since: machine.since,
    failureRate: enough ? failures / calls : undefined,
    slowRate: enough ? slow / calls : undefined,
    calls,
    failed: failures,
    slow,
    inFlight: machine.inFlight,
    rejected: machine.rejected,
    openings: machine.openings,
    late: machine.late,
    nextRetry: retryIn === undefined ? undefined : Duration.millis(retryIn)
  }
}

const toRules = (
  options: Options,
  onTransition: BreakerRules["onTransition"],
  context: Context.Context<never>
): BreakerRules => {
  const check = new OptionsOf("CircuitBreaker.make")
  check.name(options.name)
  const window = options.window ?? lastCalls(100)
  const size = window._tag === "LastCalls" ? check.integer("window.calls", window.calls, 1) : Number.MAX_SAFE_INTEGER
  const failureRate = options.failureRate ?? 0.5
  const rate = failureRate === "off" ? Infinity : check.rate("failureRate", failureRate)
  const slowCallRate = check.rate("slowCallRate", options.slowCallRate ?? 1)
  const watchesDuration = options.slowCallDuration !== undefined
  return {
    window: toWindow(window, check),
    minimumCalls: check.integer("minimumCalls", options.minimumCalls ?? Math.min(10, size), 1, size),
    failureRate: rate,
    slowCallMillis: watchesDuration ? check.positive("slowCallDuration", options.slowCallDuration) : Infinity,
    slowCallRate: watchesDuration ? slowCallRate : Infinity,
    consecutiveFailures: options.consecutiveFailures === undefined
      ? Infinity
      : check.integer("consecutiveFailures", options.consecutiveFailures, 1),
    halfOpenCalls: check.integer("halfOpen.calls", options.halfOpen?.calls ?? 5, 1),
    // With the failure rate off there is no share to compare with: one failed probe opens again.
    halfOpenFailureRate: rate === Infinity ? Number.MIN_VALUE : rate,
    halfOpenMaxWait: check.limit("halfOpen.maxWait", options.halfOpen?.maxWait ?? "60 seconds"),
    openFor: toOpenings(options.openFor ?? "30 seconds", check, context),
    onTransition
  }
}

const toWindow = (window: Window, check: OptionsOf): SlidingWindow =>
  window._tag === "LastCalls"
    ? new CountWindow(window.calls)
    : new TimeWindow(
      check.positive("window.duration", window.duration),
      check.integer("window.buckets", window.buckets, 1)
    )

// A schedule steps in the middle of a synchronous transition, so it is run synchronously, with the services that `make`
// saw (`Random` for jitter). A step that cannot answer so leaves the last delay standing: the circuit opens anyway.
const toOpenings = (
  openFor: Duration.Input | Schedule.Schedule<unknown, number>,
  check: OptionsOf,
  context: Context.Context<never>
): (opening: number) => number => {
  if (!Schedule.isSchedule(openFor)) {
    const millis = check.positive("openFor", openFor)
    return () => millis
  }
  const schedule = openFor as Schedule.Schedule<unknown, number>
  const runSync = Effect.runSyncWith(context)
  const runSyncExit = Effect.runSyncExitWith(context)
  let delay = Duration.seconds(30)
  let step = runSync(Schedule.toStep(schedule))
  return (opening) => {
    if (opening === 1) step = runSync(Schedule.toStep(schedule))
    const exit = runSyncExit(Effect.flatMap(Clock.currentTimeMillis, (now) => step(now, opening)))
    if (exit._tag === "Success") delay = exit.value[1]
    return Duration.toMillis(delay)
  }
}
