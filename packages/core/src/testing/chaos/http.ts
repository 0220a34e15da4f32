/** Chaos for an HTTP client: responses that no server sent, and broken connections as undici reports them. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import { OptionsOf } from "../../internal/config/checks.ts"
import { type Fault, fault, type Outcome, outcome } from "./injection.ts"
import { type Injector, none } from "./injector.ts"
import type { Request } from "./rules.ts"

/**
 * A response that no server has sent.
 *
 * @since 0.1.0
 * @category models
 */
export class Reply extends Data.TaggedClass("Reply")<{
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}> {}

/**
 * A connection that breaks before the head of a response.
 *
 * @since 0.1.0
 * @category models
 */
export class BrokenConnection extends Data.TaggedClass("BrokenConnection")<{ readonly code: string }> {}

/**
 * Answers a request with any response. A string body is sent as it is, any other value as JSON. Set `retry-after` among
 * the headers. Throws a `RangeError` on an invalid status, and on a body that cannot be written as JSON.
 *
 * @since 0.1.0
 * @category constructors
 */
export const respond = (
  status: number,
  body: unknown = "",
  headers: Readonly<Record<string, string>> = {}
): Outcome<Reply> => {
  const check = new OptionsOf("Chaos.respond")
  check.integer("status", status, 200, 599)
  if (typeof body !== "string" && !isJson(body)) check.refuse("body", "a text or a value of JSON", String(body))
  return outcome(new Reply({ status, body, headers }))
}

const isJson = (value: unknown): boolean => {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}

/**
 * Breaks the connection with a code of Node or undici: `ECONNREFUSED`, `ECONNRESET`, `ENOTFOUND`, `UND_ERR_SOCKET`,
 * `UND_ERR_CONNECT_TIMEOUT`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const disconnect = (code: string = "ECONNRESET"): Fault<BrokenConnection> =>
  fault(new BrokenConnection({ code }))

/**
 * An injector for an HTTP client.
 *
 * @since 0.1.0
 * @category models
 */
export type HttpInjector = Injector<
  Reply | HttpClientResponse.HttpClientResponse,
  BrokenConnection | HttpClientError.HttpClientError
>

/**
 * Wraps an HTTP client. Rules see the request without its secrets, delays come before it is sent, and what
 * {@link respond} and {@link disconnect} inject looks as if it came from the network.
 *
 * @since 0.1.0
 * @category combinators
 */
export const httpClient =
  (chaos: HttpInjector) =>
  <E, R>(client: HttpClient.HttpClient.With<E | HttpClientError.HttpClientError, R>): typeof client =>
    chaos === none ?
      client :
      HttpClient.transform(client, (effect, request) =>
        Effect.withFiber((fiber) =>
          Effect.mapBoth(
            chaos.injectAs({ request: seen(request, fiber.getRef(Headers.CurrentRedactedNames)) })(effect),
            {
              onSuccess: (answer) => answer instanceof Reply ? received(answer, request) : answer,
              onFailure: (error) => error instanceof BrokenConnection ? broken(error, request) : error
            }
          )
        ))

/**
 * Wraps the provided HTTP client with chaos. The chaos is made with the layer; pass an existing one as
 * `Effect.succeed(chaos)`.
 *
 * ```ts
 * import { Chaos } from "@switchgear/core/testing"
 * import { Effect, Layer } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const healthy = Layer.succeed(
 *   HttpClient.HttpClient,
 *   HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("Good day"))))
 * )
 * const chaos = Chaos.layerHttpClient(
 *   Chaos.make({
 *     rules: [{ inject: Chaos.respond(503, "", { "retry-after": "7" }), when: ({ index }) => index === 0 }]
 *   })
 * )
 *
 * const status = Effect.map(HttpClient.get("https://api.test/v1/models"), ({ status }) => status)
 * const program = Effect.all([status, status]).pipe(Effect.provide(Layer.provide(chaos, healthy)))
 *
 * await Effect.runPromise(program) // => [503, 200]
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient = <E, R>(
  chaos: Effect.Effect<HttpInjector, E, R>
): Layer.Layer<HttpClient.HttpClient, E, HttpClient.HttpClient | R> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function*() {
      return httpClient(yield* chaos)(yield* HttpClient.HttpClient)
    })
  )

// Headers are copied only when a rule reads them, because most rules do not.
const seen = (request: HttpClientRequest.HttpClientRequest, secret: ReadonlyArray<string | RegExp>): Request => ({
  method: request.method,
  url: UrlParams.redactUrl(request.url),
  get headers() {
    return Headers.redact(request.headers, secret)
  }
})

const received = (
  { body, headers, status }: Reply,
  request: HttpClientRequest.HttpClientRequest
): HttpClientResponse.HttpClientResponse =>
  HttpServerResponse.toClientResponse(
    typeof body === "string"
      ? HttpServerResponse.text(body, { status, headers })
      : HttpServerResponse.jsonUnsafe(body, { status, headers }),
    { request }
  )

const broken = (
  { code }: BrokenConnection,
  request: HttpClientRequest.HttpClientRequest
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request,
      cause: Object.assign(new Error(`Chaos broke the connection: ${code}`), { code })
    })
  })
