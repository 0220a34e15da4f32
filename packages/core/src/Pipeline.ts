/**
 * All guards of one target, in the one order that works, for little more than the cost of the parts.
 *
 * A call passes `deadline ▸ retry ▸ hedge ▸ circuit open? ▸ rate limit ▸ bulkhead ▸ circuit ▸ attempt time-out ▸ call`. Every part
 * is optional, and the error type holds the rejections of the parts that are there and no others. Guards of your own stand
 * at named places between them: see {@link Guards} and `Guard.make`.
 *
 * **Why this order.** The deadline is around everything, so that waits and attempts share it. Each attempt of the retry
 * asks anew, and so does each run of a hedge. The circuit is asked twice: first without a lease, so that an open circuit spends no token and no place in
 * a queue; then with a lease just before the call, so that time spent waiting never looks like a slow dependency. What
 * was taken from the limiter for a call that a later guard refused is given back. The attempt time-out is innermost, so
 * that a hanging call is a failure to the circuit. When the circuit opens, the calls that wait for a turn or a slot are
 * rejected at once, instead of finding out when they have waited.
 *
 * **Semantics.** The same as the parts put together by hand in this order with `pipe`, only in fewer steps of the
 * runtime, and with calls that wait no longer when the circuit opens. With a deadline and no attempt time-out, an
 * attempt has what is left of the deadline.
 *
 * **Gotchas.** Parts are made before, and may be shared: one limiter for several models, say. A part that is not made
 * by this library, or is wrapped, works too, at the cost of a step of its own; a circuit that is wrapped in an object of
 * your own neither sends the waiting calls away when it opens, nor is a call that it refuses given its tokens back.
 *
 * ```ts
 * import { Bulkhead, CircuitBreaker, Pipeline, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pipeline = yield* Pipeline.make({
 *     deadline: "30 seconds",
 *     retry: yield* Retry.make({ maxAttempts: 2, baseDelay: "1 millis" }),
 *     bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 50 }),
 *     breaker: yield* CircuitBreaker.make({ name: "model", minimumCalls: 2 }),
 *     attemptTimeout: "10 seconds"
 *   })
 *   const down = Effect.fail("503").pipe(pipeline.protect)
 *   yield* Effect.flip(down)
 *   return yield* Effect.flip(down)
 * })
 *
 * const error = await Effect.runPromise(program)
 * typeof error === "string" ? error : error._tag // => "CircuitOpen"
 * ```
 */
import type * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { Timeout } from "./deadline/timeoutModel.ts"
import { timeouts } from "./deadline/timeouts.ts"
import { fieldOf } from "./internal/data/fieldOf.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { guardBy } from "./internal/runtime/guard.ts"
import { FamilyCall, Members, toBounds } from "./pipeline/family.ts"
import type { Family, FamilyOf, FamilyOptions } from "./pipeline/familyModel.ts"
import { familyKind } from "./pipeline/familyObserve.ts"
import { checkHedge } from "./pipeline/checkHedge.ts"
import { checkParts } from "./pipeline/checkParts.ts"
import { compose, type Millis } from "./pipeline/compose.ts"
import { type KeyOf, keyOf, protectBy } from "./internal/runtime/serviceClass.ts"
import * as Registry from "./Registry.ts"
import type { Made, WithTimes } from "./pipeline/added.ts"
import type { Checked, Given } from "./pipeline/checked.ts"
import type { CallOptions, Parts, Pipeline, PipelineFor, RejectedBy, RetriedBy, Times } from "./pipeline/model.ts"

export { familyKind }
export type { Made, Rejections, WithTimes } from "./pipeline/added.ts"
export type { Checked, Given } from "./pipeline/checked.ts"
export type { Family, FamilyOf, FamilyOptions, FamilySnapshot } from "./pipeline/familyModel.ts"
export type {
  CallOptions,
  Further,
  Guards,
  Parts,
  Pipeline,
  PipelineFor,
  RejectedBy,
  RetriedBy,
  Times
} from "./pipeline/model.ts"

