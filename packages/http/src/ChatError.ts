/**
 * Everything that can go wrong between a request and a reply, as one flat union of tagged errors.
 *
 * Each error says whom to blame, whether trying the same model again can help, and how long the provider asks to wait.
 * What a cascade, a breaker and a key ring do with it is data too: `retries`, `movesOn`, `countsOnBreaker`, `parksKey`.
 *
 * | Error                 | Typical status              | Blame        | Same model again | Next model    | Counts on the circuit | Parks the key |
 * | --------------------- | --------------------------- | ------------ | ---------------- | ------------- | --------------------- | ------------- |
 * | `InvalidRequest`      | 400, 413, 422               | caller       | no               | no (1)        | no                    | no            |
 * | `ContextTooLong`      | 400                         | caller       | no               | larger window | no                    | no            |
 * | `ContentBlocked`      | 400                         | caller       | no               | opt-in        | no                    | no            |
 * | `Unauthorized`        | 401                         | account      | no               | yes           | no                    | yes           |
 * | `Forbidden`           | 403                         | account      | no               | opt-in (10)   | no                    | no            |
 * | `ModelNotFound`       | 404, 405, 410               | account      | no               | yes           | no                    | no            |
 * | `QuotaExhausted`      | 402, 429 with quota         | account      | no (2)           | yes           | no                    | yes (7)       |
 * | `ProviderRateLimited` | 429, 498                    | account      | after the wait   | yes           | no                    | no            |
 * | `Overloaded`          | 503, 529                    | provider     | once             | yes           | yes                   | no            |
 * | `ProviderFault`       | 408, 409, other 4xx and 5xx | provider     | yes (3)          | yes           | yes (3)               | no            |
 * | `ConnectFailed`       | none, 407                   | network      | yes (4, 8)       | yes           | yes                   | no            |
 * | `ClientReleased`      | none                        | application  | no               | yes           | no                    | no            |
 * | `TimedOut`            | none                        | provider (5) | no (5)           | yes           | yes (5)               | no            |
 * | `Truncated`           | 200                         | network      | yes (8)          | yes           | yes                   | no            |
 * | `MalformedReply`      | 200, 3xx                    | provider     | once (6, 8)      | yes           | yes (9)               | no            |
 *
 * 1. 413 moves on to a larger window; an unsupported parameter (`invalid_prompt`, `unsupported_parameter`,
 *    `unsupported_value`, `unknown_parameter`) by opt-in.
 * 2. Unless the provider says when: a 402 with `retry-after` is retryable.
 * 3. 409 and 425 are retried and not counted. 501, 505, and a status from 400 to 499 that no row of the dialects
 *    knows are neither. 504 and 524 are counted and not retried: a gateway waited for the model until its own
 *    time-out, so the model has worked and the provider may bill it.
 * 4. Not when a certificate is refused, and not when a proxy asks for a password (407).
 * 5. A connect time-out blames the network and may be retried, because nothing was executed. A time-out of the reader
 *    of a stream blames the caller and does not count.
 * 6. Not for a redirect, for a response that is not HTTP, for an answer that is too large, and for one that the limit
 *    of tokens cut off.
 * 7. With `scope: "model"`, for the model that was asked only.
 * 8. Not if the call had lasted 5 seconds or longer and may be billed (`possiblyBilled`): the model has worked, and
 *    would have to work again.
 * 9. An answer that the limit of tokens cut off before it said anything has the code `length`. The limit is the
 *    caller's, so it does not count.
 * 10. Where its `code` or `type` tells of a permission or a region. A 403 that says neither may be anything, and moves
 *     on.
 *
 * Which failure has which class is a table of rows, to which the option `dialects` of `ChatClient` adds: see `Dialects`.
 *
 * **Gotchas**
 *
 * `detail` is the provider's own sentence: at most 300 characters, with keys and anything quoted from the prompt
 * removed. It is searched for them when it is first read, and until then keeps the request in memory. Match on `_tag`,
 * `status` and `code`, never on its words.
 *
 * @since 0.1.0
 */
import type * as Outcome from "@switchgear/core/Outcome"

export { countsOnBreaker, movesOn, parksKey, possiblyBilled, retries } from "./chatError/conduct.ts"
export {
  ChatError,
  ClientReleased,
  ConnectFailed,
  ContentBlocked,
  ContextTooLong,
  Forbidden,
  InvalidRequest,
  isChatError,
  MalformedReply,
  ModelNotFound,
  Overloaded,
  ProviderFault,
  ProviderRateLimited,
  QuotaExhausted,
  TimedOut,
  Truncated,
  Unauthorized
} from "./chatError/errors.ts"
export { type Blame, Phase } from "./chatError/fields.ts"
export { dialectOf, type FailedResponse, fromReply, fromResponse } from "./chatError/fromResponse.ts"

/**
 * How an error answers an HTTP request: the inverse of {@link fromResponse}, for errors of a client, rejections of guards,
 * `AnswerRefused`, `CascadeExhausted` and `BudgetExceeded`. The body is JSON in OpenAI's shape. A wait is in the headers
 * `retry-after` and `retry-after-ms`; `x-should-retry: false` says that another try cannot help, or that the wait is longer
 * than the minute up to which the official clients believe a hint. Waits are at most 31 days.
 *
 * The body has the names of provider and model, and nothing that the provider said, so that no prompt, no reply and no
 * key is in it. `Unauthorized`, `Forbidden`, `ModelNotFound` and `QuotaExhausted` have the status that the provider gave,
 * although it is the account of the application that is refused: catch them to answer otherwise.
 *
 * ```ts
 * import { ChatError } from "@switchgear/http"
 * import { Duration } from "effect"
 *
 * const error = new ChatError.Overloaded({ provider: "openai", model: "gpt-4.1", retryAfter: Duration.seconds(20) })
 * const response = ChatError.toResponse(error)
 *
 * response.status // => 503
 * response.headers["retry-after"] // => "20"
 * ChatError.fromResponse({ provider: "openai", model: "gpt-4.1", ...response })._tag // => "Overloaded"
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const toResponse = (error: { readonly toResponse: () => Outcome.ErrorResponse }): Outcome.ErrorResponse =>
  error.toResponse()
