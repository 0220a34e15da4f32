/**
 * The attributes of a model's span, by the names of OpenTelemetry's conventions for generative AI. Names and counts
 * only.
 */
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import type { Span } from "effect/Tracer"
import type * as ChatModel from "../ChatModel.ts"
import type { Provenance } from "./provenance.ts"

export const annotateRequest = (
  span: Span,
  { model, provider, request }: {
    readonly model: string
    readonly provider: string
    readonly request: ChatModel.Request
  }
): void => {
  const { frequency_penalty, max_completion_tokens, max_tokens, presence_penalty, seed, stop, temperature, top_p } =
    request as Readonly<Record<string, any>>
  Telemetry.addGenAIAnnotations(span, {
    provider: { name: provider },
    operation: { name: "chat" },
    request: {
      model,
      temperature,
      topP: top_p,
      maxTokens: max_completion_tokens ?? max_tokens,
      frequencyPenalty: frequency_penalty,
      presencePenalty: presence_penalty,
      seed,
      stopSequences: typeof stop === "string" ? [stop] : stop
    }
  })
}

/** What a part says of the answer as a whole. */
export const annotatePart = (span: Span, part: Response.AnyPartEncoded): void => {
  if (part.type === "response-metadata") {
    Telemetry.addGenAIAnnotations(span, { response: { id: part.id, model: part.modelId } })
  } else if (part.type === "finish") {
    const { inputTokens, outputTokens } = part.usage
    Telemetry.addGenAIAnnotations(span, {
      response: { finishReasons: [part.reason] },
      usage: { inputTokens: inputTokens.total, outputTokens: outputTokens.total }
    })
    // These the platform has no names for yet.
    attribute(span, "gen_ai.usage.cache_read.input_tokens", inputTokens.cacheRead)
    attribute(span, "gen_ai.usage.cache_creation.input_tokens", inputTokens.cacheWrite)
    attribute(span, "gen_ai.usage.reasoning.output_tokens", outputTokens.reasoning)
  }
}

/** No convention has names for the step, the degradation and the attempts. */
export const annotateProvenance = (span: Span, { attempts, degradation, step }: Provenance): void => {
  span.attribute("switchgear.step", step)
  span.attribute("switchgear.degradation", degradation)
  attribute(span, "switchgear.attempts", attempts)
}

export const annotateFailure = (span: Span, name: string): void => span.attribute("error.type", name)

const attribute = (span: Span, name: string, value: unknown): void => {
  if (value !== undefined) span.attribute(name, value)
}
