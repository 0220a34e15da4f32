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
 * that every attempt asks the circuit and is one result. Put other guards directly inside or outside: what they refuse
 * then counts for nothing. With something else in between, such as a span, the refusal counts as an answer.
 *
 * **Semantics.** States, windows and the slow-call rate are those of resilience4j, with three deliberate differences:
 * the result of a call that began in an earlier state moves nothing; half-open decides as soon as the decision is
 * certain; a probe that hangs cannot block the circuit, because half-open has a `maxWait` by default. A probe that
 * succeeds after that still counts, so that a target whose answers take longer closes the circuit, too.
 *
 * **Gotchas.** No timer runs in the background: an elapsed opening shows when the circuit is asked or read. A pure
 * interruption counts for nothing, so `Effect.timeout` outside the breaker hides a hanging dependency from it. A total
 * deadline (`Deadline.within`) does not, unless it gave the call less time than {@link Options.patience}.
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
 * const told = error instanceof CircuitBreaker.CircuitOpen ? error.message : error
 * told // => 'Circuit "model" is Open: the call was not made. Try again in 30s, or use another target.'
 * ```
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { BreakerReason, BreakerState } from "./circuitBreaker/model.ts"
import { toJudge, toRules } from "./circuitBreaker/rules.ts"
import { Circuit } from "./circuitBreaker/circuit.ts"
import { facade, placeOf } from "./circuitBreaker/facade.ts"
import { OpeningListeners } from "./circuitBreaker/openingListeners.ts"
import { CircuitOpen } from "./circuitBreaker/CircuitOpen.ts"
import * as Probe from "./circuitBreaker/probe.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { publishTransitions } from "./circuitBreaker/publishTransitions.ts"
import { codec } from "./circuitBreaker/codec.ts"
import type * as Outcome from "./Outcome.ts"
import * as Registry from "./Registry.ts"

export { CircuitOpen }
export {
  type Family,
  family,
  familyFromConfig,
  type FamilyOptions,
  FamilyOptionsSchema,
  type FamilySnapshot
} from "./circuitBreaker/family.ts"
export { platform } from "./circuitBreaker/platform.ts"

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
  /** How long the other side asked for, where that decided; `openFor` is at most `maxRetryAfter` of it. */
  readonly askedFor?: Duration.Duration | undefined
  /** Openings without a closing in between. */
  readonly openingsInRow: number
}

/** Which calls the rates are taken over: see {@link lastCalls} and {@link lasting}. */
export type Window =
  | { readonly _tag: "LastCalls"; readonly calls: number }
  | { readonly _tag: "Lasting"; readonly duration: Duration.Input; readonly buckets: number }

/** The last `calls` calls, however old; at most 10,000,000. */
export const lastCalls = (calls: number): Window => ({ _tag: "LastCalls", calls })

/** The calls that ended in the last `duration`, kept in `buckets` slices (default 10, at most 10,000) that leave one at a time. */
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
  /**
   * A call that takes at least this long is slow, whether it succeeds or not, and counts as slow while it is still in
   * flight: calls that hang open the circuit before they end. @default no call is slow
   */
  readonly slowCallDuration?: Duration.Input | undefined
  /** Share of slow calls that trips, above 0 and at most 1, inclusive. @default 1 */
  readonly slowCallRate?: number | undefined
  /** So many failures in a row trip, whatever the window says. @default off */
  readonly consecutiveFailures?: number | undefined
  /**
   * How long an opening lasts. A schedule is stepped once for every opening in a row (its input is their number, from
   * 1) and starts over when the circuit has closed. When it is done, fails, or has no answer above zero at once, its last
   * delay holds; 30 seconds if there was none. @default "30 seconds"
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * The longest opening that the other side can ask for: by the `retryAfter` of an error, by `Outcome.failureAfter` or by
   * `Outcome.tripFor`. @default "10 minutes"
   */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * A call that is ended by its caller's total deadline counts as a failure only if it had been given at least so much
   * time; else it is ignored. Zero: every one counts; `"Infinity"`: none does. An attempt time-out always counts.
   *
   * Where it is not set, calls that had been given less, but at least 100 ms, count too as soon as callers have waited for
   * eight times the average without an answer. While nothing has been answered yet, the average is taken to be one second,
   * and one second of waiting is enough. Callers that wait at the same time count once. Set it, or an attempt time-out,
   * where deadlines are below 100 ms.
   * @default the average time of an answer, learnt from the first eight calls that are answered and then from one in 31
   */
  readonly patience?: Duration.Input | undefined
  /** The probes are judged by the same rates as the window, over all of them; with `failureRate: "off"`, one that fails opens again. */
  readonly halfOpen?: {
    /** Probes that decide, at most 100,000. @default 5 */
    readonly calls?: number | undefined
    /**
     * A probe in flight for this long since it began, or last was {@link stillAlive}, opens the circuit again. If it
     * succeeds later it still counts as a probe that succeeded. `"Infinity"` for no limit. @default "60 seconds"
     */
    readonly maxWait?: Duration.Input | undefined
  } | undefined
  /**
   * After closing, passes a share of the calls that grows from `from` (default 0.1) to all of them over `over`, so that
   * a target that has just recovered is not run over. The others are rejected. @default all pass at once
   */
  readonly rampUp?: { readonly over: Duration.Input; readonly from?: number | undefined } | undefined
  /** Judges a call by its exit. One that throws is replaced by the default for that call. @default Outcome.fromExit */
  readonly classify?: Outcome.Classify | undefined
}

/**
 * {@link Options} as they are written in YAML or JSON; `classify` is added in code. A field that is wrong or unknown is
 * refused by name.
 *
 * - `window` is `{ lastCalls: 100 }` or `{ lasting: "60 seconds", buckets: 10 }`.
 * - `openFor` is a duration, or `{ baseDelay, factor, maxDelay, jitter }`: the first opening lasts `baseDelay`, each further one in a row
 *   `factor` times as long (default 2), up to `maxDelay` (default 10 minutes, or `baseDelay` if that is longer), and all of them are
 *   longer or shorter by up to the share `jitter` (default 0).
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Schema } from "effect"
 * import * as Yaml from "effect/encoding/Yaml"
 *
 * const read = (yaml: string) => Schema.decodeUnknownSync(CircuitBreaker.OptionsSchema)(Yaml.parse(yaml))
 *
 * read("{ name: model, failureRate: 0.3, window: { lastCalls: 20 } }").window // => CircuitBreaker.lastCalls(20)
 * ```
 */
