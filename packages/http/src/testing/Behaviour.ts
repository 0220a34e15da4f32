/**
 * What a simulated model does with a request: how long it thinks, how much it can do at once, and how it answers.
 *
 * A behaviour is plain data, so that a script can be written down, compared and changed while a test runs. Only `perRequest`
 * takes a function.
 *
 * @since 0.1.0
 */
import { Latency as Times, type SimulatedService } from "@switchgear/core/testing"
import * as Duration from "effect/Duration"

/**
 * What one model does. Everything left out is a healthy default: at once, without bound, with a short answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Behaviour {
  /** The time before the answer begins. @default none */
  readonly latency?: Latency | undefined
  /** What it can do at once. @default without bound */
  readonly capacity?: Capacity | undefined
  /** The time that its tokens take, and their limit. @default no time, no limit */
  readonly tokens?: Tokens | undefined
  /** How it answers. @default `ok()` */
  readonly outcome?: Outcome | undefined
}

/**
 * How fast a model reads and writes tokens, four characters each. The time of reading comes after `latency` and before the
 * first token; that of writing is spread over the chunks of a stream, and comes before the head of a whole reply. Both are
 * work in the slot of the request. A server that batches is a capacity that `"slows"` and has `slots`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tokens {
  /** Tokens of the prompt that are read per second (prefill). */
  readonly prefill: number
  /** Tokens of the answer that are written per second. */
  readonly perSecond: number
  /**
   * Tokens per minute of the clock, prompts and answers. A request takes its prompt and its `max_tokens`, whatever its answer
   * takes of them. If that does not fit in, it gets a 429 that says when the minute is over, and takes no slot. An answer
   * without `max_tokens`, or above it, counts when it begins, also above the limit. @default no limit
   */
  readonly perMinute?: number | undefined
}

/**
 * A distribution of waiting times.
 *
 * @category models
 * @since 0.1.0
 */
export type Latency = Times.Latency

/**
 * How many requests are worked on at full speed, what becomes of those above it (`above: "queue" | "slows" | "refuses"`)
 * and of the work of a client who has left (`abandoned: "stops" | "goes on"`), and how fast all of it is done (`speed`): see
 * `SimulatedService.Capacity`. A request holds its slot until its response has ended, a stream until its last chunk.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capacity extends SimulatedService.Capacity {
  /** The response to requests that are refused. @default `unavailable`, which is 503 */
  readonly refusal?: Reply | undefined
}

/**
 * A response that is not a completion.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly _tag: "Respond"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/**
 * How a request ends.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Ok"; readonly text: string | undefined; readonly over: Duration.Input | undefined }
  | Reply
  | { readonly _tag: "Stream"; readonly script: StreamScript }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Cut"; readonly at: "before-headers" | "mid-body" }
  | { readonly _tag: "Mix"; readonly shares: ReadonlyArray<readonly [share: number, outcome: Outcome]> }
  | { readonly _tag: "PerRequest"; readonly outcome: (request: Request) => Outcome }

/**
 * What an outcome can depend on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly model: string
  /** The texts of all messages, one a line. */
  readonly prompt: string
}

/**
 * How an answer is streamed. Everything left out is a healthy default: a role, the text in chunks of four characters
 * without pauses, the usage if it was asked for, `[DONE]`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamScript {
  /** What is said. @default a greeting in the name of the model */
  readonly text?: string | undefined
  /** In how many chunks it is said. @default one for four characters */
  readonly chunks?: number | undefined
  /** The time between the role and the first content. @default none */
  readonly firstContentAfter?: Duration.Input | undefined
  /** The time between two chunks of content, and before the end. @default none */
  readonly pause?: Duration.Input | undefined
  /** Whether a chunk with the role alone opens the stream. @default "first" */
  readonly role?: "first" | "absent" | undefined
  /** When the usage is sent. @default "asked" */
  readonly usage?: "asked" | "every-chunk" | "never" | undefined
  /** How the bytes travel: an event at a time, or each byte alone, which cuts through characters. @default "events" */
  readonly bytes?: "events" | "one-by-one" | undefined
  /** How it ends. @default whole */
  readonly end?: StreamEnd | undefined
}

