/**
 * Limits the time of a call: the total deadline of a request, and the time-out of each attempt.
 *
 * {@link within} puts everything inside under an absolute deadline. Further in, it can be narrowed and never widened. What
 * still runs when the deadline comes is interrupted. {@link attempt} is the time-out of one attempt: its own limit, or what
 * is left of the deadline if that is less. {@link make} gives that time-out a name, under which it is in registry and
 * metrics. The other guards read the deadline: a retry begins no wait that would pass it, a bulkhead does not queue beyond
 * it.
 *
 * **Order.** `within` outermost, `attempt` innermost, next to the call. When both come due at the same time, the innermost
 * reports it, and counts it if it has a name: a breaker between them sees a time-out, not an interruption.
 *
 * **Detached work.** A deadline holds for everything that was begun under it, also for a detached fiber that outlives the
 * request: its attempts end at the deadline even when the fiber that set it has ended. Put work that must go on under
 * {@link detached}. The deadline waits for the finalizers of its own work, and not for detached work.
 *
 * **Gotchas.** A time-out interrupts the work and waits for its finalizers. Work that cannot be interrupted is not cut
 * short, and its result after the deadline is dropped; a defect in it is not. Work that blocks the event loop is found late
 * when it lets go of the loop: if it has ended by then, its result stands. With no time left at the start, the work is not
 * begun: the `after` of the error is zero then, and the error is a rejection, which no circuit counts.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const slow = Effect.sleep("1 minute").pipe(Deadline.attempt("20 millis"), Deadline.within("10 seconds"))
 *
 * const error = await Effect.runPromise(Effect.flip(slow))
 * error.limit // => "attempt"
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { CurrentDeadline, timeContextOf } from "./deadline/current.ts"
import { DeadlineExceeded } from "./deadline/DeadlineExceeded.ts"
import { type HeaderFields, leftBy, timeoutHeader, written } from "./deadline/header.ts"
import { limit } from "./deadline/limit.ts"
import { defectsOf, OwnLimit, timed } from "./deadline/limited.ts"
import { kind } from "./deadline/observe.ts"
import type { Options, Timeout } from "./deadline/timeoutModel.ts"
import type { Counts } from "./deadline/limited.ts"
import { timeouts } from "./deadline/timeouts.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import type { Deadline } from "./internal/runtime/expiry.ts"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import * as Registry from "./Registry.ts"

/**
 * Which limit it is: that of one attempt, or that of the whole call.
 *
 * @since 0.1.0
 * @category models
 */
export type Limit = Deadline["limit"]

export type { Deadline, HeaderFields }
export type { Options, Snapshot, Timeout } from "./deadline/timeoutModel.ts"
export { CurrentDeadline, DeadlineExceeded, kind }

const toRules = ({ duration, name }: Options, check: OptionsOf) => ({
  name: check.name(name),
  millis: check.positive("duration", duration)
})

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  duration: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema = codec.schema

/**
 * Makes the time-out of an attempt, under a name and counted. Its `protect` does what {@link attempt} does. Dies with a
 * `RangeError` that names the field when an option is out of range.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const timeout = yield* Deadline.make({ name: "model", duration: "20 millis" })
 *   yield* Effect.succeed("answered").pipe(timeout.protect)
 *   yield* Effect.sleep("1 minute").pipe(timeout.protect, Effect.flip)
 *   return yield* timeout.snapshot
 * })
 *
 * const { calls, timeouts } = await Effect.runPromise(program)
 * calls // => 2
 * timeouts // => 1
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Timeout> =>
  Effect.sync((): Timeout => {
    const { millis, name } = toRules(options, new OptionsOf("Deadline.make"))
    const counts: Counts = { calls: 0, timeouts: 0, onCall: undefined }
    const duration = Duration.millis(millis)
    const protect: Timeout["protect"] = (self) => limit(self, "attempt", millis, counts)
    timeouts.set(protect, { millis, counts })
    const snapshot = Effect.sync(() => ({ name, duration, calls: counts.calls, timeouts: counts.timeouts }))
    return offerCalls({ name, protect, snapshot }, counts)
  }).pipe(Effect.tap((timeout) => Registry.register({ kind, name: timeout.name, guard: timeout })))

/**
 * Makes a time-out with the options under a path of the configuration, such as `["model", "timeout"]`. Options that are not
 * found there are taken from `options`. Options out of range fail with a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<Timeout, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one time-out, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"Timeout", Id>, Timeout>, GuardClass<Self, DeadlineExceeded, Options>
{}

/**
 * A class that is the service key of one time-out, with its `layer` and its `protect`. The id is its name unless the options
 * say otherwise.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class ModelTimeout extends Deadline.Service<ModelTimeout>()("model", { duration: "20 millis" }) {}
 *
 * const program = Effect.sleep("1 minute").pipe(ModelTimeout.protect, Effect.flip, Effect.provide(ModelTimeout.layer))
 *
 * const { limit } = await Effect.runPromise(program)
 * limit // => "attempt"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): ServiceClass<Self, Id> => guardClass(keyOf("Timeout", id), { ...options, name: options.name ?? id }, make, codec)

/**
 * Gives the effect this much time from its start, or less if the deadline around it is nearer. With zero or less, as the
 * result of a calculation may be, the effect is not begun. Throws a `RangeError` on a duration that is not finite.
 *
 * @since 0.1.0
 * @category combinators
 */
