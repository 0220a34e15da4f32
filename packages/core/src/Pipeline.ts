/**
 * All guards of one target, in the one order that works, for little more than the cost of the parts.
 *
 * A call passes `deadline ▸ retry ▸ circuit open? ▸ rate limit ▸ bulkhead ▸ circuit ▸ attempt time-out ▸ call`. Every part
 * is optional, and the error type holds the rejections of the parts that are there and no others.
 *
 * **Why this order.** The deadline is around everything, so that waits and attempts share it. Each attempt of the retry
 * asks anew. The circuit is asked twice: first without a lease, so that an open circuit spends no token and no place in
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
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import type * as Deadline from "./Deadline.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import type * as Outcome from "./Outcome.ts"
import { compose, type Millis } from "./pipeline/compose.ts"
import type * as RateLimiter from "./RateLimiter.ts"
import type * as Retry from "./Retry.ts"

/** The guards of a pipeline; all are optional. */
export interface Parts {
  /** The time for everything together. */
  readonly deadline?: Duration.Input | undefined
  readonly retry?: Retry.Retry<any> | undefined
  readonly rateLimiter?: RateLimiter.RateLimiter | undefined
  readonly bulkhead?: Bulkhead.Bulkhead | undefined
  readonly breaker?: CircuitBreaker.CircuitBreaker | undefined
  /** The time for one attempt, from the moment it is let through. */
  readonly attemptTimeout?: Duration.Input | undefined
}

type Adds<P, Part extends keyof Parts, E> = Part extends keyof P
  ? [Exclude<P[Part], undefined>] extends [never] ? never : E
  : never

/** The errors that the parts add; of parts that are one thing or the other, the errors of both. */
export type Rejections<P> = P extends unknown ?
    | Adds<P, "deadline", Deadline.DeadlineExceeded>
    | Adds<P, "attemptTimeout", Deadline.DeadlineExceeded>
    | Adds<P, "rateLimiter", RateLimiter.RateLimited>
    | Adds<P, "bulkhead", Bulkhead.BulkheadFull>
    | Adds<P, "breaker", CircuitBreaker.CircuitOpen>
  : never

/**
 * The errors that the retry of the parts can be asked about: all, where there is none; of parts that are one thing or the
 * other, those that both can be asked about.
 */
export type Retried<P> = (P extends unknown ? (error: RetriedBy<P>) => void : never) extends (error: infer E) => void
  ? E
  : never

type RetriedBy<P> = "retry" extends keyof P
  ? [Exclude<P["retry" & keyof P], undefined>] extends [Retry.Retry<infer E>] ? E : unknown
  : unknown

type KeysOf<P> = P extends unknown ? keyof P : never

// Where there are none, nothing may stand in for them: beside an empty object type everything would be allowed that has
// no part in common.
type UnknownOf<P> = Exclude<KeysOf<P>, keyof Parts>

/**
 * Refuses what cannot work: a part that does not exist, which is most likely misspelt, and a retry for other errors than
 * those that the parts inside of it add.
 */
export type Checked<P> =
  & ([UnknownOf<P>] extends [never] ? unknown
    : { readonly [Part in UnknownOf<P>]: string extends keyof P ? unknown : never })
  & (P extends unknown ? { readonly retry?: Retry.Retry<Rejections<P>> | undefined } : never)

/** What is different for one kind of call. */
export interface CallOptions<A, E> {
  /** What it takes from the limiter. @default one request */
  readonly costs?: RateLimiter.Cost | undefined
  /** What it turned out to have taken. */
  readonly settle?: ((value: A) => RateLimiter.Cost) | undefined
  /** How the circuit judges it. */
  readonly classify?: ((exit: Exit.Exit<A, E | Deadline.DeadlineExceeded>) => Outcome.Outcome) | undefined
  /** Slow-call threshold of the circuit; `"Infinity"` for never. */
  readonly slowCallDuration?: Duration.Input | undefined
  /** The longest wait for a turn and for a slot, each; zero for a call that does not wait. @default as the parts say */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * A pipeline that adds `Rejection` to the errors of what it protects, which are among those that its retry is for.
 */
export interface Pipeline<out Rejection, in Retried = unknown> {
  readonly protect: <A, E extends Retried, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E extends Retried>(
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/** The times of a pipeline: what there is to write down about it besides its parts. */
export type Times = Pick<Parts, "deadline" | "attemptTimeout">

const toTimes = ({ attemptTimeout, deadline }: Times, check: OptionsOf): Millis => {
  const total = deadline === undefined ? undefined : check.positive("deadline", deadline)
  const attempt = attemptTimeout === undefined ? total : check.positive("attemptTimeout", attemptTimeout)
  return { total, attempt }
}

const codec = optionsCodec<Times>()({
  deadline: Schema.optionalKey(NumberOrDuration),
  attemptTimeout: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Times, check: toTimes })

/** {@link Times} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const TimesSchema = codec.schema

/**
 * Puts the parts in order. Dies with a `RangeError` that names the field when a duration is not above zero, when there is
 * no such part, or when what is given for a part is none, such as an effect that still has to be run to make it.
 */
export const make = <const P extends Parts>(
  parts: P & Checked<P>
): Effect.Effect<Pipeline<Rejections<P>, Retried<P>>> =>
  Effect.sync((): Pipeline<Rejections<P>, Retried<P>> => {
    const check = new OptionsOf("Pipeline.make")
    check.known(parts, partNames)
    for (const part of guardNames) check.part(part, parts[part], part === "breaker" ? ["protect", "gate"] : ["protect"])
    const times = toTimes(parts, check)
    return {
      protect: compose(parts, times, {}),
      protectWith: (options) => compose(parts, times, options)
    }
  })

/**
 * Puts the parts in order, with the times under a path of the configuration; one that is not found there is as in
 * `parts`. Since it is not known before which times there are, {@link Deadline.DeadlineExceeded} is among the errors. A
 * time out of range is a `ConfigError`.
 */
export const fromConfig = <const P extends Parts>(
  path: string | ConfigProvider.Path,
  parts: P & Checked<P & Record<"deadline" | "attemptTimeout", Duration.Input>>
): Effect.Effect<Pipeline<Rejections<P> | Deadline.DeadlineExceeded, Retried<P>>, Config.ConfigError> =>
  Effect.flatMap(
    codec.config(path, { deadline: parts.deadline, attemptTimeout: parts.attemptTimeout }),
    (times) => make({ ...parts, ...times } as any) as any
  )

const guardNames = ["retry", "rateLimiter", "bulkhead", "breaker"] as const

const partNames = [
  "deadline",
  "retry",
  "rateLimiter",
  "bulkhead",
  "breaker",
  "attemptTimeout"
] as const satisfies ReadonlyArray<
  keyof Parts
>
