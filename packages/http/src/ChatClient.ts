/**
 * Asks one provider for chat completions, and fails with a typed error that says what went wrong.
 *
 * The client is the lowest layer: one request is one call, never retried, never sent elsewhere. Retry, breaker and
 * cascade stand above it. Only after a key that the provider refuses is the next key tried, since a refused request was
 * not worked on. It works over any `HttpClient`; `layerUndici` brings the one of Node with a connect timeout and the
 * proxy of the environment.
 *
 * **Gotchas**
 *
 * Interrupting a call, or ending a stream early, closes its connection, so that the provider stops working on it.
 * Keys are `Redacted` and in no error, log line or span; custom `headers` are visible in spans, so no secret belongs
 * there.
 *
 * @since 0.1.0
 */
import * as Deadline from "@switchgear/core/Deadline"
import { withoutStack } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Account from "./Account.ts"
import * as ChatError from "./ChatError.ts"
import * as ChatSchema from "./ChatSchema.ts"
import * as AccountEndpoints from "./chatClient/accountEndpoints.ts"
import * as Settings from "./chatClient/settings.ts"
import { decodeReply } from "./chatClient/decodeReply.ts"
import * as EncodeRequest from "./chatClient/encodeRequest.ts"
import { CurrentHeadersListener } from "./chatClient/responseHeaders.ts"
import * as KeyRing from "./chatClient/keyRing.ts"
import { readBody } from "./chatClient/readBody.ts"
import type { Secrets } from "./chatError/redact.ts"
import { readStream } from "./chatClient/readStream.ts"
import * as TransportFailure from "./chatClient/transportFailure.ts"
import { checkedProxy } from "./nodeTransport/proxy.ts"
import * as Undici from "./nodeTransport/undici.ts"
import type { KeyState } from "./chatClient/keyRing.ts"
import type { Options, TransportOptions } from "./chatClient/options.ts"
import * as StreamTimeouts from "./chatClient/streamTimeouts.ts"

export type { KeyState, Options, TransportOptions }

/**
 * A client of one provider.
 *
 * @category models
 * @since 0.1.0
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
   * One chat completion, in chunks as the model writes it. The stream ends when the answer is whole, and fails when it
   * is not: with `Truncated` if the connection ended first, with the error the provider put into the stream, with
   * `TimedOut` if one of the clocks ran out. Each run of the stream is one call.
   *
   * The usage is always asked for and comes in a chunk without choices before the end, see `ChatStream.isUsageOnly`.
   * For a server that refuses `stream_options`, a request with `stream_options: null` or `include_usage: false` leaves
   * it out.
   */
  readonly stream: (request: ChatSchema.ChatRequest) => Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>
  /** The keys in the order in which they are used, and which of them are parked. A local server has none. */
  readonly keys: Effect.Effect<ReadonlyArray<KeyState>>
  /**
   * What is left on the account of the first key that is not parked, or else of the one that comes free first. No key
   * is parked by it. Fails with `AccountNotOffered`, without a request, where the provider has no such endpoint.
   */
  readonly account: Effect.Effect<Account.Account, Account.AccountNotOffered | ChatError.ChatError>
}>()("@switchgear/http/ChatClient") {}

