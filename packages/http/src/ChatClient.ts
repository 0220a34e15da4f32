/**
 * Asks one provider for chat completions, and says in a typed error what went wrong when there is no answer.
 *
 * The client is the lowest layer: one request is one call, never retried, never sent elsewhere. Retry, breaker and
 * cascade stand above it. It works over any `HttpClient`; `layerUndici` brings the one of Node with a connect timeout and
 * the proxy of the environment.
 *
 * **Gotchas**
 *
 * Interrupting a call, or taking no more of a stream, closes its connection, so that the provider stops working on it.
 * The key is `Redacted` and is in no error, log line or span; custom `headers` are visible in spans, so no secret belongs
 * there.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatError from "./ChatError.ts"
import * as ChatSchema from "./ChatSchema.ts"
import { decodeReply } from "./internal/decodeReply.ts"
import * as EncodeRequest from "./internal/encodeRequest.ts"
import { readBody } from "./internal/readBody.ts"
import type { Secrets } from "./internal/redact.ts"
import { readStream } from "./internal/readStream.ts"
import * as TransportFailure from "./internal/transportFailure.ts"
import * as Undici from "./internal/undici.ts"
import * as Waits from "./internal/waits.ts"

/**
 * A client of one provider.
 */
export class ChatClient extends Context.Service<ChatClient, {
  /** The name of the provider, as errors give it. */
  readonly provider: string
  /**
   * One chat completion, whole. `stream` and `stream_options` of the request are left out of what is sent; every other
   * field goes to the provider as it is.
   */
  readonly complete: (request: ChatSchema.ChatRequest) => Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError>
  /**
   * One chat completion, in chunks as the model writes it. The stream ends when the answer is whole, and fails when it is
   * not: with `Truncated` if the connection ended first, with the error the provider put into the stream, with `TimedOut`
   * if one of the clocks ran out. Each run of the stream is one call.
   *
   * The usage is always asked for and comes in a chunk without choices before the end, see `ChatStream.isUsageOnly`. For
   * a server that refuses `stream_options`, a request with `stream_options: null` or `include_usage: false` leaves it out.
   */
  readonly stream: (request: ChatSchema.ChatRequest) => Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>
}>()("@switchgear/http/ChatClient") {}

/**
 * Where a provider is and how to talk to it.
 */
