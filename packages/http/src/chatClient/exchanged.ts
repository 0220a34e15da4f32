/** How a call whose response is read as a whole is sent, and how its response is read. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Result from "effect/Result"
import type * as ChatError from "../ChatError.ts"
import type { Asked } from "../chatReply/asked.ts"
import type { PreparedRequest } from "./preparedRequest.ts"
import type { Late, Lost, Received, Until } from "./transport.ts"

export type Secret = string | undefined

/** What is known of the response that is decoded. It is asked for where something is not as it should be. */
export interface Decoding {
  readonly response: ChatError.FailedResponse
  /** What was asked for. */
  readonly asked: Asked
}

/** What a response of a good status says. */
export type Decode<A> = (body: string, decoding: Decoding) => Result.Result<A, ChatError.ChatError>

/** Sends a call with a key. */
export type ExchangeWith = (
  secret: Secret,
  until: Until,
  call: PreparedRequest,
  fiber: Fiber.Fiber<unknown, unknown>
) => Effect.Effect<Received, Lost | Late>