/**
 * Makes a client over the `HttpClient` in the context. A call that outlasts `timeout` fails with `TimedOut` in phase
 * `total`, by the Effect clock.
 *
 * Making it dies with a `RangeError` that names the field when an option is out of range; a call never dies.
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
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<ChatClient["Service"], never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (http) => fromHttpClient(Settings.validated(options), HttpClient.withScope(http)))

/**
 * A client over the `HttpClient` in the context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<ChatClient, never, HttpClient.HttpClient> =>
  Layer.effect(ChatClient, make(options))

/**
 * A client on Node, over connections of its own: connect timeout and proxy as in `TransportOptions`. Its connections
 * are cut when the layer is released.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUndici = (options: Options & TransportOptions): Layer.Layer<ChatClient> =>
  Layer.provide(layer(options), layerHttpClient(options))

/**
 * The `HttpClient` of `layerUndici` alone, to be shared by several clients.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient = (options: TransportOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.unwrap(Effect.sync(() =>
    Undici.layer({
      connectTimeout: Settings.duration("connectTimeout", options.connectTimeout ?? "5 seconds", "layerHttpClient"),
      proxy: checkedProxy(options.proxy ?? "environment")
    })
  ))

const fromHttpClient = (
  settings: Settings.Settings,
  http: HttpClient.HttpClient.With<Parameters<typeof TransportFailure.beforeResponse>[1], Scope.Scope>
): ChatClient["Service"] => {
  const ring = KeyRing.make(settings.keys, Duration.toMillis(settings.parkFor))
  const apiKey = settings.keys.flatMap(({ secret }) => secret ?? [])
  const headers = { ...settings.headers, accept: "application/json" }
  const question = HttpClientRequest.post(`${settings.base}/chat/completions`, { headers, urlParams: settings.query })

  /**
   * All requests leave here, and the heads of all responses arrive here. A failed status is an error, read as far as it
   * explains itself.
   */
  const send = (
    call: Call,
    { secret }: KeyRing.Key
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, ChatError.ChatError, Scope.Scope> => {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    const request = secret === undefined ? call.request : HttpClientRequest.bearerToken(call.request, secret)
    return http.execute(request).pipe(
      Effect.mapError((error) => TransportFailure.beforeResponse(target, error)),
      Effect.flatMap((response) =>
        Effect.flatMap(CurrentHeadersListener, (heard) => {
          const judged = response.status >= 200 && response.status <= 299
            ? Effect.succeed(response)
            : refused(call, response)
          return heard === undefined ? judged : Effect.andThen(heard(response.headers), judged)
        })
      )
    )
  }

  // The status says what happened even if its explanation broke off.
  const refused = (call: Call, response: HttpClientResponse.HttpClientResponse) =>
    Effect.flatMap(
      Effect.orElseSucceed(readBody(response, errorLimit), () => ({ text: "" })),
      ({ text }) =>
        Effect.flatMap(head(call, response), (head) => Effect.fail(ChatError.fromResponse({ ...head, body: text })))
    )

  /** Sends the request with the first key that the provider takes. */
  const open = (call: Call) =>
    KeyRing.ask(ring, call.model, (lease) => Effect.map(send(call, lease.key), (response) => ({ lease, response })))

  const head = ({ model, secrets }: Call, { headers, status }: HttpClientResponse.HttpClientResponse) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now) => ({ provider: settings.provider, model, status, headers, now, secrets })
    )

  const received = (
    call: Call,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<ChatError.FailedResponse, ChatError.ChatError> => {
    const target = { provider: settings.provider, model: call.model, host: settings.host }
    return readBody(response, replyLimit).pipe(
      Effect.mapError((error) => TransportFailure.inBody(target, response.status, error)),
      Effect.flatMap(({ text, whole }) =>
        whole
          ? Effect.map(head(call, response), (head) => ({ ...head, body: text }))
          : Effect.fail(
            new ChatError.MalformedReply({
              provider: settings.provider,
              model: call.model,
              status: response.status,
              found: `more than ${replyLimit / 2 ** 20} MiB`,
              isRetryable: false
            })
          )
      )
    )
  }

  const exchange = (call: Call): Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError, Scope.Scope> =>
    Effect.flatMap(open(call), ({ lease, response }) =>
      Effect.flatMap(received(call, response), (reply) => {
        const decoded = decodeReply(reply)
        return Result.isSuccess(decoded)
          ? Effect.succeed(decoded.success)
          : Effect.andThen(KeyRing.note(ring, lease, decoded.failure), Effect.fail(decoded.failure))
      }))

  const inTime = <A, E>(call: Call, work: Effect.Effect<A, E, Scope.Scope>) =>
    work.pipe(
      untilAnswered,
      Deadline.timeoutOrElse({
        duration: settings.timeout,
        orElse: () => Effect.fail(timedOut(call.model, "total", settings.timeout))
      })
    )

  const timedOut = (model: string, phase: ChatError.Phase, limit: Duration.Duration) =>
    withoutStack(() => new ChatError.TimedOut({ provider: settings.provider, model, phase, limit }))

  const complete = (request: ChatSchema.ChatRequest) =>
    Effect.flatMap(callOf(request, EncodeRequest.whole), (call) => inTime(call, exchange(call)))

  const stream = (request: ChatSchema.ChatRequest) =>
    Stream.unwrap(Effect.gen(function*() {
      const asked = yield* callOf(request, EncodeRequest.streamed(request))
      // What goes wrong before the stream is told in JSON.
      const accept = "text/event-stream, application/json"
      const call = { ...asked, request: HttpClientRequest.setHeader(asked.request, "accept", accept) }
      const timeouts = yield* StreamTimeouts.make(
        settings.streamTimeouts,
        (phase, limit) => timedOut(call.model, phase, limit)
      )
      const { lease, response } = yield* timeouts.within(open(call))
      return Stream.tapError(
        readStream(response, yield* head(call, response), timeouts),
        (error) => KeyRing.note(ring, lease, error)
      )
    }))

  const balance = Effect.fnUntraced(function*(
    call: Call,
    endpoint: AccountEndpoints.Endpoint
  ): Effect.fn.Return<Account.Account, ChatError.ChatError, Scope.Scope> {
    const key = ring.nearest(yield* KeyRing.now)
    const answer = yield* received(call, yield* send(call, key))
    const said = yield* Effect.fromResult(AccountEndpoints.decode(endpoint, answer))
    return { provider: settings.provider, key: key.secret === undefined ? undefined : key.name, ...said }
  })

  const account = Effect.suspend(() => {
    const { account: endpoint, host, provider } = settings
    const notOffered = Effect.fail(new Account.AccountNotOffered({ provider, host }))
    if (endpoint === undefined) return notOffered
    const request = HttpClientRequest.get(endpoint.url(settings.base), { headers, urlParams: settings.query })
    const call = { model: "the account balance", request, secrets: { apiKey, prompt: [] } }
    return Effect.catchTag(inTime(call, balance(call, endpoint)), "ModelNotFound", () => notOffered)
  })

  const callOf = (
    request: ChatSchema.ChatRequest,
    delivery: EncodeRequest.Delivery
  ): Effect.Effect<Call, ChatError.ChatError> =>
    Effect.suspend(() => {
      const encoded = EncodeRequest.encode(request, delivery)
      let prompt: ReadonlyArray<string> | undefined
      return Result.isSuccess(encoded)
        ? Effect.succeed({
          model: request.model,
          request: HttpClientRequest.setBody(question, HttpBody.text(encoded.success, "application/json")),
          // Read only where an error is told.
          secrets: {
            apiKey,
            get prompt() {
              return prompt ??= EncodeRequest.promptOf(request)
            }
          }
        })
        : Effect.fail(
          new ChatError.InvalidRequest({
            provider: settings.provider,
            model: String(request?.model ?? "(no model)").slice(0, 100),
            detail: encoded.failure
          })
        )
    })

  return ChatClient.of({
    provider: settings.provider,
    complete,
    stream,
    keys: Effect.map(KeyRing.now, ring.read),
    account
  })
}

/**
 * A scope that is closed unless there is an answer: all it holds is the abort of a request, which costs more than
 * making one, and of one that was answered to its end nothing is left to abort.
 */
const untilAnswered = <A, E>(work: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    return Effect.onExitPrimitive(
      Effect.provideService(work, Scope.Scope, scope),
      (exit) => exit._tag === "Success" ? undefined : Scope.close(scope, exit)
    )
  })

/** A request that has no key yet. */
interface Call {
  readonly model: string
  readonly request: HttpClientRequest.HttpClientRequest
  readonly secrets: Secrets
}

/** A reply is bounded so that an endpoint which is no API cannot fill the memory; an explanation needs little. */
const replyLimit = 32 * 2 ** 20
const errorLimit = 64 * 2 ** 10
