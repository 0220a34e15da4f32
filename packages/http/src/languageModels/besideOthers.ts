/** What a chat model behind a language model may know of the other models of a cascade. */
import * as Attempts from "@switchgear/core/Attempts"
import type * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import { type Alternatives, CurrentAlternatives, isLongerThan } from "../chatModel/retries.ts"
import { type Course, hasHadItsTime, type Turn } from "../modelCascade/alternatives.ts"
import type { AnswerTimes } from "../modelCascade/answerTimes.ts"
import { aiErrorOf } from "./aiErrors.ts"

/** One run of a cascade: how far it has got, and how many models were asked. */
export interface Asked extends Course {
  count: number
}

interface Beside {
  readonly turn: Turn
  readonly asked: Asked
  /** Which errors of the model move on. */
  readonly when: (error: AiError.AiError) => boolean
  /** The times of the next model, if there is one. */
  readonly next: AnswerTimes | undefined
  readonly fiber: Fiber.Fiber<any, any>
}

/** A model that is too busy leaves the call to the next one, rather than wait and ask again. */
export const besideOthers = ({ asked, fiber, next, turn, when }: Beside): Alternatives => {
  const around = fiber.getRef(CurrentAlternatives)
  const hasNext = () => (fiber.getRef(Attempts.CurrentAttempts)?.left ?? 1) > 0
  return {
    hasLost: (now) => hasHadItsTime(turn, asked, () => around?.hasLost(now) === true, now),
    allowsWait: (waiting, now) =>
      !(next !== undefined && isLongerThan(waiting, next.quantiles?.median) && hasNext() &&
        moves(when, waiting.error, fiber)) &&
      (around === undefined || around.allowsWait(waiting, now))
  }
}

const moves = (when: Beside["when"], error: unknown, fiber: Fiber.Fiber<any, any>): boolean => {
  try {
    return when(aiErrorOf("generateText", error, fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())) === true
  } catch {
    return false
  }
}
