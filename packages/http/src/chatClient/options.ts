/** What a chat client is told: which provider it asks, and how long it waits. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Account from "../Account.ts"
import type { Dialect } from "../dialects/model.ts"

/**
 * Where a provider is and how to talk to it.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The name of the provider in errors and metrics, such as `openai`. */
  readonly provider: string
  /** The address before `/chat/completions`, such as `https://api.openai.com/v1`. A query is kept. */
  readonly baseUrl: string
  /**
   * Sent as a bearer token. Local servers need none. Of several keys the first is used as long as it is good: one that
   * is spent or rejected (`QuotaExhausted`, `Unauthorized`) is parked, and the call goes on with the next. A key whose
   * quota of one model is spent (`scope: "model"`) is parked for that model only. When all are parked, calls fail at
   * once with what was said of the key that comes free first, and the time until then. A single key is never parked.
   * `Redacted.make(value, { label })` gives a key the name by which `keys` shows it.
   */
  readonly apiKey?: Redacted.Redacted | readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>] | undefined
  /** How long a key is parked when the provider does not say for how long it is of no use. @default "5 minutes" */
  readonly parkFor?: Duration.Input | undefined
  /** The longest time for which a key is parked when the provider says for how long. @default "10 minutes" */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * More rows of the table by which failures are classified, see `Dialects`. They go before the rows of the library. A
   * row that contradicts another of them, an unknown class and a status out of range are refused when the client is
   * made.
   */
  readonly dialects?: ReadonlyArray<Dialect> | undefined
  /** The host whose account endpoint this address has, such as a proxy. @default the host of `baseUrl` */
  readonly accountHost?: Account.Host | undefined
  /**
   * How long a call may take from its start to the last byte of its answer. Like the other two, it counts only time
   * spent waiting for the provider: a slow reader of a stream does not trip it. @default "60 seconds", for a stream "10
   * minutes"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How long a stream may take from its start until its first content: text, reasoning, a tool call. A role, an empty
   * text and keep-alives are no content. Models that reason without streaming it need a longer one. @default "60
   * seconds"
   */
  readonly firstContentTimeout?: Duration.Input | undefined
  /** How long a stream may go without content after its first content. @default "30 seconds" */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * More headers for every request. They are no place for secrets: spans show them. Refused are names and values that
   * HTTP does not allow, headers that the connection sets (`host`, `content-length`, `connection` and the like), and an
   * `authorization` beside `apiKey`.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
}