export const within = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.within").left("duration", duration)
  return (self) => limit(self, "total", millis)
}

/**
 * Gives one attempt this much time, or what is left of the deadline if that is less. It has no name and counts nothing: for
 * that see {@link make}. Throws a `RangeError` on a duration that is not above zero and finite.
 *
 * @since 0.1.0
 * @category combinators
 */
export const attempt = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.attempt").positive("duration", duration)
  return (self) => limit(self, "attempt", millis)
}

/**
 * Runs the effect under no deadline: for work that a request begins and that goes on when the request has been answered.
 * Limits further in hold as everywhere.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const refresh = Deadline.remaining.pipe(Deadline.detached)
 *
 * await Effect.runPromise(refresh.pipe(Deadline.within("5 seconds"))) // => undefined
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const detached = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  through(self, Effect.provideService(CurrentDeadline, undefined))

/**
 * Gives the effect this much time, and goes on with another effect when the time is over: `Effect.timeoutOrElse` at less
 * than half of its cost. It is no deadline: it does not read the deadline around it, which interrupts both effects when it
 * comes, and the guards inside do not see it. Infinity is no limit. Throws a `RangeError` on a duration that is not above
 * zero.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const answer = Effect.never.pipe(
 *   Deadline.timeoutOrElse({ duration: "20 millis", orElse: () => Effect.succeed("We will be right with you.") })
 * )
 *
 * await Effect.runPromise(answer) // => "We will be right with you."
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const timeoutOrElse = <A2, E2, R2>({ duration, orElse }: {
  readonly duration: Duration.Input
  readonly orElse: () => Effect.Effect<A2, E2, R2>
}): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2> => {
  const millis = new OptionsOf("Deadline.timeoutOrElse").limit("duration", duration)
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A | A2, E | E2, R | R2> =>
    millis === Infinity ? self : through(self, (self, fiber) =>
      timed(
        fiber,
        fiber.context as Context.Context<R>,
        self,
        new OwnLimit(fiber.getRef(Clock.Clock), millis),
        (exit): Effect.Effect<A2, E2, R2> => {
          const defects = defectsOf(exit)
          return defects.length > 0 ? Exit.failCause(Cause.fromReasons(defects)) : Effect.suspend(orElse)
        }
      ))
}

/**
 * The time left until the deadline, never negative; undefined when there is no deadline.
 *
 * @since 0.1.0
 * @category references
 */
export const remaining: Effect.Effect<Duration.Duration | undefined> = Effect.withFiber((fiber) => {
  const { deadline, now } = timeContextOf(fiber)
  return Effect.succeed(deadline === undefined ? undefined : Duration.millis(Math.max(0, deadline.at - now)))
})

/**
 * The header that takes the deadline of the running fiber to another service: `x-switchgear-timeout`, the seconds that are
 * left, rounded down to milliseconds. Empty without a deadline.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const headers = Effect.runPromise(
 *   Deadline.toHeader.pipe(Deadline.within("2.5 seconds"), Effect.provide(TestClock.layer()))
 * )
 *
 * await headers // => { "x-switchgear-timeout": "2.5" }
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHeader: Effect.Effect<{ readonly "x-switchgear-timeout"?: string }> = Effect.withFiber((fiber) => {
  const { deadline, now } = timeContextOf(fiber)
  return Effect.succeed(deadline === undefined ? {} : { [timeoutHeader]: written(deadline.at - now) })
})

/**
 * How long the caller of a request still waits, by its headers, whose names are in small letters: the least of
 * `x-switchgear-timeout`, `x-stainless-timeout`, `x-stainless-read-timeout` (seconds), `grpc-timeout` (`100m`, `5S`) and
 * Envoy's `x-envoy-expected-rq-timeout-ms`. A value that is no such time, or a day and more, is not heard. Undefined
 * where none is told. Give it to {@link within}, which only ever narrows.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Duration } from "effect"
 *
 * const left = Deadline.fromHeader({ "grpc-timeout": "800m", "x-stainless-timeout": "600" })
 * left && Duration.toMillis(left) // => 800
 * Deadline.fromHeader({ "grpc-timeout": "soon" }) // => undefined
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromHeader = (headers: HeaderFields): Duration.Duration | undefined => {
  const millis = leftBy(headers)
  return millis === undefined ? undefined : Duration.millis(millis)
}
