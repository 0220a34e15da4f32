/** The chain of a cascade: the models in their order, and after them the last good answer. */
import * as Cascade from "@switchgear/core/Cascade"
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import type { Chunks } from "../chatStream/tapChunks.ts"
import type { CallerError, Step } from "./model.ts"

/** How a model is asked for an answer. */
type Ask<A, R> = (
  model: Step["model"],
  request: ChatModel.Request
) => Effect.Effect<Cascade.Served<A, ChatModel.ModelError>, ChatModel.ModelError, R>

export const askWhole: Ask<ChatSchema.ChatReply, never> = (model, request) => model.complete(request)

export const askForStream: Ask<Chunks, Scope.Scope> = (model, request) => model.open(request)

/** A request on its way along the chain. */
export interface Asked {
  readonly request: ChatModel.Request
  readonly key: string
  /** The largest window that the conversation is known not to fit, and the error that said so. */
  outgrown: { readonly window: number; readonly error: ChatModel.ModelError } | undefined
}

// The chain is built once for all requests: the request comes with the fiber.
export const CurrentAsked = Context.Reference<Asked | undefined>("@switchgear/http/modelCascade/chain/CurrentAsked", {
  defaultValue: () => undefined
})

/** The models in their order and the last good answer, and how an answer is made of a whole reply. */
export interface Chain<A, R> {
  readonly chain: Cascade.Cascade<A, ChatModel.ModelError, CallerError, R>
  readonly whole: (reply: ChatSchema.ChatReply) => A
}

export const chainOf = <A, R>(
  [first, ...others]: Arr.NonEmptyReadonlyArray<Step>,
  how: Ask<A, R>,
  lastGood: (key: string) => Effect.Effect<ChatSchema.ChatReply | undefined>,
  whole: (reply: ChatSchema.ChatReply) => A
): Chain<A, R> => {
  const ask = (step: Step): Effect.Effect<A, ChatModel.ModelError, R> =>
    Effect.withFiber((fiber) => {
      const asked = fiber.getRef(CurrentAsked)!
      const { outgrown } = asked
      if (outgrown !== undefined && !(windowOf(step) > outgrown.window)) return Effect.fail(outgrown.error)
      return Effect.mapBoth(how(step.model, asked.request), {
        onSuccess: ({ value }) => value,
        onFailure: (error) => {
          if (wantsLargerWindow(error)) asked.outgrown = { window: windowOf(step), error }
          return error
        }
      })
    })
  const kept = Effect.withFiber((fiber) =>
    Effect.map(lastGood(fiber.getRef(CurrentAsked)!.key), (reply) => reply && { value: whole(reply) })
  )
  let models: Cascade.Cascade<A, ChatModel.ModelError, ChatModel.ModelError, R> = Cascade.first(
    first.model.name,
    ask(first),
    { when: moves(first, others) }
  )
  others.forEach((step, i) => {
    models = Cascade.orElse(step.model.name, ask(step), { when: moves(step, others.slice(i + 1)) })(models)
  })
  // `moves` holds back the errors of the caller only.
  return { chain: Cascade.orLastGood("cache", kept)(models) as Chain<A, R>["chain"], whole }
}

const moves = (step: Step, later: ReadonlyArray<Step>) => (error: ChatModel.ModelError): boolean => {
  // The refusals of guards and their time-outs say nothing about the other models.
  if (!ChatError.isChatError(error)) return true
  switch (ChatError.movesOn(error)) {
    case "yes":
      return true
    case "no":
      return false
    case "opt-in":
      return (step.optIn as ReadonlyArray<string> | undefined)?.includes(error._tag) ?? false
    case "larger-window":
      return later.some((next) => windowOf(next) > windowOf(step))
  }
}

const wantsLargerWindow = (error: ChatModel.ModelError): boolean =>
  ChatError.isChatError(error) && ChatError.movesOn(error) === "larger-window"

// An unspecified context window counts as 0.
const windowOf = (step: Step): number => step.contextWindow ?? 0