const toTimes = ({ attemptTimeout, deadline }: Times, check: OptionsOf): Millis => {
  const total = deadline === undefined ? undefined : check.positive("deadline", deadline)
  const attempt = attemptTimeout === undefined ? total : check.positive("attemptTimeout", attemptTimeout)
  return { total, attempt }
}

/** Whether it is a time-out and not a time: of durations, none has a function. */
const isTimeout = (time: Parts["attemptTimeout"]): time is Timeout => typeof fieldOf(time, "protect") === "function"

const millisOf = (parts: Parts, check: OptionsOf): Millis => {
  const { attemptTimeout, deadline } = parts
  if (!isTimeout(attemptTimeout)) return toTimes({ attemptTimeout, deadline }, check)
  const { total } = toTimes({ deadline }, check)
  return { total, attempt: timeouts.get(attemptTimeout.protect)?.millis, timeout: attemptTimeout }
}

const codec = optionsCodec<Times>()({
  deadline: Schema.optionalKey(NumberOrDuration),
  attemptTimeout: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Times, check: toTimes })

/**
 * What {@link OptionsSchema} reads: {@link Times} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Times} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Times, WrittenOptions> = codec.schema

/**
 * Puts the parts in order. Dies with a `RangeError` that names the field when a duration is not above zero, when there is
 * no such part, or when what is given for a part is none, such as an effect that still has to be run to make it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const P extends Given>(parts: P & Checked<P>): Effect.Effect<Made<P>> =>
  Effect.sync(() => fromParts(parts as Parts) as Made<P>)

const fromParts = (parts: Parts): Pipeline<any> => {
  const check = new OptionsOf("Pipeline.make")
  checkParts(parts, check)
  const millis = millisOf(parts, check)
  checkHedge(parts.hedge, millis, check)
  return {
    protect: compose(parts, millis, {}),
    protectWith: (options) => compose(parts, millis, options)
  }
}

/**
 * Puts the parts in order, with the times under a path of the configuration; one that is not found there is as in
 * `parts`. Since it is not known before which times there are, `DeadlineExceeded` is among the errors. A time out of range
 * is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = <const P extends Given>(
  path: string | ConfigProvider.Path,
  parts: P & Checked<WithTimes<P>>
): Effect.Effect<Made<WithTimes<P>>, Config.ConfigError> => {
  const given = parts as Parts
  const { attemptTimeout, deadline } = given
  return Effect.map(
    codec.config(path, { deadline, attemptTimeout: isTimeout(attemptTimeout) ? undefined : attemptTimeout }),
    (times) =>
      fromParts({ ...given, ...times, attemptTimeout: times.attemptTimeout ?? attemptTimeout }) as Made<WithTimes<P>>
  )
}

/**
 * The whole order for each key: pipelines that are made when a key is first used, so many at most. A key that was
 * forgotten begins anew, with full limits and a closed circuit: keep what must outlast that in a family of its own, as
 * the circuits in the example. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * ```ts
 * import { Bulkhead, CircuitBreaker, Pipeline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const circuits = yield* CircuitBreaker.Family.make({ name: "tenants" })
 *   const tenants = yield* Pipeline.family({
 *     name: "tenants",
 *     pipeline: (tenant) =>
 *       Effect.gen(function*() {
 *         return yield* Pipeline.make({
 *           bulkhead: yield* Bulkhead.make({ name: "tenant", concurrency: 1 }),
 *           breaker: yield* circuits.get(tenant),
 *           attemptTimeout: "10 seconds"
 *         })
 *       })
 *   })
 *   const call = (tenant: string) =>
 *     Effect.as(Effect.sleep("5 millis"), `answered ${tenant}`).pipe(
 *       tenants.protect(tenant),
 *       Effect.catchTag("BulkheadFull", () => Effect.succeed(`too many of ${tenant}`))
 *     )
 *   return yield* Effect.all([call("acme"), call("acme"), call("globex")], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["answered acme", "too many of acme", "answered globex"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const family = <P extends PipelineFor<any, any>, R = never>(
  options: FamilyOptions<P, R>
): Effect.Effect<FamilyOf<P>, never, R> =>
  Effect.tap(
    Effect.map(Effect.context<R>(), (context): Family<any> => {
      const check = new OptionsOf("Pipeline.family")
      const bounds = toBounds(options, check)
      const pipelineOf = check.callback("pipeline", options.pipeline)
      // Without a scope nothing is entered into the registry.
      const fork = Effect.runForkWith(Context.omit(Scope.Scope)(context) as Context.Context<R>)
      const members = new Members(bounds, (key) => madeAtOnce(bounds.name, fork(Effect.suspend(() => pipelineOf(key)))))
      const protect = (key: string, options?: CallOptions<any, any> | undefined) =>
        guardBy<any>((_fiber, self) => new FamilyCall(members, key, self, options))
      return {
        name: bounds.name,
        protect: (key) => protect(key),
        protectWith: (key, options) => protect(key, options),
        snapshot: Effect.sync(() => members.read())
      }
    }),
    (family) => Registry.register({ kind: familyKind, name: family.name, guard: family })
  ) as Effect.Effect<FamilyOf<P>, never, R>

/** What the fiber has made, which must be a pipeline by now. */
const madeAtOnce = (name: string, fiber: Fiber.Fiber<unknown>): Exit.Exit<Pipeline<any>> => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) fiber.interruptUnsafe()
  else if (Exit.isFailure(exit)) return Exit.failCause(exit.cause as Cause.Cause<never>)
  else if (typeof fieldOf(exit.value, "protect") === "function") return exit as Exit.Exit<Pipeline<any>>
  return Exit.die(
    new TypeError(
      `Pipeline.family ${JSON.stringify(name)}: pipeline must make a pipeline, without waiting for anything`
    )
  )
}