export interface Options {
  /** The name of the provider in errors and metrics, such as `openai`. */
  readonly provider: string
  /** The address before `/chat/completions`, such as `https://api.openai.com/v1`. A query is kept. */
  readonly baseUrl: string
  /** Sent as a bearer token. Local servers need none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /**
   * How long a call may take from its start to the last byte of its answer. Like the other two, it counts the time that
   * is spent waiting for the provider, not the time a reader of a stream takes. @default "60 seconds", for a stream
   * "10 minutes"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How long a stream may take from its start until it says something: text, reasoning, a tool call. A role, an empty text
   * and keep-alives do not count. Models that think in silence need it long. @default "60 seconds"
   */
  readonly firstContentTimeout?: Duration.Input | undefined
  /** How long a stream that has begun to speak may say nothing. The same things do not count. @default "30 seconds" */
  readonly idleTimeout?: Duration.Input | undefined
  /** More headers for every request. They are no place for secrets: spans show them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * How connections are made.
 */
export interface TransportOptions {
  /**
   * How long making a connection may take, name look-up and TLS included. undici looks about once a second, so a limit
   * can be overrun by up to a second. @default "5 seconds"
   */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * `"environment"` follows `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (small letters first; `HTTP_PROXY` serves https
   * where `HTTPS_PROXY` is not set), `"none"` connects directly, and an object names the proxies: `http` and `https` as
   * URLs, `except` as in `NO_PROXY`. https goes through a `CONNECT` tunnel, so the proxy sees no key; plain http is
   * forwarded. @default "environment"
   */
  readonly proxy?: Undici.Proxy | "environment" | "none" | undefined
}

/**
 * Makes a client over the `HttpClient` at hand. A call that outlasts `timeout` fails with `TimedOut` in phase `total`,
 * by the Effect clock.
 *
 * Making it dies with a `RangeError` that names the field when an option makes no sense; a call never dies.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import * as ChatClient from "@switchgear/http/ChatClient"
 * import * as ChatSchema from "@switchgear/http/ChatSchema"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* ChatClient.ChatClient
 *   const reply = yield* client.complete({ model: "gpt-4.1", messages: [{ role: "user", content: "Hello" }] })
 *   return ChatSchema.text(reply)
 * })
 *
 * const provider = SimulatedProvider.layer({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } })
 * const client = ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" }).pipe(
 *   Layer.provide(SimulatedProvider.layerHttpClient),
 *   Layer.provide(provider)
 * )
 *
 * await Effect.runPromise(Effect.provide(program, client)) // => "Good day"
 * ```
 */
export const make = (options: Options): Effect.Effect<ChatClient["Service"], never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (http) => fromHttpClient(validated(options), HttpClient.withScope(http)))

/**
 * A client over the `HttpClient` at hand.
 */
export const layer = (options: Options): Layer.Layer<ChatClient, never, HttpClient.HttpClient> =>
  Layer.effect(ChatClient, make(options))

/**
 * A client on Node, over connections of its own: connect timeout and proxy as in `TransportOptions`. Its connections are
 * cut when the layer is released.
 */
export const layerUndici = (options: Options & TransportOptions): Layer.Layer<ChatClient> =>
  Layer.provide(layer(options), layerHttpClient(options))

/**
 * The `HttpClient` of `layerUndici` alone, to be shared by several clients.
 */
export const layerHttpClient = (options: TransportOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.unwrap(Effect.sync(() =>
    Undici.layer({
      connectTimeout: duration("connectTimeout", options.connectTimeout ?? "5 seconds", "layerHttpClient"),
      proxy: proxyOf(options.proxy ?? "environment")
    })
  ))

interface Settings {
  readonly provider: string
  readonly url: string
  readonly host: string
  readonly apiKey: string | undefined
  readonly timeout: Duration.Duration
  readonly waits: Waits.Limits
  readonly headers: Readonly<Record<string, string>>
}

const fromHttpClient = (
  settings: Settings,
  http: HttpClient.HttpClient.With<Parameters<typeof TransportFailure.beforeResponse>[1], Scope.Scope>
): ChatClient["Service"] => {
  const base = HttpClientRequest.post(settings.url, { headers: { ...settings.headers, accept: "application/json" } })
  const authorized = settings.apiKey === undefined ? base : HttpClientRequest.bearerToken(base, settings.apiKey)

  /** Sends the request; a failed status is an error, read as far as it explains itself. */
  const open = Effect.fnUntraced(function*(
    call: Call
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ChatError.ChatError, Scope.Scope> {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    const response = yield* http.execute(
      HttpClientRequest.setBody(
        call.accept === undefined ? authorized : HttpClientRequest.setHeader(authorized, "accept", call.accept),
        HttpBody.text(call.body, "application/json")
      )
    ).pipe(Effect.mapError((error) => TransportFailure.beforeResponse(target, error)))
    if (response.status >= 200 && response.status <= 299) return response
    // The status says what happened even if its explanation broke off.
    const { text } = yield* readBody(response, errorLimit).pipe(Effect.orElseSucceed(() => ({ text: "" })))
    return yield* ChatError.fromResponse({ ...(yield* head(call, response)), body: text })
  })

  const head = ({ model, secrets }: Call, { headers, status }: HttpClientResponse.HttpClientResponse) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now) => ({ provider: settings.provider, model, status, headers, now, secrets })
    )

  const exchange = Effect.fnUntraced(function*(
    call: Call
  ): Effect.fn.Return<ChatSchema.ChatReply, ChatError.ChatError, Scope.Scope> {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    const response = yield* open(call)
    const { text, whole } = yield* readBody(response, replyLimit).pipe(
      Effect.mapError((error) => TransportFailure.inBody(target, response.status, error))
    )
    if (!whole) {
      return yield* new ChatError.MalformedReply({
        provider: settings.provider,
        model: call.model,
        status: response.status,
        found: `more than ${replyLimit / 2 ** 20} MiB`,
        isRetryable: false
      })
    }
    return yield* Effect.fromResult(decodeReply({ ...(yield* head(call, response)), body: text }))
  })

  const timedOut = (model: string, phase: ChatError.Phase, limit: Duration.Duration) =>
    new ChatError.TimedOut({ provider: settings.provider, model, phase, limit })

  const complete = (request: ChatSchema.ChatRequest) =>
    Effect.flatMap(callOf(request, EncodeRequest.whole), (call) =>
      exchange(call).pipe(
        Effect.scoped,
        Effect.timeoutOrElse({
          duration: settings.timeout,
          orElse: () => Effect.fail(timedOut(call.model, "total", settings.timeout))
        })
      ))

  const stream = (request: ChatSchema.ChatRequest) =>
    Stream.unwrap(Effect.gen(function*() {
      const call = {
        ...(yield* callOf(request, EncodeRequest.streamed(request))),
        // What goes wrong before the stream is told in JSON.
        accept: "text/event-stream, application/json"
      }
      const waits = Waits.make(
        yield* Effect.context<Scope.Scope>(),
        settings.waits,
        (phase, limit) => timedOut(call.model, phase, limit)
      )
      const response = yield* waits.within(open(call))
      return readStream(response, yield* head(call, response), waits)
    }))

  const callOf = (
    request: ChatSchema.ChatRequest,
    delivery: EncodeRequest.Delivery
  ): Effect.Effect<Call, ChatError.ChatError> =>
    Effect.suspend(() => {
      const encoded = EncodeRequest.encode(request, delivery)
      return Result.isSuccess(encoded)
        ? Effect.succeed({
          model: request.model,
          body: encoded.success,
          secrets: { apiKey: settings.apiKey, prompt: EncodeRequest.promptOf(request) }
        })
        : Effect.fail(
          new ChatError.InvalidRequest({
            provider: settings.provider,
            model: String(request?.model ?? "(no model)").slice(0, 100),
            detail: encoded.failure
          })
        )
    })

  return ChatClient.of({ provider: settings.provider, complete, stream })
}

interface Call {
  readonly model: string
  readonly body: string
  readonly secrets: Secrets
  readonly accept?: string | undefined
}

/** A reply is bounded so that an endpoint which is no API cannot fill the memory; an explanation needs little. */
const replyLimit = 32 * 2 ** 20
const errorLimit = 64 * 2 ** 10

const validated = (options: Options): Settings => {
  const { apiKey, baseUrl, provider } = options
  if (typeof provider !== "string" || !/^\S.{0,99}$/.test(provider)) {
    throw nonsense("provider", "a name of 1 to 100 characters", provider)
  }
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw nonsense("baseUrl", "a URL that begins with http:// or https://", baseUrl)
  }
  if (url.username !== "" || url.password !== "") {
    throw new RangeError("ChatClient.make: baseUrl must hold no user name or password, got one (not shown); use apiKey")
  }
  const key = apiKey === undefined ? undefined : Redacted.value(apiKey)
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new RangeError(
      `ChatClient.make: apiKey must be printable ASCII without spaces or line breaks, got ${key.length} characters that are not (not shown)`
    )
  }
  return {
    provider,
    url: `${url.origin}${url.pathname.replace(/\/+$/, "")}/chat/completions${url.search}`,
    host: url.host,
    apiKey: key,
    timeout: duration("timeout", options.timeout ?? "60 seconds"),
    waits: {
      firstContent: duration("firstContentTimeout", options.firstContentTimeout ?? "60 seconds"),
      idle: duration("idleTimeout", options.idleTimeout ?? "30 seconds"),
      total: duration("timeout", options.timeout ?? "10 minutes")
    },
    headers: options.headers ?? {}
  }
}

