/**
 * However many layers retry, a request makes at most so many attempts in all.
 *
 * Three layers that each try three times make 27 calls; under {@link within} they share one budget instead. The first
 * attempt is part of it. Every further one, whether a retry made it or a cascade that moved on to its next target, is
 * taken from the budget first, and is not made when none is left.
 *
 * ```ts
 * import { Attempts, Retry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const again = Retry.retry({ attempts: 3, base: "1 millis" })
 * const call = Effect.suspend(() => Effect.fail(++calls)).pipe(again, again, again, Attempts.within(5))
 *
 * await Effect.runPromise(Effect.flip(call)) // => 5
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { OptionsOf } from "./internal/options.ts"

/** What is left of a budget of attempts. */
export interface Budget {
  readonly left: number
  /** Takes one attempt from this budget and those around it, or answers false and takes nothing. */
  readonly take: () => boolean
}

/** The budget that the running fiber is under, if any. */
export const CurrentAttempts = Context.Reference<Budget | undefined>("@switchgear/core/Attempts/CurrentAttempts", {
  defaultValue: () => undefined
})

/**
 * Allows so many attempts in all to what runs inside, the first included; an outer budget still holds. Throws a
 * `RangeError` below 1.
 */
export const within = (attempts: number): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const further = new OptionsOf("Attempts.within").integer("attempts", attempts, 1) - 1
  return (self) =>
    Effect.withFiber((fiber) =>
      Effect.provideService(self, CurrentAttempts, new Nested(further, fiber.getRef(CurrentAttempts)))
    )
}

/** Further attempts that may be made; infinity when there is no budget. */
export const left: Effect.Effect<number> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(CurrentAttempts)?.left ?? Infinity)
)

/**
 * Takes a further attempt for the fiber, or answers false when none is left.
 *
 * @internal
 */
export const takeUnsafe = (fiber: Fiber.Fiber<any, any>): boolean => fiber.getRef(CurrentAttempts)?.take() ?? true

class Nested implements Budget {
  private own: number
  private readonly around: Budget | undefined

  constructor(own: number, around: Budget | undefined) {
    this.own = own
    this.around = around
  }

  get left(): number {
    return Math.min(this.own, this.around?.left ?? Infinity)
  }

  take(): boolean {
    if (this.left <= 0) return false
    this.own--
    this.around?.take()
    return true
  }
}
