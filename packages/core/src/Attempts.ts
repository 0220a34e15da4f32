/**
 * Limits the attempts that one request makes in total, across all layers that retry.
 *
 * Three nested retries of three attempts each make 27 calls. Under {@link within} they share one budget instead. The
 * budget includes the first attempt. Each retry, and each step of a cascade to its next target, takes one attempt from
 * the budget first. When the budget is empty, no further attempt is made.
 *
 * A budget applies to everything started inside it, including a detached fiber that outlives the request. Run
 * background work under {@link detached}. A budget set inside such work stops counting against the outer one once the
 * outer effect has ended.
 *
 * ```ts
 * import { Attempts, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const again = Retry.retry({ maxAttempts: 3, baseDelay: "1 millis" })
 * const call = Effect.suspend(() => Effect.fail(++calls)).pipe(again, again, again, Attempts.within(5))
 *
 * await Effect.runPromise(Effect.flip(call)) // => 5
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type Budget, CurrentAttempts, NestedBudget } from "./attempts/budget.ts"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"

export { type Budget, CurrentAttempts }

/**
 * Limits everything inside to this many attempts in total, including the first. An outer budget still applies. Calls
 * that run concurrently share the retries; each of them has a first attempt of its own. Throws a `RangeError` below 1.
 *
 * @since 0.1.0
 * @category combinators
 */
export const within = (attempts: number): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const further = new OptionsOf("Attempts.within").integer("attempts", attempts, 1) - 1
  return (self) =>
    through(self, (self, fiber) => {
      const budget = new NestedBudget(further, fiber.getRef(CurrentAttempts))
      return Effect.onExitPrimitive(Effect.provideService(self, CurrentAttempts, budget), () => {
        budget.end()
        return undefined
      })
    })
}

/**
 * Runs the effect without a budget. Use it for background work that a request starts and that continues after the
 * response.
 *
 * @since 0.1.0
 * @category combinators
 */
export const detached = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  through(self, Effect.provideService(CurrentAttempts, undefined))

/**
 * The attempts left besides the one that runs; infinity without a budget.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const left: Effect.Effect<number> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(CurrentAttempts)?.left ?? Infinity)
)
