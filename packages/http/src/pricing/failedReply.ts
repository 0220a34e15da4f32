/**
 * What was told and said in a reply that is a failure: empty, filtered, withdrawn, with an error in it. The provider may
 * bill it like an answer. It is noted beside the error, without a word of what was said.
 */
import { noteWorked } from "../chatError/worked.ts"
import type { ToldUsage } from "./toldUsage.ts"

export interface FailedReply {
  /** The model, as the reply calls it. */
  readonly model: string | undefined
  readonly told: ToldUsage
  /** The characters of what was said. */
  readonly said: number
}

const replies = new WeakMap<object, FailedReply>()

export const noteReply = <E extends object>(error: E, reply: FailedReply): E => {
  noteWorked(error)
  replies.set(error, reply)
  return error
}

/** Whether anything in a reply shows that the model has worked. */
export const showsWork = ({ said, told }: FailedReply): boolean => said > 0 || (told.cost ?? 0) > 0 || told.tellsAny

export const replyOf = (error: object): FailedReply | undefined => replies.get(error)

/** Notes of the copy of an error what is noted of the error. */
export const sameReply = <E extends object>(error: object, copy: E): E => {
  const reply = replies.get(error)
  return reply === undefined ? copy : noteReply(copy, reply)
}
