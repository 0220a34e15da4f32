import type { Cascade } from "@switchgear/core"
import { type ChatError, ChatModel, type ChatSchema } from "@switchgear/http"
import { Effect, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, type Response, Tool, Toolkit } from "effect/ai"

const usage = {
  inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
}

export const finish = (reason: Response.FinishReason = "stop") => ({ type: "finish", reason, usage }) as const

export const said = (text: string): Array<Response.PartEncoded> => [
  { type: "response-metadata", id: "answer-1" },
  { type: "text", text },
  finish()
]

export const opening: ReadonlyArray<Response.StreamPartEncoded> = [
  { type: "response-metadata", id: "answer-1" },
  { type: "text-start", id: "t" }
]

export const delta = (delta: string): Response.StreamPartEncoded => ({ type: "text-delta", id: "t", delta })

export const told = (...texts: ReadonlyArray<string>): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
  Stream.fromIterable([...opening, ...texts.map(delta), { type: "text-end", id: "t" }, finish()])

export const failure = (reason: AiError.AiErrorReason) =>
  AiError.make({ module: "Provider", method: "generateText", reason })

export const down = failure(new AiError.InternalProviderError({ description: "503" }))
export const invalid = failure(new AiError.InvalidRequestError({ description: "n must be 1" }))

type Whole = Effect.Effect<Array<Response.PartEncoded>, AiError.AiError>
type Streamed = Stream.Stream<Response.StreamPartEncoded, AiError.AiError>

/** A model of the platform that answers in turn as told, the last answer again and again, and what it was asked. */
export const scripted = (
  answers: { readonly whole?: ReadonlyArray<Whole>; readonly streamed?: ReadonlyArray<Streamed> }
) =>
  Effect.gen(function*() {
    const asked: Array<LanguageModel.ProviderOptions> = []
    const next = <A>(script: ReadonlyArray<A> | undefined, options: LanguageModel.ProviderOptions): A => {
      const answer = script![Math.min(asked.length, script!.length - 1)]!
      asked.push(options)
      return answer
    }
    const model = yield* LanguageModel.make({
      generateText: (options) => Effect.suspend(() => next(answers.whole, options)),
      streamText: (options) => Stream.suspend(() => next(answers.streamed, options))
    })
    return { asked, model }
  })

/** The text of a stream and how it ended. */
export const read = <E>(stream: Stream.Stream<Response.StreamPart<any>, E>) => {
  let text = ""
  return stream.pipe(
    Stream.runForEach((part) =>
      Effect.sync(() => {
        if (part.type === "text-delta") text += part.delta
      })
    ),
    Effect.match({ onSuccess: () => "whole" as const, onFailure: (error) => error }),
    Effect.map((end) => ({ text, end }))
  )
}

export const Refund = Tool.make("refund", {
  description: "Gives the money back",
  parameters: Schema.Struct({ order: Schema.String, cents: Schema.FiniteFromString }),
  success: Schema.String,
  failure: Schema.String
})

export const Tools = Toolkit.make(Refund)

export const call = (order = "A-1", id = "call-1") =>
  ({ type: "tool-call", id, name: "refund", params: { order, cents: "250" } }) as const

/** The tools with one handler, and the orders that it was called for. */
export const handling = (handle: (order: string) => Effect.Effect<string, string> = () => Effect.succeed("done")) => {
  const orders: Array<string> = []
  const layer: Layer.Layer<Tool.HandlersFor<typeof Tools.tools>> = Tools.toLayer({
    refund: ({ order }) =>
      Effect.suspend(() => {
        orders.push(order)
        return handle(order)
      })
  })
  return { layer, orders }
}

/** A chat model that answers so, and what it was asked. */
export const chatModel = <E = never>(
  answer: Effect.Effect<ChatSchema.ChatReply, E>,
  chunks?: Effect.Effect<Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>, E>,
  degradation: Cascade.Degradation = "none"
) => {
  const asked: Array<ChatModel.Request> = []
  const served = <A, E>(request: ChatModel.Request, value: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      asked.push(request)
      return Effect.map(value, (value) => ({
        value,
        step: "m",
        degradation,
        failures: [],
        attempts: 1,
        possiblyBilledAttempts: 1
      }))
    })
  const model = ChatModel.of<E>({
    name: "m",
    complete: (request) => served(request, answer),
    ...chunks && { open: (request: ChatModel.Request) => served(request, chunks) }
  })
  return { asked, model }
}
