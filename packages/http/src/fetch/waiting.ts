/** Waits for the platform, for as long as time-outs allow. */
import * as Effect from "effect/Effect"
import type { StreamTimeouts } from "../chatClient/streamTimeouts.ts"
import { Failure } from "./failure.ts"

/** Waits for a promise, for as long as the time-outs allow. */
export const waiting = <A>(
  timeouts: StreamTimeouts,
  promise: () => Promise<A>,
  lost: (error: unknown) => Failure
): Effect.Effect<A, Failure> =>
  Effect.callback<A, Failure>((resume, _signal) => {
    let isOpen = true
    const goOn = (effect: Effect.Effect<A, Failure>) => {
      if (!isOpen) return
      isOpen = false
      resume(effect)
    }
    const late = timeouts.begin((error) => goOn(Effect.fail(new Failure(error))))
    if (late !== undefined) return goOn(Effect.fail(new Failure(late)))
    const came = (effect: () => Effect.Effect<A, Failure>) => {
      if (!isOpen) return
      timeouts.end()
      goOn(effect())
    }
    promise().then((value) => came(() => Effect.succeed(value)), (error) => came(() => Effect.fail(lost(error))))
    return Effect.sync(() => {
      isOpen = false
      timeouts.end()
    })
  })

/** Begins work, of which also what it throws at once is a rejection. */
export const begun = <A>(work: () => A | PromiseLike<A>): Promise<A> => new Promise((resolve) => resolve(work()))
