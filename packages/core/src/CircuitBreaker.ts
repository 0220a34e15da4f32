/**
 * Calls to a target that is down fail at once, instead of each waiting for its own time-out.
 *
 * A circuit breaker watches the results of the calls that it protects. While it is **Closed**, calls pass. When too many
 * of the recent ones failed, or were slow, it **opens**: calls are rejected with {@link CircuitOpen}. After `openFor` it is
 * **HalfOpen**: a few probes pass, and their results decide whether it closes or opens again. By hand it can be forced
 * open, disabled (every call passes, none is counted), or set to metrics only (every call passes, all are counted).
 *
 * **Order.** Put the attempt time-out inside, so that a hanging call is a failure for the breaker. Put retry outside, so
 * that every attempt is one call of the circuit. Put other guards directly inside or outside: a call that they refuse is
 * then ignored. With something else in between, such as a span, the refusal counts as an answer of the target.
 *
 * **Semantics.** States, windows and the slow-call rate are those of resilience4j, with three deliberate differences. The
 * result of a call that began in an earlier state does not move the circuit. HalfOpen decides as soon as the decision is
 * certain. A probe that hangs cannot block the circuit, because HalfOpen has a `maxWait` by default; if the probe succeeds
 * after that, it still counts.
 *
 * **What is seen.** {@link Snapshot} has the present window, the {@link Thresholds}, and {@link Totals} since the beginning.
 * With `measureDurations: "on"` it has the {@link Durations} of calls, too. `Telemetry.layer` publishes all of it.
 *
 * **Gotchas.** No timer runs in the background: that an opening is over shows when the circuit is called or read. A pure
 * interruption is ignored, so `Effect.timeout` outside the breaker hides a hanging target from it. A total deadline
 * (`Deadline.within`) does not, unless it gave the call less time than {@link Options.patience}.
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
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as PubSub from "effect/PubSub"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { CircuitBreaker, Options, Transition, Window } from "./circuitBreaker/model.ts"
import { kind } from "./circuitBreaker/observe.ts"
import { toJudge, toRules } from "./circuitBreaker/rules.ts"
import { Circuit } from "./circuitBreaker/circuit.ts"
import { CurrentFleet, joined } from "./circuitBreaker/fleet.ts"
import { LinkedCircuit } from "./circuitBreaker/linkedCircuit.ts"
import { facade, placeOf } from "./circuitBreaker/facade.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import { OpeningListeners } from "./circuitBreaker/openingListeners.ts"
import { CircuitOpen } from "./circuitBreaker/CircuitOpen.ts"
import * as Probe from "./circuitBreaker/probe.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { noteCircuit } from "./circuitBreaker/saving.ts"
import { publishTransitions } from "./circuitBreaker/publishTransitions.ts"
import { codec } from "./circuitBreaker/codec.ts"
import * as Registry from "./Registry.ts"

export { CircuitOpen, kind }
/**
 * A circuit breaker for each key.
 *
 * @since 0.1.0
 * @category models
 */
export * as Family from "./circuitBreaker/Family.ts"
export type {
  CircuitBreaker,
  Control,
  Durations,
  Options,
  Snapshot,
  State,
  Thresholds,
  Totals,
  Transition,
  TransitionReason,
  Window
} from "./circuitBreaker/model.ts"

/**
 * A window of the last `calls` calls, however old they are; at most 10,000,000.
 *
 * @since 0.1.0
 * @category options
 */
export const lastCalls = (calls: number): Window => ({ _tag: "LastCalls", calls })

/**
 * A window of the calls that ended in the last `duration`. It is kept in `buckets` slices (default 10, at most 10,000), which
 * leave one at a time.
 *
 * @since 0.1.0
 * @category options
 */
export const lasting = (
  duration: Duration.Input,
  options?: { readonly buckets?: number | undefined } | undefined
): Window => ({ _tag: "Lasting", duration, buckets: options?.buckets ?? 10 })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `classify` is added in code. A wrong or unknown field is refused by
 * name.
 *
 * - `window` is `{ lastCalls: 100 }` or `{ lasting: "60 seconds", buckets: 10 }`.
 * - `openFor` is a duration, or `{ baseDelay, factor, maxDelay, jitter }`. The first opening lasts `baseDelay`, each further
 *   one in a row `factor` times as long (default 2), up to `maxDelay` (default 10 minutes, or `baseDelay` if that is
 *   longer). Each is longer or shorter by up to the share `jitter` (default 0).
 * - `measureDurations` is `on`, `off` or a list of durations.
 * - `critical` is `true` or `false`.
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
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Says from inside a protected call that the call is alive: every half-open circuit around it waits for this probe as if
 * it had just begun. For work that shows signs of life before it ends, such as a stream. Does nothing when the call is not
 * a probe.
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
 *
 * @since 0.1.0
 * @category combinators
 */
export const stillAlive: Effect.Effect<void> = Probe.stillAlive

/**
 * {@link stillAlive} for another fiber. Run it inside the protected call; run the effect that it gives wherever a sign of
 * life is seen, such as in the reader of a stream. It gives `undefined` when the call is not a probe.
 *
 * @since 0.1.0
 * @category combinators
 */
export const signOfLife: Effect.Effect<Effect.Effect<void> | undefined> = Probe.signOfLife

/**
 * Makes a circuit breaker, which is Closed. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options: Options) => Effect.Effect<CircuitBreaker> = Effect.fnUntraced(function*(options: Options) {
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
  const fleet = options.shared === true ? yield* CurrentFleet : undefined
  const circuit = fleet === undefined
    ? new Circuit(options.name, rules, clock)
    : yield* joined(fleet, new LinkedCircuit(options.name, rules, clock, yield* Random.Random))
  const breaker = offerCalls(
    listeners.offer(facade(placeOf(circuit), toJudge(options, check), Stream.fromPubSub(transitions))),
    circuit
  )
  noteCircuit(breaker, circuit)
  yield* Registry.register({ kind, name: breaker.name, guard: breaker, critical: options.critical })
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
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<CircuitBreaker, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one circuit breaker, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends
    Context.ServiceClass<Self, KeyOf<"CircuitBreaker", Id>, CircuitBreaker>,
    GuardClass<Self, CircuitOpen, Options>
{}

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
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options?: Partial<Options> | undefined
): ServiceClass<Self, Id> => guardClass(keyOf("CircuitBreaker", id), { name: id, ...options }, make, codec)
