/** Where a call ends: what was read of its prompt for the errors of its attempts is then not kept for more of them. */
import * as Effect from "effect/Effect"
import type { SealedRequest } from "./sealedRequest.ts"

/** The call for a request that was given, in the layer that was given it. Only the layer that sealed it knows when the call ends. */
export const endingPrompt = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  sealed: SealedRequest,
  given: object
): Effect.Effect<A, E, R> =>
  sealed.plain === given ? call : Effect.onExitPrimitive(call, (exit) => {
    if (exit._tag === "Failure") sealed.prompt.end()
    return undefined
  })
