/**
 * Caps the attempts that a request makes in all, however many layers retry.
 *
 * Three layers that each try three times make 27 calls; under {@link within} they share one budget instead. The first
 * attempt is part of it. Every further one, whether a retry made it or a cascade that moved on to its next target, is
 * taken from the budget first, and is not made when none is left.
 *
 * A budget holds for what is begun inside it, also for a detached fiber that outlives the request. Put work that is meant
 * to go on by itself under {@link detached}. A budget that such work sets for itself stands alone once the effect around
 * has ended.
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
 */
import * as Effect from "effect/Effect"
import { type Budget, CurrentAttempts, NestedBudget } from "./attempts/budget.ts"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"

export { type Budget, CurrentAttempts }

/**
 * Allows this many attempts in all to what runs inside, the first included; an outer budget still holds. Calls that run
 * side by side share the further attempts, and each has a first one of its own. Throws a `RangeError` below 1.
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

/** Runs the effect under no budget: for work that is begun by a request and goes on when that has been answered. */
export const detached = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  through(self, Effect.provideService(CurrentAttempts, undefined))

/** Further attempts that may be made; infinity when there is no budget. */
export const left: Effect.Effect<number> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(CurrentAttempts)?.left ?? Infinity)
)
