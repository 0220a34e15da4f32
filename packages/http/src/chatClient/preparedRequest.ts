/** Calls that are ready to be made with a key, and what errors about them must not repeat. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ChatError from "../ChatError.ts"
import type { Secrets } from "../chatError/redact.ts"
import type { Asked } from "../chatReply/asked.ts"
import { seal } from "../chatRequest/sealedRequest.ts"
import type * as ChatSchema from "../ChatSchema.ts"

/** A call that has no key yet. */
export interface PreparedRequest {
  readonly model: string
  /** JSON, where something is sent. */
  readonly body: string | undefined
  /** Read only where something is not as it should be. */
  readonly about: () => About
}

export interface About {
  readonly secrets: Secrets
  readonly asked: Asked
}

/** What all calls of a client have in common. */
export interface Common {
  readonly provider: string
  readonly apiKey: Secrets["apiKey"]
}

/** Makes calls of requests, for an answer as a whole or as a stream. Fails where a request cannot be sent. */
export const preparing = ({ apiKey, provider }: Common) =>
(
  request: ChatSchema.ChatRequest,
  delivery: "whole" | "streamed"
): Effect.Effect<PreparedRequest, ChatError.InvalidRequest> => {
  const refused = (detail: string) => {
    const model = nameOf(request)
    return Effect.suspend(() => Effect.fail(new ChatError.InvalidRequest({ provider, model, detail })))
  }
  const sealed = seal(request)
  if (Result.isFailure(sealed)) return refused(sealed.failure)
  const { hasMessages, model } = sealed.success
  if (model === undefined || model === "") return refused("model must be a non-empty text")
  if (!hasMessages) return refused("messages must be a list")
  let call: PreparedRequest | undefined
  const about = () => {
    const { asked, plain, prompt } = sealed.success
    // A request that was sealed here has no other attempt.
    return { secrets: { apiKey, prompt: plain === (request as object) ? prompt : prompt.end() }, asked }
  }
  return Effect.sync(() => call ??= { model, body: sealed.success[delivery], about })
}

/** What a request that cannot be sent calls its model. */
const nameOf = (request: ChatSchema.ChatRequest): string => {
  try {
    return String(request?.model ?? "(no model)").slice(0, 100)
  } catch {
    return "(no model)"
  }
}
