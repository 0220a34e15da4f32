/**
 * A {@link Bulkhead} that finds its `concurrency` itself: it lets in as many calls as the target can answer in time, and no
 * more. Queue, `maxWait`, priorities, shares and {@link BulkheadFull} are those of the bulkhead. `Pipeline.make({ bulkhead })`
 * takes it in the place of one.
 *
 * **When.** The target is shared or changes, so that nobody knows the right number: a provider under load answers everybody
 * late, and every caller times out. Where the number is known, use a `Bulkhead`. A limit protects from overload, a circuit
 * breaker from an outage: use both.
 *
 * **Two signs of overload** move the limit, at most once a `window`. The first is the stretch: how much slower than usual the
 * first token comes, each class of calls against its own baseline. The second is the share of drops. While at least half of the
 * limit is in use and there is no sign, it grows. A limit that was lowered for slow answers is restored if they do not come
 * faster: then the target is slow, and not overloaded.
 *
 * | How a call ends | What it says |
 * |---|---|
 * | it succeeds | success |
 * | `DeadlineExceeded` while it runs, a time-out, status 503 or 529: `Outcome.isOverload` | drop |
 * | a rate limit (429), another error, a defect | nothing |
 * | it is interrupted, or refused by a guard | nothing |
 *
 * **The first token.** Work that streams runs {@link firstToken} when it sees the first part of its result; work that does
 * not runs {@link outputTokens} with the usage of its answer. The chat models of `@switchgear/http` do both. Work that does
 * neither gives no time, and drops alone move the limit: for calls that all do the same work, say `sample: "duration"`.
 *
 * **Order.** As a bulkhead: inside the retry and the rate limiter, outside the circuit breaker. Time is measured from the
 * moment at which the work begins, so that waits of guards are no sign of overload.
 *
 * **Gotchas.** A rate limit is not capacity: as drops, 429s would lower the limit for nothing. The total duration is no
 * sign of overload for calls whose answers differ in length. A caller's deadline that is too short for any answer is
 * counted as a drop. A target that drops a share d of its calls whatever the load holds the limit near ((1 − d) / d)², which
 * is 81 for a tenth: where that is too low, use a higher `min`. Lowering the limit interrupts nobody. Nothing is shared in a
 * fleet: each node finds a limit of its own, so that `initial` and `min` are those of the fleet divided by its nodes.
 *
 * ```ts
 * import { ConcurrencyLimit } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* ConcurrencyLimit.make({ name: "model", algorithm: "aimd", initial: 10 })
 *   const overloaded = Effect.fail({ status: 529 }).pipe(limit.protect)
 *   yield* Effect.exit(overloaded)
 *   const { concurrency, drops, reason } = yield* limit.snapshot
 *   return `${concurrency} at once after ${drops} ${reason}`
 * })
 *
 * await Effect.runPromise(program) // => "9 at once after 1 drop"
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { BulkheadFull, type Reason as FullReason } from "./bulkhead/BulkheadFull.ts"
import type { Algorithm, AlgorithmRules, Judged, Reading, Reason } from "./concurrencyLimit/algorithm.ts"
import { makeAlgorithm } from "./concurrencyLimit/makeAlgorithm.ts"
import { ownAlgorithm } from "./concurrencyLimit/ownAlgorithm.ts"
import { limitOf } from "./concurrencyLimit/limitOf.ts"
import type { ConcurrencyLimit, Options } from "./concurrencyLimit/model.ts"
import { kind } from "./concurrencyLimit/observe.ts"
import { type Rules, toRules } from "./concurrencyLimit/rules.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { monotonicMillis } from "./internal/runtime/time.ts"
import * as Registry from "./Registry.ts"

export { BulkheadFull, type FullReason, kind }
export type { Algorithm, AlgorithmRules, Judged, Reading, Reason }
export { CurrentClass } from "./concurrencyLimit/currentClass.ts"
export type {
  AlgorithmName,
  Baseline,
  ConcurrencyLimit,
  Control,
  MakeAlgorithm,
  Options,
  Sample,
  Signal,
  Snapshot
} from "./concurrencyLimit/model.ts"
export { signalOf } from "./concurrencyLimit/signal.ts"
export { firstToken, outputTokens } from "./concurrencyLimit/telling.ts"

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  algorithm: Schema.optionalKey(Schema.String),
  initial: Schema.optionalKey(NumberOrDuration),
  min: Schema.optionalKey(NumberOrDuration),
  max: Schema.optionalKey(NumberOrDuration),
  tolerance: Schema.optionalKey(NumberOrDuration),
  window: Schema.optionalKey(NumberOrDuration),
  minimumCalls: Schema.optionalKey(NumberOrDuration),
  backoff: Schema.optionalKey(NumberOrDuration),
  sample: Schema.optionalKey(Schema.String),
  queue: Schema.optionalKey(NumberOrDuration),
  maxWait: Schema.optionalKey(NumberOrDuration),
  share: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `classOf`, `signal` and an `algorithm` of your own are given in code. A wrong or unknown field is
 * rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a limit. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<ConcurrencyLimit> =>
  Effect.withFiber((fiber) => {
    const rules = toRules(options, new OptionsOf("ConcurrencyLimit.make"))
    const clock = fiber.getRef(Clock.Clock)
    const algorithm = algorithmOf(rules, monotonicMillis(clock), fiber.getRef(Random.Random))
    const limit = limitOf(rules, algorithm, clock)
    return Effect.as(Registry.register({ kind, name: limit.name, guard: limit }), limit)
  })

const algorithmOf = (
  { algorithm, ...rules }: Rules,
  now: number,
  random: Context.Service.Shape<typeof Random.Random>
) =>
  typeof algorithm === "function"
    ? ownAlgorithm(algorithm(rules, now), rules, new OptionsOf("ConcurrencyLimit.make"))
    : makeAlgorithm({ algorithm, ...rules }, now, () => random.nextDoubleUnsafe())

/**
 * Makes a limit with the options under a path of the configuration, such as `["model", "limit"]`. Options that are missing
 * there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<ConcurrencyLimit, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one limit, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends
    Context.ServiceClass<Self, KeyOf<"ConcurrencyLimit", Id>, ConcurrencyLimit>,
    GuardClass<Self, BulkheadFull, Options>
{}

/**
 * A class that is the service key of one limit, with its `layer` and its `protect`.
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined } = {}
): ServiceClass<Self, Id> =>
  guardClass(keyOf("ConcurrencyLimit", id), { ...options, name: options.name ?? id }, make, codec)
