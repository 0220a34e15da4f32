/** What a model that is asked may know of the other models of its cascade, and of those who wait. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { type Alternatives, CurrentAlternatives, isLongerThan, type Waiting } from "../chatModel/retries.ts"
import type { AnswerTimes } from "./answerTimes.ts"
import { type Asked, type AskedStep, atHand } from "./asked.ts"

/** A model that is being asked: its place in the chain, since when in monotonic milliseconds, and the models after it. */
export interface Asking {
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

/** A model that was asked as a hedge is the newest once its turn has come. Until then those before it have time left. */
const courseOf = ({ answeredBy, early, newest }: Asked): Course => ({
  answeredBy,
  newest: early === undefined || early.turn.isEarly ? newest : Math.max(newest, early.index)
})

/** The alternatives to a model that is being asked. */
export class AlternativesTo implements Alternatives {
  private readonly asking: Asking
  private readonly asked: Asked
  private readonly fiber: Fiber.Fiber<any, any>
  /** That of the cascade. */
  private readonly context: Context.Context<never>

  constructor(asking: Asking, asked: Asked, fiber: Fiber.Fiber<any, any>) {
    this.asking = asking
    this.asked = asked
    this.fiber = fiber
    this.context = fiber.context
  }

  /** Those of a cascade outside. */
  private get around(): Alternatives | undefined {
    return Context.get(this.context, CurrentAlternatives)
  }

  hasLost(now: number): boolean {
    const { asked, asking: { begun, index, step: { times } } } = this
    const isLeft = () => asked.patience?.isOver(now) === true || this.around?.hasLost(now) === true
    return hasHadItsTime({ begun, index, times }, courseOf(asked), isLeft, now)
  }

  allowsWait(waiting: Waiting, now: number): boolean {
    const { around } = this
    return now + (waiting.asked ?? 0) < (this.asked.patience?.longest ?? Infinity) &&
      !this.prefersNext(waiting) &&
      (around === undefined || around.allowsWait(waiting, now))
  }

  private prefersNext(waiting: Waiting): boolean {
    const { later } = this.asking
    const [next] = later.length === 0 ? [] : atHand(later, this.asked, this.fiber)
    return next !== undefined && isLongerThan(waiting, next.times.quantiles?.median)
  }
}
