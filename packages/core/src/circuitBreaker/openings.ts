/** How long openings last where `openFor` is a schedule. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { longestMillis } from "./bounds.ts"

type Step = (now: number, opening: number) => Effect.Effect<readonly [unknown, Duration.Duration], unknown>

/**
 * Gives the length of each opening in milliseconds. A schedule steps in the middle of a synchronous transition, so it is
 * run synchronously, with the services that `make` had (`Random` for jitter). Where it gives no delay above zero at once,
 * because it is done, fails or waits, its last delay is used again: the circuit opens in any case.
 */
export const scheduledOpenings = (
  schedule: Schedule.Schedule<unknown, number>,
  context: Context.Context<never>
): () => (opening: number) => number => {
  const answerOf = answersNow(context)
  return () => {
    let millis = 30_000
    let step: Step | undefined
    return (opening) => {
      if (opening === 1 || step === undefined) step = answerOf(Effect.suspend(() => Schedule.toStep(schedule)))
      const current = step
      const answer = current &&
        answerOf(Effect.flatMap(Clock.currentTimeMillis, (now) => current(now, opening)))
      const delay = Array.isArray(answer) ? (answer as ReadonlyArray<unknown>)[1] : undefined
      const told = Duration.isDuration(delay) ? Duration.toMillis(delay) : 0
      if (told > 0 && told <= longestMillis) millis = told
      return millis
    }
  }
}

/** Runs an effect of the user's that must answer at once; undefined when it does not. */
const answersNow = (context: Context.Context<never>) => {
  const fork = Effect.runForkWith(context)
  return <A>(effect: Effect.Effect<A, unknown>): A | undefined => {
    const fiber = fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.interruptUnsafe()
    return exit?._tag === "Success" ? exit.value : undefined
  }
}
