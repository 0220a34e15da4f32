/**
 * A blip is not told to the caller: the effect is tried again, a few times, with growing and scattered waits.
 *
 * Only typed failures are retried, and of them only those that `while` allows: by default not those that say
 * `isRetryable: false`, and not rejections by a guard, since an open circuit or a full bulkhead is not cured by asking
 * it again. A wait is at least what the error asks for in `retryAfter`, and at most `cap`. No wait is begun that would
 * pass the deadline or the `within` limit, or for which {@link Attempts} or the {@link RetryBudget} have nothing left:
 * the error is told at once. The error is the last one, as it was.
 *
 * **Order.** Outside limiter, bulkhead and breaker, so that each attempt is admitted anew; inside the deadline. Nothing
 * is set up until the first attempt has failed.
 *
 * **Gotchas.** A request that is not idempotent may have taken effect although it failed. If an SDK inside retries as
 * well, attempts multiply: turn its retries off, or put both under `Attempts.within`. Attempts limit one caller; what
 * keeps all callers together from tripling the load of a target that is down is a `RetryBudget`.
 *
 * ```ts
 * import { Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let attempt = 0
 * const flaky = Effect.suspend(() => ++attempt < 3 ? Effect.fail("blip") : Effect.succeed(`answered at ${attempt}`))
 *
 * await Effect.runPromise(flaky.pipe(Retry.retry({ base: "1 millis" }))) // => "answered at 3"
 * ```
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Attempts from "./Attempts.ts"
import * as Deadline from "./Deadline.ts"
import { backoff, type Jitter, jitters } from "./internal/backoff.ts"
import { onlyFailure } from "./internal/onlyFailure.ts"
import { OptionsOf } from "./internal/options.ts"
import { monotonicMillis } from "./internal/time.ts"
import { Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import * as Outcome from "./Outcome.ts"
import * as RetryBudget from "./RetryBudget.ts"

/** When to try again. Everything has a default. */
export interface Options<in E = unknown> {
  /** Attempts in all, the first included. @default 3 */
  readonly attempts?: number | undefined
  /** The wait before the second attempt, doubled for each further one. @default "200 millis" */
  readonly base?: Duration.Input | undefined
  /** The longest wait, jitter and the error's `retryAfter` included. @default "10 seconds" */
  readonly cap?: Duration.Input | undefined
  /** How waits are scattered, so that callers who failed together do not come back together. @default "full" */
  readonly jitter?: Jitter | undefined
  /** The time for all attempts, measured from the start of the first; no wait is begun that would pass it. @default none */
  readonly within?: Duration.Input | undefined
  /** Which errors are worth another attempt, after so many have been made. @default {@link isTransient} */
  readonly while?: ((error: E, attempts: number) => boolean) | undefined
  /** What retries are paid from. @default the one of `RetryBudget.within`, if any */
  readonly budget?: RetryBudget.RetryBudget | undefined
}

export type { Jitter }

/** A retry, made once and put around many effects. */
export interface Retry<in E = unknown> {
  /** Stands around an effect and changes nothing in its type. */
  readonly protect: <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1, R>
}

/** Whether an error is worth another attempt: it does not deny it, and it is no rejection by a guard. */
export const isTransient = (error: unknown): boolean => Outcome.isRetryable(error) && !Outcome.isRejection(error)

/** Makes a retry. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = <E = unknown>(options: Options<E>): Effect.Effect<Retry<E>> =>
  Effect.sync(() => {
    const policy = toPolicy(options, new OptionsOf("Retry.make"))
    const protect: Retry<E>["protect"] = (self) => Effect.withFiber((fiber) => attemptAll(self, policy, fiber))
    policies.set(protect, policy)
    return { protect }
  })

/** Retries one effect. Throws a `RangeError` that names the field when an option is out of range. */
export const retry = <E = unknown>(options: Options<E>): Retry<E>["protect"] => {
  const policy = toPolicy(options, new OptionsOf("Retry.retry"))
  return (self) => Effect.withFiber((fiber) => attemptAll(self, policy, fiber))
}

// So that a pipeline can go on with a policy where it stands, without a step of the runtime in between.
const policies = new WeakMap<object, Policy>()

/** Where a retry looks for the deadline when an attempt has failed. */
interface Timed {
  readonly deadline: Deadline.Deadline | undefined
}

/**
 * Retries inside of a step, by a deadline that need not be the fiber's; undefined for what is not made here.
 *
 * @internal
 */
export const retryAt = ({ protect }: Retry<any>):
  | (<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<any, any>,
    timed: Timed
  ) => Effect.Effect<A, E, R>)
  | undefined =>
{
  const policy = policies.get(protect)
  return policy && ((self, fiber, timed) => attemptAll(self, policy, fiber, timed))
}

/**
 * The same policy as a `Schedule` of the waits, for `Effect.retry` and whatever else takes one; it ends where the retry
 * would give up. `within` is measured from the moment the schedule is first driven, which `Effect.retry` does before
 * the first attempt. A schedule is told of no successes: it spends from a budget and does not pay into it.
 *
 * ```ts
 * import { Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const failing = Effect.suspend(() => Effect.fail(++attempts))
 *
 * await Effect.runPromise(Effect.flip(Effect.retry(failing, Retry.schedule({ attempts: 4, base: "1 millis" })))) // => 4
 * ```
 */
