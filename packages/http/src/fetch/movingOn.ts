/** Whether another model is asked after a failure, and how the failure is told. */
import * as ChatError from "../ChatError.ts"
import { GuardedFetchError } from "./GuardedFetchError.ts"
import type { NamedModel } from "./model.ts"
import { meaningOf } from "./modelMeaning.ts"

type MovesOn = (error: unknown, model: NamedModel) => boolean

/**
 * Always after what guards refuse or end. What a provider refuses for reasons of its own is another one's turn, such as a text that
 * its filter dislikes or a parameter that it does not know. A request that is at fault is so for all.
 */
export const movesOnFrom = (given: MovesOn | undefined): MovesOn => (error, model) =>
  error instanceof GuardedFetchError ||
  (given === undefined ? ChatError.movesOn(meaningIn(error, model)) !== "no" : given(error, model))

/** The code of a failure, which is also that of its response; where that has none, its type. */
export const codeOf = (error: unknown, model: NamedModel): string => {
  if (error instanceof GuardedFetchError) return error.code
  const { body } = ChatError.toResponse(meaningIn(error, model))
  const { code, type } = (JSON.parse(body) as {
    readonly error: { readonly code: string | null; readonly type: string }
  }).error
  return code ?? type
}

const meaningIn = (error: unknown, { modelId, provider }: NamedModel): ChatError.ChatError =>
  meaningOf(error, { provider, model: modelId }, 0)
