/** How work tells the limits around it what only it sees. */
import * as Effect from "effect/Effect"
import { CurrentCall } from "../internal/runtime/currentCall.ts"

/**
 * Tells the limits around that the first part of the result is here: the first token, reasoning included, and not a
 * keep-alive or a chunk that only says who speaks. Run it inside of the call, in the step in which that is seen. The
 * second time, outside of a call, and after its end, it changes nothing.
 *
 * @since 0.1.0
 * @category combinators
 */
export const firstToken: Effect.Effect<void> = Effect.withFiber((fiber) => {
  fiber.getRef(CurrentCall)?.sawFirstToken()
  return Effect.void
})

/**
 * Tells the limits around how many tokens the answer of this call has, as its usage says. It matters where no first token
 * is marked, see `sample`. A count that is not a finite number of zero or more is not heard.
 *
 * @since 0.1.0
 * @category combinators
 */
export const outputTokens = (count: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.getRef(CurrentCall)?.sawOutputTokens(count)
    return Effect.void
  })
