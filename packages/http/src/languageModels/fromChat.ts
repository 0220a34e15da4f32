/** A chat model as a language model of the platform. */
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { noteRequest } from "../chatRequest/providerFields.ts"
import type * as ChatModel from "../ChatModel.ts"
import { takesNothing } from "../chatReply/asked.ts"
import { aiError, failAs, nameOf } from "./aiErrors.ts"
import { chunkParts, replyParts } from "./answerParts.ts"
import { withWholePrompts } from "./delegating.ts"
import { chatRequest, codecTransformer } from "./chatRequest.ts"
import * as Provenance from "./provenance.ts"
import * as Spans from "./spans.ts"

export interface Options {
  /**
   * Who answers, by the name that OpenTelemetry has for it: `gen_ai.provider.name` of the spans.
   * @default "openai", whose protocol it is
   */
  readonly provider?: string | undefined
  /** More fields of every request, such as `temperature`. They are passed on as they are. @default none */
  readonly request?: Readonly<Record<string, unknown>> | undefined
}

export const make = <E>(
  model: ChatModel.ChatModel<E>,
  { provider = "openai", request: fields }: Options = {}
): Effect.Effect<LanguageModel.LanguageModel> => {
  const asked = (options: LanguageModel.ProviderOptions) =>
    Effect.map(chatRequest(options), (written): ChatModel.Request => {
      const request = noteRequest({ ...fields, ...written })
      Spans.annotateRequest(options.span, { model: model.name, provider, request })
      return request
    })
  const told = ({ span }: LanguageModel.ProviderOptions, provenance: Provenance.Provenance) => {
    Spans.annotateProvenance(span, provenance)
    const write = Provenance.written(provenance)
    return <Part extends Response.AnyPartEncoded>(part: Part): Part => {
      Spans.annotatePart(span, part)
      return write(part)
    }
  }
  const failing = (method: string, { span }: LanguageModel.ProviderOptions) => (error: unknown) =>
    Effect.tapError(
      failAs(method)(AiError.isAiErrorReason(error) ? aiError(method, error) : error),
      (error) => Effect.sync(() => Spans.annotateFailure(span, nameOf(error)))
    )

  return Effect.map(
    LanguageModel.make({
      codecTransformer,
      supportsSystemMessagesInHistory: Effect.succeed(true),
      generateText: (options) =>
        asked(options).pipe(
          Effect.flatMap(model.complete),
          Effect.flatMap((answer) =>
            Effect.map(replyParts(answer.value, withoutParameters(options)), (parts) =>
              parts.map(told(options, Provenance.of(answer))))
          ),
          Effect.catch(failing(methodOf(options), options))
        ),
      streamText: (options) =>
        Effect.sync(() => options.span.attribute("gen_ai.request.stream", true)).pipe(
          Effect.andThen(asked(options)),
          Effect.flatMap(model.open),
          Effect.map((answer) =>
            Stream.map(chunkParts(answer.value, withoutParameters(options)), told(options, Provenance.of(answer)))
          ),
          Stream.unwrap,
          Stream.catch((error) => Stream.fromEffect(failing("streamText", options)(error)))
        )
    }),
    withWholePrompts
  )
}

/** The tools that take no arguments. */
const withoutParameters = ({ tools }: LanguageModel.ProviderOptions): ReadonlySet<string> =>
  new Set(tools.filter((tool) => takesNothing(Tool.getJsonSchema(tool))).map(({ name }) => name))

const methodOf = ({ responseFormat }: LanguageModel.ProviderOptions): string =>
  responseFormat.type === "json" ? "generateObject" : "generateText"
