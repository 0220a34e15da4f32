/** One message to the store: whoever sends the next one waits for this effect, so that one is under way at a time. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"

/** A message counts for nothing once it was on its way for longer than that, in milliseconds. */
export const longestWay = 2000

/** A message is given up that long after it was `overdue`, in milliseconds: if the store takes it later, it counts for nothing. */
export const longestFlight = 10_000

export interface Landed<A, E> {
  /** Undefined where the message was given up. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** Whether somebody may have waited for the answer until it came. */
  readonly inTime: boolean
}

/**
 * Sends a message. `overdue` runs where `timeout` milliseconds have passed without an answer, which is waited for as `lateWait` says from then on: whoever
 * is not interrupted before, may be then.
 */
export const flight = <A, E>(
  message: () => Effect.Effect<A, E>,
  timeout: number,
  overdue: Effect.Effect<void>,
  lateWait: <B>(wait: Effect.Effect<B>) => Effect.Effect<B> = identity
): Effect.Effect<Landed<A, E>> =>
  Effect.flatMap(Effect.forkDetach(Effect.suspend(message)), (flying) => {
    // Not waited for: what the client does may not be possible to interrupt.
    const giveUp = Effect.forkDetach(Fiber.interrupt(flying))
    const late = Effect.raceFirst(
      Fiber.await(flying),
      overdue.pipe(Effect.andThen(Effect.sleep(longestFlight)), Effect.andThen(giveUp), Effect.as(undefined))
    )
    return Effect.timeoutOption(Fiber.await(flying), Duration.millis(timeout)).pipe(
      Effect.flatMap((answer): Effect.Effect<Landed<A, E>> =>
        Option.isSome(answer)
          ? Effect.succeed({ exit: answer.value, inTime: true })
          : Effect.map(lateWait(late), (exit) => ({ exit, inTime: false }))
      ),
      Effect.onInterrupt(() => giveUp)
    )
  })
