/** A request that is ready to be sent with a key, and what errors about it must not repeat. */
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as ChatError from "../ChatError.ts"
import type { Secrets } from "../chatError/redact.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as EncodeRequest from "./encodeRequest.ts"

/** A request that has no key yet. */
export interface PreparedRequest {
  readonly model: string
  readonly request: HttpClientRequest.HttpClientRequest
  readonly secrets: Secrets
}

/** What all requests of a client have in common. */
export interface Common {
  readonly provider: string
  readonly apiKey: Secrets["apiKey"]
  /** The request without its body. */
  readonly post: HttpClientRequest.HttpClientRequest
}

/** Prepares the requests of a client. Fails where a request cannot be sent. */
export const preparing = ({ apiKey, post, provider }: Common) =>
(
  request: ChatSchema.ChatRequest,
  delivery: EncodeRequest.Delivery
): Effect.Effect<PreparedRequest, ChatError.ChatError> =>
  Effect.suspend(() => {
    const encoded = EncodeRequest.encode(request, delivery)
    let prompt: ReadonlyArray<string> | undefined
    return Result.isSuccess(encoded)
      ? Effect.succeed({
        model: request.model,
        request: HttpClientRequest.setBody(post, HttpBody.text(encoded.success, "application/json")),
        // Read only where an error is built.
        secrets: {
          apiKey,
          get prompt() {
            return prompt ??= EncodeRequest.promptOf(request)
          }
        }
      })
      : Effect.fail(
        new ChatError.InvalidRequest({
          provider,
          model: String(request?.model ?? "(no model)").slice(0, 100),
          detail: encoded.failure
        })
      )
  })
