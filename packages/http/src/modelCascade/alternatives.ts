/** What a model that is asked may know of the other models of its cascade, and of those who wait. */
import type * as Fiber from "effect/Fiber"
import { type Alternatives, CurrentAlternatives, isLongerThan, type Waiting } from "../chatModel/retries.ts"
import type { AnswerTimes } from "./answerTimes.ts"
import { type Asked, type AskedStep, atHand } from "./asked.ts"

/** A model that is being asked: its place in the chain, since when in monotonic milliseconds, and the models after it. */
interface Asking {
  readonly step: AskedStep
  readonly index: number
  readonly begun: number
  readonly later: ReadonlyArray<AskedStep>
}

/** A model that was asked: its place in the chain, since when in monotonic milliseconds, and how long its answers take. */
export interface Turn {
  readonly index: number
  readonly begun: number
  readonly times: AnswerTimes
}

/** How far a chain has got: the model that was asked last, and the one that has answered. */
export interface Course {
  newest: number
  answeredBy: number | undefined
}

/**
 * Whether a model that is left has had its time: another one has answered that was asked after its share, or nobody waits
 * any more. A call that was cut before the model's usual time says nothing about the model.
 */
export const hasHadItsTime = (
  { begun, index, times }: Turn,
  { answeredBy, newest }: Course,
  isLeft: () => boolean,
  now: number
): boolean =>
  answeredBy !== index && now - begun >= times.usual &&
  (answeredBy !== undefined && index < newest || isLeft())

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
    hasLost: (now) =>
      hasHadItsTime(
        { begun, index, times: step.times },
        asked,
        () => asked.patience?.isOver(now) === true || around?.hasLost(now) === true,
        now
      ),
    allowsWait: (waiting, now) =>
      now + (waiting.asked ?? 0) < (asked.patience?.longest ?? Infinity) &&
      !prefersNext(waiting) &&
      (around === undefined || around.allowsWait(waiting, now))
  }
}