/**
 * How a stream ends: whole or without what should be there at the end, or after so many chunks of content with a
 * connection that is closed, silence, heartbeats for ever, an error, or other bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamEnd =
  | {
    readonly _tag: "Whole"
    readonly without?: "[DONE]" | "finish_reason" | "both" | undefined
    /** What becomes of the connection. @default "closed" */
    readonly connection?: "closed" | "open" | undefined
  }
  | { readonly _tag: "Cut"; readonly after: number }
  | { readonly _tag: "Stall"; readonly after: number }
  | {
    readonly _tag: "Heartbeat"
    readonly after: number
    readonly every: Duration.Input
    readonly as: "comment" | "ping" | "role"
  }
  | { readonly _tag: "Error"; readonly after: number; readonly error: unknown }
  | { readonly _tag: "Garbage"; readonly after: number; readonly text: string }

/**
 * Always the same time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const constant = Times.constant

/**
 * Any time between the two, all equally likely.
 *
 * @category constructors
 * @since 0.1.0
 */
export const uniform = Times.uniform

/**
 * Mostly near the median with a long tail, as real models are: one answer in twenty takes longer than `p95`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const logNormal = Times.logNormal

/**
 * A whole answer. Without a text it greets in the name of the model.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ok = (text?: string): Outcome => ({ _tag: "Ok", text, over: undefined })

/**
 * A whole answer whose head comes at once and whose body dribbles in over the time given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const slowBody = (over: Duration.Input, text?: string): Outcome => ({ _tag: "Ok", text, over })

/**
 * An answer that is streamed by a script. A request without `stream` gets the same text whole.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = (script: StreamScript = {}): Outcome => ({ _tag: "Stream", script })

/**
 * Ends a stream as some providers do: without `[DONE]`, without a `finish_reason`, or without both, which is no end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const endWithout = (
  without: "[DONE]" | "finish_reason" | "both",
  connection: "closed" | "open" = "closed"
): StreamEnd => ({ _tag: "Whole", without, connection })

/**
 * Closes the connection after so many chunks of content.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cutAfter = (chunks: number): StreamEnd => ({ _tag: "Cut", after: chunks })

/**
 * Says nothing more after so many chunks of content, with the connection open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stallAfter = (chunks: number): StreamEnd => ({ _tag: "Stall", after: chunks })

/**
 * Sends only signs of life after so many chunks of content, for ever.
 *
 * @category constructors
 * @since 0.1.0
 */
export const heartbeatAfter = (
  chunks: number,
  every: Duration.Input,
  as: "comment" | "ping" | "role" = "comment"
): StreamEnd => ({ _tag: "Heartbeat", after: chunks, every, as })

/**
 * Sends an error after so many chunks of content and ends: a text goes out as it is, any other value as an event.
 *
 * @category constructors
 * @since 0.1.0
 */
export const errorAfter = (
  chunks: number,
  error: unknown = { error: { message: "The server had an error", type: "server_error", param: null, code: null } }
): StreamEnd => ({ _tag: "Error", after: chunks, error })

/**
 * Sends something else after so many chunks of content and ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const garbageAfter = (chunks: number, text: string = "data: {\"choices\": [{\"delta\"\n\n"): StreamEnd => ({
  _tag: "Garbage",
  after: chunks,
  text
})

/**
 * Any response: a text body goes out as it is, any other value as JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const respond = (
  status: number,
  body: unknown = "",
  headers: Readonly<Record<string, string>> = {}
): Reply => ({ _tag: "Respond", status, headers, body })

/**
 * An error in the words of OpenAI.
 *
 * @category constructors
 * @since 0.1.0
 */
export const error = (
  status: number,
  details: { readonly message: string; readonly type?: string | undefined; readonly code?: string | undefined },
  headers: Readonly<Record<string, string>> = {}
): Reply =>
  respond(status, {
    error: { message: details.message, type: details.type ?? null, param: null, code: details.code ?? null }
  }, headers)