export const schedule = <E = unknown>(options: Options<E>): Schedule.Schedule<Duration.Duration, E> => {
  const policy = toPolicy(options, new OptionsOf("Retry.schedule"))
  return Schedule.fromStep(Effect.withFiber((fiber) => {
    const run = new Run(policy, fiber)
    return Effect.succeed((_now: number, error: E) =>
      Effect.withFiber((fiber) => {
        const wait = run.next(error, fiber)
        if (wait === undefined) return Cause.done(Duration.zero)
        const delay = Duration.millis(wait)
        return Effect.succeed<[Duration.Duration, Duration.Duration]>([delay, delay])
      })
    )
  }))
}

interface Policy {
  readonly attempts: number
  readonly base: number
  readonly cap: number
  readonly jitter: Jitter
  readonly within: number
  readonly while: (error: any, attempts: number) => boolean
  readonly budget: RetryBudget.RetryBudget | undefined
}

const toPolicy = (options: Options<any>, check: OptionsOf): Policy => {
  const base = check.positive("base", options.base ?? "200 millis")
  return {
    attempts: check.integer("attempts", options.attempts ?? 3, 1),
    base,
    cap: check.positive("cap", options.cap ?? Math.max(base, 10_000)),
    jitter: check.oneOf("jitter", options.jitter ?? "full", jitters),
    within: options.within === undefined ? Infinity : check.positive("within", options.within),
    while: options.while ?? isTransient,
    budget: options.budget
  }
}

const written = writtenOptions<Options>()({
  attempts: Schema.optionalKey(Quantity),
  base: Schema.optionalKey(Quantity),
  cap: Schema.optionalKey(Quantity),
  jitter: Schema.optionalKey(Schema.String),
  within: Schema.optionalKey(Quantity)
}, { read: (given) => given as Options, check: toPolicy })

/**
 * {@link Options} as they are written in YAML or JSON; `while` and `budget` are added in code. A field that is wrong or
 * unknown is refused by name.
 */
export const OptionsSchema = written.schema

/**
 * Makes a retry with the options under a path of the configuration, such as `["model", "retry"]`; what is not found there
 * is as in `options`. Options out of range are a `ConfigError`.
 */
export const fromConfig = <E = unknown>(
  path: string | ConfigProvider.Path,
  options: Options<E> = {}
): Effect.Effect<Retry<E>, Config.ConfigError> =>
  Effect.flatMap(written.config(path, options as Options), (options) => make(options as Options<E>))

const attemptAll = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  policy: Policy,
  fiber: Fiber.Fiber<any, any>,
  timed?: Timed | undefined
): Effect.Effect<A, E, R> => {
  // Without a time limit, the first attempt pays for nothing.
  let run = policy.within === Infinity ? undefined : new Run(policy, fiber)
  const budget = budgetOf(policy, fiber)
  const once = budget === undefined ? self : RetryBudget.counted(self, budget, fiber)
  const attempt: Effect.Effect<A, E, R> = Effect.catchCause(once, (cause) => {
    const error = onlyFailure(cause)
    const wait = error === undefined ? undefined : (run ??= new Run(policy, fiber)).next(error.failure, fiber, timed)
    return wait === undefined ? Effect.failCause(cause) : Effect.delay(attempt, Duration.millis(wait))
  })
  return attempt
}

const budgetOf = (policy: Policy, fiber: Fiber.Fiber<any, any>): RetryBudget.RetryBudget | undefined =>
  policy.budget ?? fiber.getRef(RetryBudget.CurrentBudget)

// What one run of an effect has used of its policy.
class Run {
  private readonly policy: Policy
  private readonly start: number
  private made = 1
  private previous: number

  constructor(policy: Policy, fiber: Fiber.Fiber<any, any>) {
    this.policy = policy
    this.previous = policy.base
    this.start = policy.within === Infinity ? 0 : monotonicMillis(fiber.getRef(Clock.Clock))
  }

  /** The wait before the next attempt, or undefined when there is none. */
  next(error: unknown, fiber: Fiber.Fiber<any, any>, timed?: Timed | undefined): number | undefined {
    const { policy } = this
    if (this.made >= policy.attempts || !policy.while(error, this.made)) return undefined
    const draw = policy.jitter === "none" ? 0 : fiber.getRef(Random.Random).nextDoubleUnsafe()
    const own = backoff(policy, this.made, this.previous, draw)
    const asked = Outcome.retryAfter(error)
    const wait = asked === undefined ? own : Math.min(policy.cap, Math.max(own, Duration.toMillis(asked)))
    if (wait >= this.left(fiber, timed) || !this.pay(fiber)) return undefined
    this.made++
    this.previous = own
    return wait
  }

  // The two budgets must agree before either is spent.
  private pay(fiber: Fiber.Fiber<any, any>): boolean {
    const account = budgetOf(this.policy, fiber)?.account
    if (account === undefined) return Attempts.takeUnsafe(fiber)
    if (fiber.getRef(Attempts.CurrentAttempts)?.left === 0) return false
    return account.take(monotonicMillis(fiber.getRef(Clock.Clock))) && Attempts.takeUnsafe(fiber)
  }

  private left(fiber: Fiber.Fiber<any, any>, timed: Timed | undefined): number {
    const deadline = timed === undefined ? fiber.getRef(Deadline.CurrentDeadline) : timed.deadline
    const end = Math.min(this.start + this.policy.within, deadline?.at ?? Infinity)
    return end === Infinity ? Infinity : end - monotonicMillis(fiber.getRef(Clock.Clock))
  }
}
