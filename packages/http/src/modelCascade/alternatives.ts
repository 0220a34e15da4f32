/** What a model that is asked may know of the other models of its cascade, and of those who wait. */
import type * as Fiber from "effect/Fiber"
import { type Alternatives, CurrentAlternatives, type Waiting } from "../chatModel/retries.ts"
import { type Asked, type AskedStep, atHand } from "./asked.ts"

/** What asking the next model takes when that is not known: more than a first retry waits, and less than most answers. */
const assumedTime = 1000

/** Those of the model at this place of the chain; `later` are the models after it. */
export const alternativesTo = (
  index: number,
  later: ReadonlyArray<AskedStep>,
  asked: Asked,
  fiber: Fiber.Fiber<any, any>
): Alternatives => {
  const around = fiber.getRef(CurrentAlternatives)
  const prefersNext = ({ asked: wait, isBusy, own }: Waiting) => {
    const [next] = later.length === 0 ? [] : atHand(later, asked, fiber)
    if (next === undefined) return false
    const takes = next.times.quantiles?.median
    // A model that is busy and does not say until when is not asked again beside another.
    return isBusy
      ? wait === undefined || takes === undefined || wait >= takes
      : Math.max(own, wait ?? 0) >= (takes ?? assumedTime)
  }
  return {
    hasLost: (now) =>
      asked.answeredBy !== index &&
      (asked.answeredBy !== undefined && index < asked.newest || asked.patience?.isOver(now) === true ||
        around?.hasLost(now) === true),
    allowsWait: (waiting, now) =>
      now + (waiting.asked ?? 0) < (asked.patience?.longest ?? Infinity) &&
      !prefersNext(waiting) &&
      (around === undefined || around.allowsWait(waiting, now))
  }
}