/**
 * 429, with a `retry-after` in seconds where one is given. Throws a `RangeError` on one that is negative or infinite.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rateLimited = (retryAfter?: Duration.Input): Reply =>
  error(
    429,
    { message: "Rate limit reached for requests", type: "requests", code: "rate_limit_exceeded" },
    retryAfter === undefined ? {} : { "retry-after": String(secondsOf(retryAfter)) }
  )

const secondsOf = (retryAfter: Duration.Input): number => {
  const seconds = Duration.toSeconds(retryAfter)
  if (seconds >= 0 && seconds < Infinity) return seconds
  throw new RangeError(
    `Behaviour.rateLimited: retryAfter must be a finite duration of zero or more, got ${seconds} seconds`
  )
}

/**
 * 401 for a key the provider does not know.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unauthorized: Reply = error(401, {
  message: "Incorrect API key provided. You can find your API key in the dashboard.",
  type: "invalid_request_error",
  code: "invalid_api_key"
})

/**
 * 429 for an account whose money is spent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const quotaExhausted: Reply = error(429, {
  message: "You exceeded your current quota, please check your plan and billing details.",
  type: "insufficient_quota",
  code: "insufficient_quota"
})

/**
 * 500.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serverError: Reply = error(500, {
  message: "The server had an error while processing your request",
  type: "server_error"
})

/**
 * 503, as OpenAI says that it is overloaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unavailable: Reply = error(503, {
  message: "The engine is currently overloaded, please try again later",
  type: "service_unavailable_error",
  code: "server_is_overloaded"
})

/**
 * 529, as Anthropic says that it is overloaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const overloaded: Reply = respond(529, {
  type: "error",
  error: { type: "overloaded_error", message: "Overloaded" }
})

/**
 * Takes the request and never answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hang: Outcome = { _tag: "Hang" }

/**
 * Closes the connection, before the answer begins or in the middle of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cut = (at: "before-headers" | "mid-body"): Outcome => ({ _tag: "Cut", at })

/**
 * The error page of a CDN.
 *
 * @category constructors
 * @since 0.1.0
 */
export const htmlError = (status: number = 502): Reply =>
  respond(
    status,
    `<html>\r\n<head><title>${status} Bad Gateway</title></head>\r\n<body><center><h1>${status} Bad Gateway</h1></center></body>\r\n</html>`,
    { "content-type": "text/html" }
  )

/**
 * A 200 that holds an error, as OpenRouter sends when its upstream fails late.
 *
 * @category constructors
 * @since 0.1.0
 */
export const errorInside200: Reply = respond(200, {
  error: { code: 502, message: "Provider returned error" }
})

/**
 * A 200 with nothing in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const emptyBody: Reply = respond(200)

/**
 * One outcome or another, by share. Shares are weights: `mix([[1, serverError], [4, ok()]])` fails one in five.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mix = (shares: ReadonlyArray<readonly [share: number, outcome: Outcome]>): Outcome => ({
  _tag: "Mix",
  shares
})

/**
 * An outcome that depends on the request, such as a long answer to a long prompt.
 *
 * ```ts
 * import { ChatClient, ChatSchema } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { Effect, Layer } from "effect"
 *
 * const outcome = Behaviour.perRequest(({ prompt }) => Behaviour.ok(`You said: ${prompt}`))
 * const provider = SimulatedProvider.layerHttpClient.pipe(
 *   Layer.provide(SimulatedProvider.layer({ models: { echo: { outcome } } }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" })
 *   return yield* client.complete({ model: "echo", messages: [{ role: "user", content: "Hello" }] })
 * })
 *
 * ChatSchema.text(await Effect.runPromise(Effect.provide(program, provider))) // => "You said: Hello"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const perRequest = (outcome: (request: Request) => Outcome): Outcome => ({ _tag: "PerRequest", outcome })
