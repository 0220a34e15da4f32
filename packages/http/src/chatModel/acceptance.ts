/**
 * The check of an answer by its caller. A cascade hands it to the model that it asks, so that a refused answer is a failure
 * inside of the guards of that model and its circuit can count it. Models that do not read it are judged by the cascade.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as ChatSchema from "../ChatSchema.ts"
import type { Answer } from "./model.ts"
import type { AnswerRefused } from "./AnswerRefused.ts"

export interface Acceptance {
  /** Fails when the answer of the model is refused. An answer that was accepted is not judged again. */
  readonly judge: (reply: ChatSchema.ChatReply, model: string) => Effect.Effect<void, AnswerRefused>
}

/** The check that answers have to pass; undefined where everything is accepted. */
export const CurrentAcceptance = Context.Reference<Acceptance | undefined>(
  "@switchgear/http/chatModel/acceptance/CurrentAcceptance",
  { defaultValue: () => undefined }
)

/** Judges the answer of a call to the model by the check that is in force. */
export const judged = <E, R>(
  model: string,
  call: Effect.Effect<ChatSchema.ChatReply, E, R>
): Effect.Effect<ChatSchema.ChatReply, E | AnswerRefused, R> =>
  Effect.withFiber((fiber) => {
    const acceptance = fiber.getRef(CurrentAcceptance)
    return acceptance === undefined ? call : Effect.tap(call, (reply) => acceptance.judge(reply, model))
  })

/** Whether an answer that is kept passes the check that is in force. */
export const passes = ({ step, value }: Answer): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const acceptance = fiber.getRef(CurrentAcceptance)
    return acceptance === undefined
      ? Effect.succeed(true)
      : Effect.match(acceptance.judge(value, step), { onSuccess: () => true, onFailure: () => false })
  })
