/** The attempts of one run of an effect, and the waits between them. */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { counted } from "../retryBudget/counted.ts"
import type { Counts } from "./counts.ts"
import type { Policy } from "./policy.ts"
import { budgetOf, type Payment, Run, type Timed } from "./run.ts"

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

export const attemptAll = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  policy: Policy,
  counts: Counts,
  fiber: Fiber.Fiber<any, any>,
  timed?: Timed | undefined
): Effect.Effect<A, E, R> => {
  counts.calls++
  // Without a time limit, the first attempt pays for nothing.
  let run = policy.maxDuration === Infinity ? undefined : new Run(policy, fiber)
  const budget = budgetOf(policy, fiber)
  const once = budget === undefined ? self : counted(self, budget, fiber)
  let retry: Effect.Effect<A, E, R> | undefined
  let direct = 0
  let attempts = 1
  const afterFailure = (cause: Cause.Cause<E>): Effect.Effect<A, E, R> => {
    const error = onlyFailure(cause)
    if (error === undefined) return Effect.failCause(cause)
    const wait = (run ??= new Run(policy, fiber)).next(error.failure, fiber, timed)
    if (typeof wait === "string") {
      counts.stopped(wait, error.failure, attempts)
      return Effect.failCause(cause)
    }
    retry ??= retried(once, counts, afterFailure, () => ++attempts)
    const again = wait > 0
      ? Effect.delay(retry, Duration.millis(wait))
      : ++direct % directInRow === 0
      ? Effect.andThen(Effect.yieldNow, retry)
      : retry
    const goOn = (payment: Payment) => {
      if (payment === "paid") {
        counts.again(error.failure, attempts)
        return again
      }
      counts.stopped(payment, error.failure, attempts)
      return Effect.failCause(cause)
    }
    const pay = run.pay(fiber, timed)
    return Effect.isEffect(pay) ? Effect.flatMap(pay, goOn) : goOn(pay)
  }
  return Effect.catchCause(once, afterFailure)
}

/** An attempt after the first. */
const retried = <A, E, R>(
  once: Effect.Effect<A, E, R>,
  counts: Counts,
  afterFailure: (cause: Cause.Cause<E>) => Effect.Effect<A, E, R>,
  begun: () => number
): Effect.Effect<A, E, R> => {
  let attempts = 0
  const attempt = Effect.matchCauseEffect(once, {
    onFailure: afterFailure,
    onSuccess: (value) => {
      counts.succeeded(attempts)
      return Effect.succeed(value)
    }
  })
  return Effect.suspend(() => {
    counts.retries++
    attempts = begun()
    return attempt
  })
}
