/** Chaos around an HTTP client: responses that no server sent, and connections that fail as those of undici do. */
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

/** A response that no server has sent. */
export class Reply extends Data.TaggedClass("Reply")<{
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}> {}

/** A connection that breaks before the head of a response. */
export class BrokenConnection extends Data.TaggedClass("BrokenConnection")<{ readonly code: string }> {}

/**
 * Answers a request with any response: a text body goes out as it is, any other value as JSON. A `retry-after` is one of
 * the headers. Throws a `RangeError` on a status that is none, and on a body that cannot be written as JSON.
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
 * Breaks the connection, with the code by which Node or undici tell how: `ECONNREFUSED`, `ECONNRESET`, `ENOTFOUND`,
 * `UND_ERR_SOCKET`, `UND_ERR_CONNECT_TIMEOUT`.
 */
export const disconnect = (code: string = "ECONNRESET"): Fault<BrokenConnection> =>
  fault(new BrokenConnection({ code }))

/** An injector that knows how to answer a request, and how not to. */
export type HttpInjector = Injector<
  Reply | HttpClientResponse.HttpClientResponse,
  BrokenConnection | HttpClientError.HttpClientError
>

/**
 * Stands around a client: rules see what is going to be sent, without what is secret in it, waits pass before it is
 * sent, and what {@link respond} and {@link disconnect} inject looks as if it came from the network.
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
 * The client that is there, with chaos around it. The chaos is made with the layer; give one that was made before as
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

// Most rules do not look at the headers, so that they are not copied before one does.
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
