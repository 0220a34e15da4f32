/** What a model that is asked may know of the other models of its cascade, and of those who wait. */
import type * as Fiber from "effect/Fiber"
import {
  type Alternatives,
  assumedTime,
  CurrentAlternatives,
  isLongerThan,
  type Waiting
} from "../chatModel/retries.ts"
import { type Asked, type AskedStep, atHand } from "./asked.ts"

/** A model that is being asked: its place in the chain, since when in monotonic milliseconds, and the models after it. */
interface Asking {
  readonly step: AskedStep
  readonly index: number
  readonly begun: number
  readonly later: ReadonlyArray<AskedStep>
}

/** The alternatives to a model that is being asked. */
export const alternativesTo = (
  { begun, index, later, step }: Asking,
  asked: Asked,
  fiber: Fiber.Fiber<any, any>
): Alternatives => {
  const around = fiber.getRef(CurrentAlternatives)
  const prefersNext = (waiting: Waiting) => {
    const [next] = later.length === 0 ? [] : atHand(later, asked, fiber)
    return next !== undefined && isLongerThan(waiting, next.times.quantiles?.median)
  }
  return {
    // A call that was cut before the model's usual time says nothing about the model.
    hasLost: (now) =>
      asked.answeredBy !== index &&
      now - begun >= (step.times.quantiles?.p95 ?? assumedTime) &&
      (asked.answeredBy !== undefined && index < asked.newest || asked.patience?.isOver(now) === true ||
        around?.hasLost(now) === true),
    allowsWait: (waiting, now) =>
      now + (waiting.asked ?? 0) < (asked.patience?.longest ?? Infinity) &&
      !prefersNext(waiting) &&
      (around === undefined || around.allowsWait(waiting, now))
  }
}
