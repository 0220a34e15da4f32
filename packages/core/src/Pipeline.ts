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
 * that a hanging call is a failure to the circuit.
 *
 * **Semantics.** The same as the parts put together by hand in this order with `pipe`, only in fewer steps of the
 * runtime. With a deadline and no attempt time-out, an attempt has what is left of the deadline.
 *
 * **Gotchas.** Parts are made before, and may be shared: one limiter for several models, say. A part that is not made
 * by this library, or is wrapped, works too, at the cost of a step of its own.
 *
 * ```ts
 * import { Bulkhead, CircuitBreaker, Pipeline, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pipeline = yield* Pipeline.make({
 *     deadline: "30 seconds",
 *     retry: yield* Retry.make({ attempts: 2, base: "1 millis" }),
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
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import * as Deadline from "./Deadline.ts"
import { Admission, type Begin, beginOf, guard, type Refuse, refuseOf } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import type * as Outcome from "./Outcome.ts"
import type * as RateLimit from "./RateLimit.ts"
import type * as Retry from "./Retry.ts"

/** The guards of a pipeline; all are optional. */
export interface Parts {
  /** The time for everything together. */
  readonly deadline?: Duration.Input | undefined
  readonly retry?: Retry.Retry<any> | undefined
  readonly limit?: RateLimit.RateLimit | undefined
  readonly bulkhead?: Bulkhead.Bulkhead | undefined
  readonly breaker?: CircuitBreaker.CircuitBreaker | undefined
  /** The time for one attempt, from the moment it is let through. */
  readonly attemptTimeout?: Duration.Input | undefined
}

type Adds<P, Part extends keyof Parts, E> = Part extends keyof P
  ? [Exclude<P[Part], undefined>] extends [never] ? never : E
  : never

/** The errors that the parts add. */
export type Rejections<P extends Parts> =
  | Adds<P, "deadline" | "attemptTimeout", Deadline.DeadlineExceeded>
  | Adds<P, "limit", RateLimit.RateLimited>
  | Adds<P, "bulkhead", Bulkhead.BulkheadFull>
  | Adds<P, "breaker", CircuitBreaker.CircuitOpen>

/** What is different for one kind of call. */
export interface CallOptions<A, E> {
  /** What it takes from the limiter. @default one request */
  readonly costs?: RateLimit.Cost | undefined
  /** What it turned out to have taken. */
  readonly settle?: ((value: A) => RateLimit.Cost) | undefined
  /** How the circuit judges it. */
  readonly classify?: ((exit: Exit.Exit<A, E | Deadline.DeadlineExceeded>) => Outcome.Outcome) | undefined
  /** From when on the circuit counts it as slow. */
  readonly slowCallDuration?: Duration.Input | undefined
}

/** A pipeline that adds `Rejection` to the errors of what it protects. */
export interface Pipeline<out Rejection> {
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E>(
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/** The times of a pipeline: what there is to write down about it besides its parts. */
export type Times = Pick<Parts, "deadline" | "attemptTimeout">

const toTimes = ({ attemptTimeout, deadline }: Times, check: OptionsOf) => {
  const total = deadline === undefined ? undefined : check.positive("deadline", deadline)
  const attempt = attemptTimeout === undefined ? total : check.positive("attemptTimeout", attemptTimeout)
  return { total, attempt }
}

const written = writtenOptions<Times>()({
  deadline: Schema.optionalKey(Quantity),
  attemptTimeout: Schema.optionalKey(Quantity)
}, { read: (given) => given as Times, check: toTimes })

/** {@link Times} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const TimesSchema = written.schema

/** Puts the parts in order. Dies with a `RangeError` that names the field when a duration is not above zero. */
export const make = <const P extends Parts>(parts: P): Effect.Effect<Pipeline<Rejections<P>>> =>
  Effect.sync(() => {
    const protectWith = (options: CallOptions<any, any>) => compose(parts, options)
    return { protect: compose(parts, {}), protectWith }
  })

/**
 * Puts the parts in order, with the times under a path of the configuration; one that is not found there is as in
 * `parts`. Since it is not known before which times there are, {@link Deadline.DeadlineExceeded} is among the errors. A
 * time out of range is a `ConfigError`.
 */
export const fromConfig = <const P extends Parts>(
  path: string | ConfigProvider.Path,
  parts: P
): Effect.Effect<Pipeline<Rejections<P> | Deadline.DeadlineExceeded>, Config.ConfigError> =>
  Effect.flatMap(
    written.config(path, { deadline: parts.deadline, attemptTimeout: parts.attemptTimeout }),
    (times) => make({ ...parts, ...times })
  )

type Combinator = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, any, R>

const compose = (parts: Parts, options: CallOptions<any, any>): Combinator => {
  const check = new OptionsOf("Pipeline.make")
  const { retry } = parts
  const { attempt: single, total } = toTimes(parts, check)
  const within = total === undefined ? undefined : Deadline.beginWithin(total)
  const attempt = single === undefined ? undefined : Deadline.attempt(single)
  const passage = inOrder(parts, options)
  return (self) => {
    const timed = attempt === undefined ? self : attempt(self)
    const passed = passage(timed)
    const retried = retry === undefined ? passed : retry.protect(passed)
    return within === undefined ? retried : guard(retried, within)
  }
}

/** The gate and the guards of one attempt, in one frame if they are all of this library. */
const inOrder = (
  { breaker, bulkhead, limit }: Parts,
  { classify, costs, settle, slowCallDuration }: CallOptions<any, any>
): Combinator => {
  const gate = breaker?.gate
  const guards = [
    limit &&
    (costs === undefined && settle === undefined ? limit.protect : limit.protectWith({ costs: costs ?? {}, settle })),
    bulkhead?.protect,
    breaker &&
    (classify === undefined && slowCallDuration === undefined
      ? breaker.protect
      : breaker.protectWith({ classify, slowCallDuration }))
  ].filter((combinator) => combinator !== undefined) as ReadonlyArray<Combinator>
  if (guards.length === 0) return (self) => self
  const refuse = gate && refuseOf(gate)
  const begins = guards.map(beginOf)
  if (begins.every((begin) => begin !== undefined) && (gate === undefined || refuse !== undefined)) {
    const begin: Begin = (_fiber, self) => new Passage(refuse, begins, self)
    return (self) => guard(self, begin)
  }
  return (self) => {
    const guarded = guards.reduceRight<Effect.Effect<any, any, any>>((inner, combinator) => combinator(inner), self)
    return gate === undefined ? guarded : gate(guarded)
  }
}

// One attempt on its way through all guards. Each of them is told to go on with the passage itself, which then asks the
// next one: at once where it need not wait, and otherwise when its turn has come.
class Passage extends Admission {
  private readonly refuse: Refuse | undefined
  private readonly begins: ReadonlyArray<Begin>
  private readonly self: Effect.Effect<any, any, any>
  private readonly held: Array<Admission> = []

  constructor(refuse: Refuse | undefined, begins: ReadonlyArray<Begin>, self: Effect.Effect<any, any, any>) {
    super()
    this.refuse = refuse
    this.begins = begins
    this.self = self
  }

  enter(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    const { begins, held } = this
    const goOn = this as unknown as Effect.Effect<any, any, any>
    if (held.length === 0) {
      const refused = this.refuse?.(fiber)
      if (refused !== undefined) return refused
    }
    while (held.length < begins.length) {
      const admission = begins[held.length]!(fiber, goOn)
      held.push(admission)
      const next = admission.enter(fiber)
      if (next !== goOn) return next
    }
    return this.self
  }

  leave(exit: Exit.Exit<any, any>): void {
    for (let i = this.held.length - 1; i >= 0; i--) this.held[i]!.leave(exit)
  }
}