export const OptionsSchema = codec.schema

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
  /** Openings without a closing in between. */
  readonly openingsInRow: number
  /** Results that came too late to count, because the state had changed. */
  readonly late: number
  /** The share of calls that pass while the circuit ramps up after closing. */
  readonly rampUp: number | undefined
  /** Time until the circuit asks again, while it is Open. */
  readonly nextRetry: Duration.Duration | undefined
}

/**
 * Changes of state by hand, which hold until the next one. Calls in flight at that moment count for nothing afterwards. A
 * command changes and announces nothing where the state is that already.
 */
export interface Control {
  /**
   * Opens as if tripped: for the given time, or for as long as `openFor` says. The time is not bounded by
   * `maxRetryAfter`. While Open, a given time replaces what is left, and nothing is announced; while ForcedOpen, Disabled
   * or MetricsOnly it changes nothing. Dies on a duration below zero or without an end: that is `forceOpen`.
   */
  readonly trip: (duration?: Duration.Input | undefined) => Effect.Effect<void>
  /** Rejects everything until told otherwise. */
  readonly forceOpen: Effect.Effect<void>
  /** Lets everything pass and counts nothing until told otherwise. */
  readonly disable: Effect.Effect<void>
  /** Lets everything pass and counts everything until told otherwise. */
  readonly metricsOnly: Effect.Effect<void>
  /** Begins to let calls pass, with an empty window; while Closed, the window is left as it is. */
  readonly close: Effect.Effect<void>
  /** Closes, empties the window also while Closed, and sets the counters to zero. */
  readonly reset: Effect.Effect<void>
}

