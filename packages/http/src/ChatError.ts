/**
 * Everything that can go wrong between a request and a reply, as one flat union of tagged errors.
 *
 * Each error says whom to blame, whether trying the same model again can help, and how long the provider asks to wait.
 * What a cascade, a breaker and a key ring do with it is data too: `retries`, `movesOn`, `countsOnBreaker`, `parksKey`.
 *
 * | Error                 | Typical status          | Blame            | Same model again | Next model    | Counts on breaker  |
 * | --------------------- | ----------------------- | ---------------- | ---------------- | ------------- | ------------------ |
 * | `InvalidRequest`      | 400, 413, 422           | caller           | no               | no (1)        | no                 |
 * | `ContextTooLong`      | 400                     | caller           | no               | larger window | no                 |
 * | `ContentBlocked`      | 400                     | caller           | no               | opt-in        | no                 |
 * | `Unauthorized`        | 401                     | account          | no               | yes           | no, parks the key  |
 * | `Forbidden`           | 403                     | account          | no               | opt-in        | no                 |
 * | `ModelNotFound`       | 404, 405, 410           | account          | no               | yes           | no                 |
 * | `QuotaExhausted`      | 402, 429 with quota     | account          | no (2)           | yes           | no, parks the key  |
 * | `ProviderRateLimited` | 429, 498                | account          | after the wait   | yes           | no                 |
 * | `Overloaded`          | 503, 529                | provider         | once             | yes           | yes                |
 * | `ProviderFault`       | 408, 409, other 4xx 5xx | provider         | yes (3)          | yes           | yes (3)            |
 * | `ConnectFailed`       | none, 407               | network          | yes (4, 6)       | yes           | yes                |
 * | `TimedOut`            | none                    | provider (5)     | no (5)           | yes           | yes                |
 * | `Truncated`           | 200                     | network          | yes (6)          | yes           | yes                |
 * | `MalformedReply`      | 200, 3xx                | provider         | once (6)         | yes           | yes (7)            |
 *
 * (1) 413 moves on to a larger window; an unsupported parameter by opt-in. (2) Unless the provider says when. (3) 409
 * and 425 are retried and not counted; 501, 505, and a status from 400 to 499 that no row of `Dialects` knows are
 * neither; 504 and 524 are counted and not retried, since the provider has worked up to a time-out of its own and may
 * bill it. (4) Not when a certificate is refused. (5) A connect timeout blames the network and may be tried again, as
 * nothing was executed; that of the reader of a stream blames the caller and does not count. (6) Not when the call had
 * lasted 5 seconds or longer and may be billed: the model has worked, and would have to work again. (7) Not with the
 * code `length`: the limit of tokens, which is the caller's, cut the answer off.
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
export { countsOnBreaker, movesOn, parksKey, possiblyBilled, retries } from "./chatError/conduct.ts"
export {
  ChatError,
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
