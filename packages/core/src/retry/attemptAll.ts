/** The attempts of one run of an effect, and the waits between them. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Rescue } from "../internal/runtime/handler.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import type { AnyEffect } from "../internal/runtime/primitive.ts"
import { sleepFor } from "../internal/runtime/sleep.ts"
import { counted } from "../retryBudget/counted.ts"
import type { Counts } from "./counts.ts"
import type { Policy } from "./policy.ts"
import { budgetOf, millisAsked, type Payment, Run, type Timed } from "./run.ts"

/** Retries inside of a step, by a deadline that need not be the fiber's. */
export type RetryAt = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<any, any>,
  timed: Timed
) => Effect.Effect<A, E, R>

/**
 * Attempts in a row without a wait. Then the event loop has its turn: of attempts that fail by promises alone, timers,
 * other fibers and an interrupt would never hear.
 */
const directInRow = 32

/** Attempts of the effect, the first of which is what the fiber evaluates next. */
export const attemptAll = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  policy: Policy,
  counts: Counts,
  fiber: Fiber.Fiber<any, any>,
  timed?: Timed | undefined
): Effect.Effect<A, E, R> => {
  counts.calls++
  const budget = budgetOf(policy, fiber)
  const once = budget === undefined ? self : counted(self, budget, fiber)
  new Attempts(once, policy, counts, fiber, timed).enter(fiber)
  return once
}

/** The frame around the first attempt, which makes the others. */
class Attempts extends Rescue {
  private readonly once: AnyEffect
  private readonly policy: Policy
  private readonly counts: Counts
  private readonly fiber: Fiber.Fiber<any, any>
  private readonly timed: Timed | undefined
  private run: Run | undefined
  private further: AnyEffect | undefined
  private direct = 0
  private attempts = 1

  constructor(
    once: AnyEffect,
    policy: Policy,
    counts: Counts,
    fiber: Fiber.Fiber<any, any>,
    timed: Timed | undefined
  ) {
    super(fiber)
    this.once = once
    this.policy = policy
    this.counts = counts
    this.fiber = fiber
    this.timed = timed
    // Without a time limit, the first attempt pays for nothing.
    this.run = policy.maxDuration === Infinity ? undefined : new Run(policy, fiber)
  }

  failed(cause: Cause.Cause<any>): AnyEffect {
    const { counts, fiber, timed } = this
    const error = onlyFailure(cause)
    if (error === undefined) return Effect.failCause(cause)
    const run = this.run ??= new Run(this.policy, fiber)
    const wait = run.next(error.failure, fiber, timed)
    if (typeof wait === "string") {
      counts.stopped(wait, error.failure, this.attempts)
      return Effect.failCause(cause)
    }
    const retry = this.further ??= this.furtherAttempt()
    const again = wait > 0
      ? Effect.andThen(sleepFor(wait, millisAsked(error.failure)), retry)
      : ++this.direct % directInRow === 0
      ? Effect.andThen(Effect.yieldNow, retry)
      : retry
    const goOn = (payment: Payment) => {
      if (payment === "paid") {
        counts.again(error.failure, this.attempts)
        return again
      }
      counts.stopped(payment, error.failure, this.attempts)
      return Effect.failCause(cause)
    }
    const pay = run.pay(fiber, timed)
    return Effect.isEffect(pay) ? Effect.flatMap(pay, goOn) : goOn(pay)
  }

  /** An attempt after the first. */
  private furtherAttempt(): AnyEffect {
    const { counts, once } = this
    let attempts = 0
    const attempt = Effect.matchCauseEffect(once, {
      onFailure: (cause) => this.failed(cause),
      onSuccess: (value) => {
        counts.succeeded(attempts)
        return Effect.succeed(value)
      }
    })
    return Effect.suspend(() => {
      counts.retries++
      attempts = ++this.attempts
      return attempt
    })
  }
}
