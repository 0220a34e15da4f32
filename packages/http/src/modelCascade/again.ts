/** Whether all models are asked again for a request that they have refused or failed, and when. */
import type * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import * as RetryBudget from "@switchgear/core/RetryBudget"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { CurrentAttemptCounter } from "../chatModel/attemptCounter.ts"
import { type AskedStep, CurrentAsked } from "./asked.ts"
import type { WaitingRoom } from "./waitingRoom.ts"

const no = Effect.succeed(false)

/**
 * What is run between two rounds. It waits only where an answer can still come in time. A round after a call in vain is a retry,
 * and is paid from the budget of retries that is in force. One after rejections by guards alone sends nothing twice, and is free.
 */
export const againOf =
  (room: WaitingRoom, steps: ReadonlyArray<AskedStep>) =>
  (failures: ReadonlyArray<Cascade.Failure<unknown>>): Effect.Effect<boolean> =>
    Effect.flatMap(Deadline.remaining, (remaining) =>
      Effect.withFiber((fiber) => {
        const asked = fiber.getRef(CurrentAsked)!
        const now = monotonicMillis(fiber.getRef(Clock.Clock))
        const place = asked.place ??= room.enter(now)
        if (place === undefined) return no
        const usually = fastest(steps)
        const errors = failures.map(({ error }) => error)
        const wait = place.next(
          errors,
          fiber.getRef(CurrentAttemptCounter)?.attempts ?? 0,
          usually,
          now,
          fiber.getRef(Random.Random).nextDoubleUnsafe()
        )
        const end = Math.min(
          place.until,
          asked.deadline,
          asked.patience?.longest ?? Infinity,
          remaining === undefined ? Infinity : now + Duration.toMillis(remaining)
        )
        if (!(now + wait + (usually ?? 0) < end)) return no
        const go = Effect.as(place.wait(errors, wait), true)
        const budget = place.hasCalled ? fiber.getRef(RetryBudget.CurrentBudget) : undefined
        return budget === undefined ? go : Effect.flatMap(budget.take, (taken) => taken ? go : no)
      }))

/** The median time to an answer of the fastest model, in milliseconds; undefined where none is known. */
const fastest = (steps: ReadonlyArray<AskedStep>): number | undefined => {
  let least: number | undefined
  for (const { times } of steps) {
    const median = times.quantiles?.median
    if (median !== undefined && !(median >= least!)) least = median
  }
  return least
}
