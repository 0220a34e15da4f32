/**
 * The way to the collector. One that hangs, is slow or asks for patience holds little: a few batches wait for it, each for a
 * bounded time, and what comes after that is dropped by the exporter for a minute.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as Layer from "effect/Layer"
import * as NodeTransport from "../../NodeTransport.ts"

/** Batches on their way at once. */
const most = 4

/** For the whole of an answer. */
const patience = "10 seconds"

export const layer = (endpoint: string): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) => {
      const health = new Health(endpoint)
      let onTheirWay = 0
      return HttpClient.transform(client, (sending, request) =>
        Effect.suspend(() => {
          // No transport error, so that the exporter does not try again.
          if (onTheirWay >= most) return Effect.fail(errorOf(new HttpClientError.EncodeError({ request, description })))
          onTheirWay++
          return sending.pipe(
            Effect.flatMap((response) => received(response, request)),
            Effect.timeoutOrElse({
              duration: patience,
              orElse: () => Effect.fail(lost(request, `no answer in ${patience}`))
            }),
            Effect.tap(health.good),
            Effect.tapError(health.bad),
            Effect.ensuring(Effect.sync(() => onTheirWay--))
          )
        }))
    })
  ).pipe(Layer.provide(NodeTransport.layer({ connections: most })))

const description = `${most} batches wait for the collector`

/** An answer without its body. The wait that a collector asks for may be hours: the exporter has its own. */
const received = (
  response: HttpClientResponse.HttpClientResponse,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
  const { status } = response
  const read = Effect.ignore(Effect.provideService(response.arrayBuffer, HttpIncomingMessage.MaxBodySize, mostBytes))
  return Effect.flatMap(
    read,
    () =>
      HttpClient.isTransientResponse(response)
        ? Effect.fail(lost(request, `status ${status}`))
        : status >= 200 && status <= 299
        ? Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status })))
        : Effect.fail(errorOf(new HttpClientError.EncodeError({ request, description: `status ${status}` })))
  )
}

const mostBytes = ByteSize.mebibytes(1)

const lost = (request: HttpClientRequest.HttpClientRequest, description: string) =>
  errorOf(new HttpClientError.TransportError({ request, description }))

const errorOf = (reason: HttpClientError.HttpClientErrorReason) => new HttpClientError.HttpClientError({ reason })

/** Tells operators once that the collector takes nothing, and once that it does again. */
class Health {
  private readonly endpoint: string
  private isBad = false

  constructor(endpoint: string) {
    this.endpoint = endpoint
  }

  readonly good = Effect.suspend(() => {
    if (!this.isBad) return Effect.void
    this.isBad = false
    return Effect.logInfo(`The collector at ${this.endpoint} takes traces and metrics again.`)
  })

  readonly bad = ({ reason }: HttpClientError.HttpClientError) =>
    Effect.suspend(() => {
      if (this.isBad) return Effect.void
      this.isBad = true
      const why = "description" in reason && reason.description !== undefined ? reason.description : "no connection"
      return Effect.logWarning(
        `The collector at ${this.endpoint} does not take traces and metrics: ${why}. They are lost meanwhile; answers are not held up.`
      )
    })
}
