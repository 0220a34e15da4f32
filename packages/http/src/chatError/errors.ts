/** The errors of a chat call as one union. */
import * as Schema from "effect/Schema"
import {
  ClientReleased,
  ConnectFailed,
  MalformedReply,
  Overloaded,
  ProviderFault,
  TimedOut,
  Truncated
} from "./failures.ts"
import {
  ContentBlocked,
  ContextTooLong,
  Forbidden,
  InvalidRequest,
  ModelNotFound,
  ProviderRateLimited,
  QuotaExhausted,
  Unauthorized
} from "./refusals.ts"

export {
  ClientReleased,
  ConnectFailed,
  ContentBlocked,
  ContextTooLong,
  Forbidden,
  InvalidRequest,
  MalformedReply,
  ModelNotFound,
  Overloaded,
  ProviderFault,
  ProviderRateLimited,
  QuotaExhausted,
  TimedOut,
  Truncated,
  Unauthorized
}

/**
 * Every way in which a chat call fails.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatError = Schema.Union([
  InvalidRequest,
  ContextTooLong,
  ContentBlocked,
  Unauthorized,
  Forbidden,
  ModelNotFound,
  QuotaExhausted,
  ProviderRateLimited,
  Overloaded,
  ProviderFault,
  ConnectFailed,
  ClientReleased,
  TimedOut,
  Truncated,
  MalformedReply
])

/**
 * What the schema `ChatError` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type ChatError =
  | InvalidRequest
  | ContextTooLong
  | ContentBlocked
  | Unauthorized
  | Forbidden
  | ModelNotFound
  | QuotaExhausted
  | ProviderRateLimited
  | Overloaded
  | ProviderFault
  | ConnectFailed
  | ClientReleased
  | TimedOut
  | Truncated
  | MalformedReply

/**
 * Whether a value is one of the errors of a chat call.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isChatError: (u: unknown) => u is ChatError = Schema.is(ChatError)
