/** A request on its way along the chain of a cascade, and which models are at hand for it. */
import type * as Cascade from "@switchgear/core/Cascade"
import * as Attempts from "@switchgear/core/Attempts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as ChatModel from "../ChatModel.ts"
import type { AnswerTimes } from "./answerTimes.ts"
import type { Waits } from "./patience.ts"
import type { StepSettings } from "./settings.ts"
import type { Place } from "./waitingRoom.ts"

/** A request on its way along the chain. */
export interface Asked {
  readonly request: ChatModel.Request
  readonly key: string
  /** Whether the last good answer may be served. */
  readonly readsCache: boolean
  /** The end of the time for all models, in monotonic milliseconds; infinity without one. */
  readonly deadline: number
  /** Of the callers that share the call; undefined where it runs under the deadline of its only caller. */
  readonly patience: Waits | undefined
  /** The largest window that the conversation is known not to fit, and the error that said so. */
  outgrown: { readonly window: number; readonly error: ChatModel.ModelError } | undefined
  /** The place in the chain of the model that was asked last in its turn. Those before it have had their share. */
  newest: number
  /** The model that was asked as a hedge, and whether its turn has come since. */
  early: { readonly index: number; readonly turn: Cascade.Turn } | undefined
  /** The turn of the step of a cascade outside, in which this cascade is. */
  readonly around: Cascade.Turn | undefined
  /** The place of the model that has answered. */
  answeredBy: number | undefined
  /** Where it waits between two rounds; undefined before it has to. */
  place: Place | undefined
  /** The errors by which models would fail it again, by the places of the models in the chain. */
  lasting: Map<number, ChatModel.ModelError> | undefined
}

// The chain is built once for all requests: the request comes with the fiber.
export const CurrentAsked = Context.Reference<Asked | undefined>("@switchgear/http/modelCascade/chain/CurrentAsked", {
  defaultValue: () => undefined
})

/** A step, and how long its answers take. */
export interface AskedStep extends StepSettings {
  readonly times: AnswerTimes
}

/** The later models that would be asked now: those that are available, large enough, and within the attempts that are left. */
export const atHand = (
  later: ReadonlyArray<AskedStep>,
  { outgrown }: Asked,
  fiber: Fiber.Fiber<any, any>
): ReadonlyArray<AskedStep> =>
  later.filter((step) => (outgrown === undefined || windowOf(step) > outgrown.window) && isAvailable(step, fiber))
    .slice(0, fiber.getRef(Attempts.CurrentAttempts)?.left ?? Infinity)

const isAvailable = ({ model }: AskedStep, fiber: Fiber.Fiber<any, any>): boolean => {
  if (model.isAvailable === undefined) return true
  const exit = Effect.runSyncExitWith(fiber.context)(model.isAvailable)
  // One that waits or dies does not say no.
  return exit._tag === "Failure" || exit.value
}

// An unspecified context window counts as 0.
export const windowOf = (step: AskedStep): number => step.contextWindow ?? 0
