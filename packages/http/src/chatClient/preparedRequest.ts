/** Calls that are ready to be made with a key, and what errors about them must not repeat. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ChatError from "../ChatError.ts"
import type { Secrets } from "../chatError/redact.ts"
import type { Asked } from "../chatReply/asked.ts"
import { seal, type SealedRequest } from "../chatRequest/sealedRequest.ts"
import type * as ChatSchema from "../ChatSchema.ts"

/** A call that has no key yet. */
export interface PreparedRequest {
  readonly model: string
  /** JSON, where something is sent. */
  readonly body: string | undefined
  /** Read only where something is not as it should be. */
  about(): About
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

/** What makes a call of a request: the same call each time. Where it cannot be sent, why not: an error of its own each time. */
export type Preparing = Result.Result<() => PreparedRequest, () => ChatError.InvalidRequest>

/** Makes calls of requests, for an answer as a whole or as a stream. */
export const preparing = ({ apiKey, provider }: Common) =>
(
  request: ChatSchema.ChatRequest,
  delivery: "whole" | "streamed"
): Preparing => {
  const refused = (detail: string) => {
    const model = nameOf(request)
    return Result.fail(() => new ChatError.InvalidRequest({ provider, model, detail }))
  }
  const sealed = seal(request)
  if (Result.isFailure(sealed)) return refused(sealed.failure)
  const { hasMessages, model } = sealed.success
  if (model === undefined || model === "") return refused("model must be a non-empty text")
  if (!hasMessages) return refused("messages must be a list")
  let call: PreparedRequest | undefined
  // A request that was sealed here has no other attempt.
  const attempts = sealed.success.plain === (request as object) ? "several" : "one"
  return Result.succeed(() => call ??= preparedOf(sealed.success, model, sealed.success[delivery], apiKey, attempts))
}

/** A call that sends this of a request, of which it is the only attempt or one of several. */
export const preparedOf = (
  request: SealedRequest,
  model: string,
  body: string,
  apiKey: Secrets["apiKey"],
  attempts: "one" | "several"
): PreparedRequest => new Prepared(request, model, body, apiKey, attempts)

class Prepared implements PreparedRequest {
  readonly model: string
  readonly body: string
  private readonly request: SealedRequest
  private readonly apiKey: Secrets["apiKey"]
  private readonly attempts: "one" | "several"

  constructor(
    request: SealedRequest,
    model: string,
    body: string,
    apiKey: Secrets["apiKey"],
    attempts: "one" | "several"
  ) {
    this.model = model
    this.body = body
    this.request = request
    this.apiKey = apiKey
    this.attempts = attempts
  }

  about(): About {
    const { asked, prompt } = this.request
    return { secrets: { apiKey: this.apiKey, prompt: this.attempts === "one" ? prompt.end() : prompt }, asked }
  }
}

/** The call, or the failure of one that cannot be made. */
export const made = (preparing: Preparing): Effect.Effect<PreparedRequest, ChatError.InvalidRequest> =>
  Effect.suspend(() =>
    Result.isSuccess(preparing) ? Effect.succeed(preparing.success()) : Effect.fail(preparing.failure())
  )

/** What a request that cannot be sent calls its model. */
const nameOf = (request: ChatSchema.ChatRequest): string => {
  try {
    return String(request?.model ?? "(no model)").slice(0, 100)
  } catch {
    return "(no model)"
  }
}