/** A circuit breaker. */
export interface CircuitBreaker {
  readonly name: string
  /** Stands around an effect. Adds {@link CircuitOpen} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Like `protect`, judging this kind of call by rules of its own; what is not given is as in the options. With a
   * `slowCallDuration` of `"Infinity"` it is never slow.
   */
  readonly protectWith: <A, E>(options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
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

/**
 * Says from inside a protected call that it is alive: every half-open circuit around it waits for this probe as if it had
 * just begun. For work that shows signs of life before it ends, such as a stream. Does nothing, for next to nothing, when
 * the call is no probe.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "model", halfOpen: { calls: 1, maxWait: "5 seconds" } })
 *   yield* breaker.control.trip(0)
 *   const chunk = Effect.andThen(Effect.sleep("10 millis"), CircuitBreaker.stillAlive)
 *   yield* breaker.protect(Effect.repeat(chunk, { times: 5 }))
 *   return yield* breaker.snapshot
 * })
 *
 * const { openings, state } = await Effect.runPromise(program)
 * state // => "Closed"
 * openings // => 1
 * ```
 */
export const stillAlive: Effect.Effect<void> = Probe.stillAlive

/**
 * {@link stillAlive} for another fiber: taken inside the protected call, it can be run wherever a sign of life is seen,
 * such as by the reader of a stream. Undefined when the call is no probe, so that nobody pays for what says nothing.
 */
export const signOfLife: Effect.Effect<Effect.Effect<void> | undefined> = Probe.signOfLife

/** Makes a circuit breaker, Closed. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = (options: Options): Effect.Effect<CircuitBreaker> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const context = yield* Effect.context<never>()
    const registry = yield* Registry.CurrentRegistry
    const transitions = yield* PubSub.sliding<Transition>(128)
    const check = new OptionsOf("CircuitBreaker.make")
    const listeners = new OpeningListeners()
    const heard = (transition: Transition) => {
      listeners.tell(transition)
      registry.announce(breaker, transition)
    }
    const rules = toRules(options, check, publishTransitions(transitions, context, heard), context)
    const circuit = new Circuit(options.name, rules, clock)
    const breaker = listeners.offer(
      facade(placeOf(circuit), toJudge(options, check), Stream.fromPubSub(transitions))
    )
    yield* Registry.register({ _tag: "CircuitBreaker", name: breaker.name, breaker })
    return breaker
  })

/**
 * Makes a circuit breaker with the options under a path of the configuration; what is not found there is as in `options`.
 * Options out of range are a `ConfigError`.
 *
 * The path `["model", "circuit"]` is `model.circuit` in a file and `MODEL_CIRCUIT` in an environment, where
 * `failureRate` is `MODEL_CIRCUIT_FAILURE_RATE` and `halfOpen.calls` is `MODEL_CIRCUIT_HALF_OPEN_CALLS`. A variable wins
 * over a file, name by name. Unknown names are refused in a file; in an environment, which is shared, they are not.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { ConfigProvider, Effect } from "effect"
 * import * as Yaml from "effect/encoding/Yaml"
 *
 * const file = ConfigProvider.fromUnknown(Yaml.parse("model: { circuit: { failureRate: 0.3, minimumCalls: 1 } }"))
 * const environment = ConfigProvider.fromEnv({ env: { MODEL_CIRCUIT_OPEN_FOR: "1 hour" } })
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.fromConfig(["model", "circuit"], { name: "model" })
 *   yield* Effect.exit(Effect.fail("503").pipe(breaker.protect))
 *   return yield* Effect.flip(breaker.protect(Effect.void))
 * })
 *
 * const provider = ConfigProvider.orElse(environment, file)
 * const error = await Effect.runPromise(Effect.provideService(program, ConfigProvider.ConfigProvider, provider))
 * error.message // => 'Circuit "model" is Open: the call was not made. Try again in 1h, or use another target.'
 * ```
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<CircuitBreaker, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

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
): GuardClass<Self, KeyOf<"CircuitBreaker", Id>, CircuitBreaker, CircuitOpen, Options> =>
  guardClass(keyOf("CircuitBreaker", id), { name: id, ...options }, make, codec)