/**
 * The class that {@link Service} makes: the service key of one pipeline, with its layer and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<
  in out Self,
  in out Id extends string,
  in out P extends PipelineFor<any, any>,
  out E,
  out R
> extends Context.ServiceClass<Self, KeyOf<"Pipeline", Id>, P> {
  /** Makes the pipeline once for everything that the layer is provided to. */
  readonly layer: Layer.Layer<Self, E, R>
  /** Wraps an effect with the pipeline, which becomes a requirement of the effect. */
  readonly protect: <A, E1 extends RetriedBy<P>, R1>(
    self: Effect.Effect<A, E1, R1>
  ) => Effect.Effect<A, E1 | RejectedBy<P>, R1 | Self>
}

/**
 * A class that is the service key of one pipeline, which the effect makes once.
 *
 * ```ts
 * import { Bulkhead, Pipeline, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const make = Effect.gen(function*() {
 *   const retry = yield* Retry.make({ maxAttempts: 2 })
 *   const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 50 })
 *   return yield* Pipeline.make({ deadline: "30 seconds", retry, bulkhead })
 * })
 * class Model extends Pipeline.Service<Model>()("model", make) {}
 *
 * const program = Effect.succeed("answered").pipe(Model.protect)
 *
 * await Effect.runPromise(Effect.provide(program, Model.layer)) // => "answered"
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string, P extends PipelineFor<any, any>, E, R>(
  id: Id,
  pipeline: Effect.Effect<P, E, R>
): ServiceClass<Self, Id, P, E, Exclude<R, Scope.Scope>> => {
  const key = Context.Service<Self, P>()(keyOf("Pipeline", id))
  return Object.assign(key, {
    layer: Layer.effect(key, pipeline),
    protect: protectBy<Self, P, any>(key, ({ protect }) => protect as never)
  }) as ServiceClass<Self, Id, P, E, Exclude<R, Scope.Scope>>
}
