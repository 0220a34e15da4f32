/**
 * Hides transient failures from the caller: a failed effect is tried again, a limited number of times, with waits that
 * grow and are scattered.
 *
 * Only typed failures are retried, never defects or interruptions, and only those that `while` allows. By default these
 * are the errors that do not say `isRetryable: false` and are not rejections by a guard: an open circuit or a full
 * bulkhead does not recover by being asked again. The wait is at least the error's `retryAfter`. The last error is
 * returned at once, unchanged, when
 *
 * - `maxAttempts` were made;
 * - the wait would pass the deadline or `maxDuration`;
 * - the {@link RetryBudget} or {@link Attempts} have nothing left;
 * - the error asks for a longer wait than `maxDelay`, so that another target can be tried instead.
 *
 * **Order.** Outside of limiter, bulkhead and breaker, so that each attempt is admitted anew; inside of the deadline.
 * Without `maxDuration` and budget, nothing is set up until the first attempt has failed.
 *
 * **Gotchas.** A request that is not idempotent may have taken effect although it failed. If a client inside retries as
 * well, attempts multiply: turn its retries off, or put both under `Attempts.within`. `maxAttempts` limits one caller. Use
 * a `RetryBudget` to limit the retries of all callers together when a target is down.
 *
 * ```ts
 * import { Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let attempt = 0
 * const flaky = Effect.suspend(() => ++attempt < 3 ? Effect.fail("blip") : Effect.succeed(`answered at ${attempt}`))
 *
 * await Effect.runPromise(flaky.pipe(Retry.retry({ baseDelay: "1 millis" }))) // => "answered at 3"
 * ```
 */
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import { guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { attemptAll } from "./retry/attemptAll.ts"
import { Counts } from "./retry/counts.ts"
import * as Registry from "./Registry.ts"
import type { Options, Retry } from "./retry/model.ts"
import { kind } from "./retry/observe.ts"
import { policies } from "./retry/policies.ts"
import { isTransient, type Policy, toPolicy } from "./retry/policy.ts"
import { Run } from "./retry/run.ts"

export type { Jitter, Options, Retry, Snapshot } from "./retry/model.ts"
export { isTransient, kind }

/**
 * Makes a retry. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = unknown>(options: Options<E>): Effect.Effect<Retry<E>> =>
  Effect.sync(() => {
    const policy = toPolicy(options, new OptionsOf("Retry.make"))
    const counts = new Counts()
    const protect = protectBy(policy, counts)
    policies.set(protect, { policy, counts })
    const retry: Retry<E> = { name: policy.name, protect, snapshot: Effect.sync(() => counts.read(policy.name)) }
    return offerCalls(retry, counts)
  }).pipe(Effect.tap((retry) =>
    options.name === undefined ? Effect.void : Registry.register({ kind, name: retry.name, guard: retry })
  ))

/**
 * Retries one effect, without a snapshot. Throws a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry = <E = unknown>(options: Options<E>): Retry<E>["protect"] =>
  protectBy(toPolicy(options, new OptionsOf("Retry.retry")), new Counts())

const protectBy = (policy: Policy, counts: Counts): Retry["protect"] => (self) =>
  through(self, (self, fiber) => attemptAll(self, policy, counts, fiber))

/**
 * The same policy as a `Schedule` of the waits, for `Effect.retry` and for other functions that take one. It ends where
 * the retry would give up. `maxDuration` is measured from the first step of the schedule, which `Effect.retry` takes
 * before the first attempt. A schedule does not see successes: it spends from a budget and does not pay into it. It
 * counts nothing.
 *
 * ```ts
 * import { Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const failing = Effect.suspend(() => Effect.fail(++attempts))
 *
 * await Effect.runPromise(Effect.flip(Effect.retry(failing, Retry.schedule({ maxAttempts: 4, baseDelay: "1 millis" })))) // => 4
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const schedule = <E = unknown>(options: Options<E>): Schedule.Schedule<Duration.Duration, E> => {
  const policy = toPolicy(options, new OptionsOf("Retry.schedule"))
  return Schedule.fromStep(Effect.withFiber((fiber) => {
    const run = new Run(policy, fiber)
    return Effect.succeed((_now: number, error: E) =>
      Effect.withFiber((fiber) => {
        const wait = run.next(error, fiber)
        if (typeof wait === "string") return Cause.done(Duration.zero)
        const delay = Duration.millis(wait)
        const pay = run.pay(fiber)
        return Effect.flatMap(Effect.isEffect(pay) ? pay : Effect.succeed(pay), (payment) =>
          payment === "paid"
            ? Effect.succeed<[Duration.Duration, Duration.Duration]>([delay, delay])
            : Cause.done(Duration.zero))
      })
    )
  }))
}

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  maxAttempts: Schema.optionalKey(NumberOrDuration),
  baseDelay: Schema.optionalKey(NumberOrDuration),
  factor: Schema.optionalKey(NumberOrDuration),
  maxDelay: Schema.optionalKey(NumberOrDuration),
  jitter: Schema.optionalKey(NumberOrDuration),
  maxDuration: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Options, check: toPolicy })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * A schema of {@link Options} as written in YAML or JSON, without `while` and `budget`, which are added in code. A field
 * that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a retry with the options under a path of the configuration, such as `["model", "retry"]`. Options that are not
 * found there are taken from `options`. Options out of range fail with a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = <E = unknown>(
  path: string | ConfigProvider.Path,
  options: Options<E> = {}
): Effect.Effect<Retry<E>, Config.ConfigError> =>
  Effect.flatMap(codec.config(path, options as Options), (options) => make(options as Options<E>))

/**
 * The class that {@link Service} makes: the service key of one retry, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string, in out E = unknown>
  extends Context.ServiceClass<Self, KeyOf<"Retry", Id>, Retry<E>>
{
  /** Makes the retry once for everything the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests and for a second environment. */
  readonly layerWith: (options: Options<E>) => Layer.Layer<Self>
  /** Like `layer`, with the options under a path of the configuration: see {@link fromConfig}. */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, Config.ConfigError>
  /** Wraps an effect with the retry, which becomes one of the services that the effect needs. */
  readonly protect: <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1, R | Self>
}

/**
 * A class that is the service key of one retry, with its `layer` and its `protect`. The id is its name unless the options
 * say otherwise. The second type parameter is for a `while` that reads fields of the error: the class then protects only
 * effects that fail with such errors.
 *
 * ```ts
 * import { Pipeline, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class ModelRetry extends Retry.Service<ModelRetry>()("model", { maxAttempts: 2, baseDelay: 0 }) {}
 *
 * let attempts = 0
 * const failing = Effect.suspend(() => Effect.fail(`503 number ${++attempts}`))
 *
 * const program = Effect.gen(function*() {
 *   yield* Effect.exit(failing.pipe(ModelRetry.protect))
 *   const pipeline = yield* Pipeline.make({ retry: yield* ModelRetry, attemptTimeout: "10 seconds" })
 *   yield* Effect.exit(failing.pipe(pipeline.protect))
 *   return yield* (yield* ModelRetry).snapshot
 * })
 *
 * const { calls, name, retries } = await Effect.runPromise(Effect.provide(program, ModelRetry.layer))
 * name // => "model"
 * calls // => 2
 * retries // => 2
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service =
  <Self, E = unknown>() => <const Id extends string>(id: Id, options: Options<E> = {}): ServiceClass<Self, Id, E> =>
    guardClass<Self, KeyOf<"Retry", Id>, Retry<any>, never, Options<any>>(
      keyOf("Retry", id),
      { ...options, name: options.name ?? id },
      make,
      codec
    )