const duration = (field: string, input: Duration.Input, maker = "make"): Duration.Duration => {
  const parsed = Duration.fromInput(input)
  if (parsed._tag === "None" || !(Duration.toMillis(parsed.value) > 0) || !Duration.isFinite(parsed.value)) {
    throw nonsense(field, "a positive, finite duration", input, maker)
  }
  return parsed.value
}

const proxyOf = (proxy: NonNullable<TransportOptions["proxy"]>): NonNullable<TransportOptions["proxy"]> => {
  const named = proxy === "environment"
    ? ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"].map((name) => [name, process.env[name]] as const)
    : proxy === "none"
    ? []
    : [["proxy.http", proxy.http], ["proxy.https", proxy.https]] as const
  for (const [name, value] of named) {
    // A proxy's URL may hold a password, so it is not shown.
    if (
      value !== undefined && value !== "" &&
      !(URL.canParse(value) && /^(https?|socks5?):$/.test(new URL(value).protocol))
    ) {
      throw new RangeError(
        `ChatClient.layerHttpClient: ${name} must be a URL such as http://proxy:3128, got something else (not shown)`
      )
    }
  }
  return proxy
}

const nonsense = (field: string, range: string, value: unknown, maker = "make"): RangeError =>
  new RangeError(
    `ChatClient.${maker}: ${field} must be ${range}, got ${
      (typeof value === "string" ? JSON.stringify(value) : String(value)).slice(0, 100)
    }`
  )
