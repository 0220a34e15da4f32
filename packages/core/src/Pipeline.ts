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
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import * as Deadline from "./Deadline.ts"
import { Admission, type Begin, beginOf, type Moment, type Refuse, refuseOf } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import type * as Outcome from "./Outcome.ts"
import type * as RateLimit from "./RateLimit.ts"
import * as Retry from "./Retry.ts"

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
  /** From when on the circuit counts it as slow; `"Infinity"` for never. */
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
    const times = toTimes(parts, new OptionsOf("Pipeline.make"))
    const protectWith = (options: CallOptions<any, any>) => compose(parts, times, options)
    return { protect: compose(parts, times, {}), protectWith }
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

type AnyEffect = Effect.Effect<any, any, any>
type Combinator = (self: AnyEffect) => AnyEffect

const compose = (
  parts: Parts,
  { attempt, total }: ReturnType<typeof toTimes>,
  options: CallOptions<any, any>
): Combinator => {
  const guards = guardsOf(parts, options)
  if (total === undefined && attempt === undefined && guards.length === 0)
    return parts.retry?.protect ?? ((self) => self)
  const plan = planOf(parts, guards, total, attempt)
  return plan === undefined ? byHand(parts, guards, total, attempt) : (self) => new Fused(plan, self)
}

const guardsOf = ({ breaker, bulkhead, limit }: Parts, options: CallOptions<any, any>): ReadonlyArray<Combinator> => {
  const { classify, costs, settle, slowCallDuration } = options
  const guards = [
    limit && (costs || settle ? limit.protectWith({ costs: costs ?? {}, settle }) : limit.protect),
    bulkhead?.protect,
    breaker && (classify || slowCallDuration ? breaker.protectWith({ classify, slowCallDuration }) : breaker.protect)
  ]
  return guards.filter((combinator) => combinator !== undefined) as ReadonlyArray<Combinator>
}

/** The order itself, as anybody would write it: for parts that are wrapped or come from elsewhere. */
const byHand = (
  { breaker, retry }: Parts,
  guards: ReadonlyArray<Combinator>,
  total: number | undefined,
  attempt: number | undefined
): Combinator => {
  const inside = [attempt && Deadline.attempt(attempt), ...[...guards].reverse(), breaker?.gate, retry?.protect]
  const order = [...inside, total && Deadline.within(total)].filter((part) => typeof part === "function")
  return (self) => order.reduce((inner, combinator) => combinator(inner), self)
}

/** What the runs of a pipeline share. */
interface Plan {
  readonly refuse: Refuse | undefined
  readonly begins: ReadonlyArray<Begin>
  readonly retryAt: ReturnType<typeof Retry.retryAt>
  readonly total: number | undefined
  readonly attempt: number | undefined
}

const planOf = (
  { breaker, retry }: Parts,
  guards: ReadonlyArray<Combinator>,
  total: number | undefined,
  attempt: number | undefined
): Plan | undefined => {
  const begins = guards.map(beginOf).filter((begin) => begin !== undefined)
  const refuse = breaker && refuseOf(breaker.gate)
  const retryAt = retry && Retry.retryAt(retry)
  const isOurs = begins.length === guards.length && (breaker === undefined || refuse !== undefined) &&
    (retry === undefined || retryAt !== undefined)
  return isOurs ? { refuse, begins, retryAt, total, attempt } : undefined
}

interface Fused extends AnyEffect {
  readonly plan: Plan
  readonly self: AnyEffect
}

const FusedProto = Effectable.Prototype<Fused>({
  label: "Switchgear.pipeline",
  evaluate(fiber) {
    const run = new Run(this.plan, this.self)
    const attempt = run as unknown as AnyEffect
    return this.plan.retryAt === undefined ? attempt : this.plan.retryAt(attempt, fiber, run)
  }
})

const Fused = function(this: { plan: Plan; self: AnyEffect }, plan: Plan, self: AnyEffect) {
  this.plan = plan
  this.self = self
} as unknown as new(plan: Plan, self: AnyEffect) => Fused
Fused.prototype = FusedProto

// One run of what a pipeline protects. As an effect it is one attempt, which a retry may evaluate several times; the
// deadline begins with the first.
class Run {
  readonly plan: Plan
  readonly self: AnyEffect
  deadline: Deadline.Deadline | undefined
  private begun = false

  constructor(plan: Plan, self: AnyEffect) {
    this.plan = plan
    this.self = self
  }

  attempt(): AnyEffect {
    const passage = new Passage(this)
    return Effect.onExitPrimitive(passage as unknown as AnyEffect, (exit) => passage.end(exit))
  }

  /** What is known at this moment; undefined if no time is left at the very beginning. */
  moment(fiber: Fiber.Fiber<any, any>): Moment | undefined {
    const moment = Deadline.momentOf(fiber)
    if (!this.begun) {
      this.begun = true
      const { total } = this.plan
      this.deadline = total === undefined ? moment.deadline : Deadline.total(moment, total)
      if (total !== undefined && this.deadline!.at <= moment.now) return undefined
    }
    moment.deadline = this.deadline
    return moment
  }
}

Object.setPrototypeOf(
  Run.prototype,
  Effectable.Prototype<AnyEffect & Run>({
    label: "Switchgear.attempt",
    evaluate() {
      return this.attempt()
    }
  })
)

// One attempt on its way through all guards. Each of them is told to go on with the passage itself, which then asks the
// next one: at once where it need not wait, and otherwise when its turn has come.
class Passage extends Admission implements Deadline.Owner {
  child: Fiber.Fiber<any, any> | undefined
  private readonly run: Run
  private readonly held: Array<Admission>
  private asked = 0

  constructor(run: Run) {
    super()
    this.run = run
    this.held = Array<Admission>(run.plan.begins.length)
  }

  enter(fiber: Fiber.Fiber<any, any>): AnyEffect {
    const { held, run } = this
    const { attempt, begins, refuse } = run.plan
    const moment = run.moment(fiber)
    if (moment === undefined) return Deadline.nothingLeft(run.deadline!)
    if (this.asked === 0) {
      const refused = refuse?.(fiber, moment)
      if (refused !== undefined) return refused
    }
    const goOn = this as unknown as AnyEffect
    while (this.asked < begins.length) {
      const admission = begins[this.asked]!(fiber, goOn, moment)
      held[this.asked++] = admission
      const next = admission.enter(fiber, moment)
      if (next !== goOn) return next
    }
    return attempt === undefined ? run.self : Deadline.limitedAt(fiber, run.self, "attempt", attempt, moment, this)
  }

  /** Nothing is given back before the work has really ended. */
  end(exit: Exit.Exit<any, any>): Effect.Effect<void> | undefined {
    const { child } = this
    if (child !== undefined && child.pollUnsafe() === undefined) {
      return Effect.flatMap(Effect.exit(Deadline.ended(child)), (ended) => {
        this.leave(exit._tag === "Failure" && ended._tag === "Failure" ? both(exit, ended) : exit)
        return ended
      })
    }
    this.leave(exit)
    return undefined
  }

  leave(exit: Exit.Exit<any, any>): void {
    for (let i = this.asked - 1; i >= 0; i--) this.held[i]!.leave(exit)
  }
}

const both = (first: Exit.Failure<any, any>, second: Exit.Failure<any, never>): Exit.Exit<never, any> =>
  Exit.failCause(Cause.combine(first.cause, second.cause))
