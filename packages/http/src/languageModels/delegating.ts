/**
 * A language model whose answers other language models give. What they write comes as it is; the calls of tools in it
 * are resolved here, after the answer has been accepted and outside of every guard, so that a handler runs once however
 * many models were asked, and its failure goes to the caller only.
 */
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Response from "effect/ai/Response"
import * as ResponseIdTracker from "effect/ai/ResponseIdTracker"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { aiError, failAs } from "./aiErrors.ts"

type Model = LanguageModel.LanguageModel
type Parts = Array<Response.PartEncoded>
type Streamed<E> = Stream.Stream<Response.StreamPartEncoded, E>

/** What a model has written, and the object that it has read in that if it was asked for one. */
export interface Answer {
  readonly parts: Parts
  readonly value?: unknown
}

/** How a question gets to a model that answers it. Whatever fails there becomes an `AiError`. */
export interface Asking {
  readonly whole: (
    ask: (model: Model) => Effect.Effect<Answer, AiError.AiError>
  ) => Effect.Effect<Answer, unknown>
  /** Ends when the model begins to speak. */
  readonly streamed: (
    ask: (model: Model) => Streamed<AiError.AiError>
  ) => Effect.Effect<Streamed<unknown>, unknown, Scope.Scope>
  readonly supportsSystemMessagesInHistory: Effect.Effect<boolean> | undefined
}

export const make = ({ streamed, supportsSystemMessagesInHistory, whole }: Asking): Effect.Effect<Model> => {
  const answering =
    (method: string, ask: (model: Untyped, options: Unresolved) => ReturnType<Untyped["generateText"]>) =>
    (options: LanguageModel.ProviderOptions) =>
      whole((model) =>
        Effect.flatMap(
          ask(untyped(model), unresolved(options)),
          ({ content, value }) =>
            Effect.map(
              Effect.forEach(content, encoding(method, options, encodePart)),
              (parts): Answer => ({ parts, value })
            )
        )
      ).pipe(Effect.catch(failAs(method)))

  const asking = answering("generateText", (model, options) => model.generateText(options))
  const generateText = (options: LanguageModel.ProviderOptions) => Effect.map(asking(options), ({ parts }) => parts)

  const streamText = (options: LanguageModel.ProviderOptions) =>
    Stream.unwrap(streamed((model) =>
      Stream.mapEffect(
        untyped(model).streamText(unresolved(options)),
        encoding("streamText", options, encodeStreamPart)
      )
    )).pipe(Stream.catch((error) => Stream.fromEffect(failAs("streamText")(error))))

  // Each provider has its own way to have an object written, so the model that wrote it also reads it.
  const generateObject = ({ objectName, schema, ...options }: ObjectOptions) =>
    Effect.suspend(() => {
      let read: unknown
      const asking = answering(
        "generateObject",
        (model, options) => model.generateObject({ ...options, objectName, schema })
      )
      const generateText = (options: LanguageModel.ProviderOptions) =>
        Effect.map(asking(options), ({ parts, value }) => {
          read = value
          return parts
        })
      return LanguageModel.make({ generateText, streamText }).pipe(
        Effect.flatMap((model) => untyped(model).generateText(options)),
        Effect.map(({ content }) => new LanguageModel.GenerateObjectResponse(read, content))
      )
    })

  return Effect.map(
    LanguageModel.make({ generateText, streamText, supportsSystemMessagesInHistory }),
    (model) => withWholePrompts(typed({ ...untyped(model), generateObject }))
  )
}

/** Sends the whole prompt each time: what one provider remembers of a conversation, the next one does not. */
export const withWholePrompts = (model: Model): Model => {
  const { generateObject, generateText, streamText } = untyped(model)
  const forgetting = Context.omit(ResponseIdTracker.ResponseIdTracker)
  return typed({
    ...model,
    generateText: (options) => Effect.updateContext(generateText(options), forgetting),
    generateObject: (options) => Effect.updateContext(generateObject(options), forgetting),
    streamText: (options) => Stream.updateContext(streamText(options), forgetting)
  })
}

// The types of a model follow from the tools of each call, which here are any.
type TextOptions = LanguageModel.GenerateTextOptions<any>
type ObjectOptions = LanguageModel.GenerateObjectOptions<any, any>
interface Untyped {
  readonly generateText: (
    options: TextOptions
  ) => Effect.Effect<{ readonly content: Array<Response.Part<any>>; readonly value?: unknown }, AiError.AiError>
  readonly generateObject: (
    options: ObjectOptions
  ) => Effect.Effect<{ readonly content: Array<Response.Part<any>>; readonly value: unknown }, AiError.AiError>
  readonly streamText: (options: TextOptions) => Stream.Stream<Response.StreamPart<any>, AiError.AiError>
}

const untyped = (model: Model): Untyped => model as never
const typed = (model: Untyped): Model => model as never

type Unresolved = TextOptions & { readonly disableToolCallResolution: true }

const unresolved = ({ prompt, toolChoice, tools }: LanguageModel.ProviderOptions): Unresolved => ({
  prompt,
  ...tools.length > 0 && { toolkit: describing(tools), toolChoice },
  disableToolCallResolution: true,
  toolCallValidation: "deferred"
})

const describing = (tools: ReadonlyArray<Tool.Any>) => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, tool])),
  handle: () => Effect.die(new Error("No tool is handled behind a guard"))
})

const encodePart = Schema.encodeEffect(Response.Part())
const encodeStreamPart = Schema.encodeEffect(Response.StreamPart())

const encoding = <Part extends Response.AnyPart, Encoded>(
  method: string,
  { toolCallValidation, tools }: LanguageModel.ProviderOptions,
  encode: (part: any) => Effect.Effect<Encoded, Schema.SchemaError>
) =>
(part: Part): Effect.Effect<Encoded, AiError.AiError> => {
  if (part.type === "error") return failedInBand(method, part.error)
  if (
    part.type === "tool-call" && !part.providerExecuted && toolCallValidation !== "deferred" &&
    !tools.some(({ name }) => name === part.name)
  ) {
    const availableTools = tools.map(({ name }) => name)
    return Effect.fail(aiError(method, new AiError.ToolNotFoundError({ toolName: part.name, availableTools })))
  }
  return Effect.mapError(encode(part), (error) => aiError(method, AiError.InvalidOutputError.fromSchemaError(error)))
}

/**
 * A provider that fails after it has answered with 200 can say so in a part only. What it says may quote the prompt.
 */
const failedInBand = (method: string, error: unknown): Effect.Effect<never, AiError.AiError> =>
  AiError.isAiError(error)
    ? Effect.fail(error)
    : Effect.fail(aiError(
      method,
      new AiError.InternalProviderError({ description: "The model ended its answer with an error. Try another model." })
    ))
