/**
 * Everything that the handler of an application meets, as one union: what a `ChatClient`, a `ChatModel`, a `ModelCascade`
 * and a `CostLedger` fail with.
 *
 * Each of them says `blame`, `isRetryable` and `retryAfter`, and answers an HTTP request. {@link respond} answers for all:
 * a handler whose effect can fail with anything else does not compile.
 *
 * ```ts
 * import { ChatError, ChatFailure } from "@switchgear/http"
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 *
 * const answer = Effect.fail(new ChatError.Overloaded({ provider: "openai", model: "gpt-4.1" }))
 * const handler = answer.pipe(Effect.map(HttpServerResponse.jsonUnsafe), Effect.catch(ChatFailure.respond))
 *
 * const { status } = await Effect.runPromise(handler)
 * status // => 503
 * ```
 *
 * @since 0.1.0
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Cascade from "@switchgear/core/Cascade"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Runtime from "@switchgear/core/runtime"
import type * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as ChatError from "./ChatError.ts"
import * as ChatModel from "./ChatModel.ts"
import * as CostLedger from "./CostLedger.ts"

/**
 * Every error of a model, a cascade and a ledger.
 *
 * @category errors
 * @since 0.1.0
 */
export type ChatFailure =
  | ChatModel.ModelError
  | Cascade.CascadeExhausted<ChatModel.ModelError>
  | CostLedger.BudgetExceeded

/**
 * Whether a value is one of them.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isChatFailure = (u: unknown): u is ChatFailure =>
  ChatError.isChatError(u) || rejections.some((Rejection) => u instanceof Rejection)

const rejections = [
  CircuitBreaker.CircuitOpen,
  RateLimiter.RateLimited,
  Bulkhead.BulkheadFull,
  Deadline.DeadlineExceeded,
  ChatModel.AnswerRefused,
  Cascade.CascadeExhausted,
  CostLedger.BudgetExceeded
]

/**
 * The response of an Effect server: see `ChatError.toResponse`. The same response is sent for a failure that a handler
 * leaves, since each is an `HttpServerRespondable`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const respond = (failure: ChatFailure): Effect.Effect<HttpServerResponse> =>
  Runtime.respond(ChatError.toResponse(failure))
