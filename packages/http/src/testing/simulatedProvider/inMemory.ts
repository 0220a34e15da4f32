/**
 * The simulated provider as an `HttpClient`: no socket, every pause by the Effect clock, failures as undici shows them.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { closed, sentBody } from "./sentBody.ts"
import type { Handle, Wire } from "./wire.ts"

type Answer = Extract<Wire, { _tag: "Answer" }>

export const httpClient = (handle: Handle): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.flatMap(textOf(request), (text) =>
      handle(
        { method: request.method, path: url.pathname, authorization: request.headers["authorization"], body: text },
        (wire, call) => {
          if (wire._tag === "Answer") {
            const bytes = atOnce(wire)
            if (bytes !== undefined) return Effect.succeed(inOnePiece(wire, bytes, request))
            return Effect.withFiber((fiber) => {
              // The call goes on until its body has been sent, or until its reader has left.
              call.handOver()
              return Effect.map(sentBody(wire, call, fiber), (body) => {
                const response = HttpServerResponse.stream(body, { status: wire.status, headers: wire.headers })
                signal.addEventListener("abort", () => call.clientLeaves(), { once: true })
                return HttpServerResponse.toClientResponse(response, { request })
              })
            })
          }
          call.end("cut")
          return Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, cause: closed() })
            })
          )
        }
      ))
  )

/** The body of an answer that has no pause in it: it has been sent, whether or not anybody reads it. */
const atOnce = ({ end, pieces }: Answer): Uint8Array | undefined =>
  end === "complete" && Array.isArray(pieces) && pieces.length === 1 && pieces[0].pause === 0
    ? pieces[0].bytes
    : undefined

const inOnePiece = (
  { headers, status }: Answer,
  bytes: Uint8Array,
  request: HttpClientRequest.HttpClientRequest
): HttpClientResponse.HttpClientResponse =>
  HttpServerResponse.toClientResponse(HttpServerResponse.uint8Array(bytes, { status, headers }), { request })

const textOf = ({ body }: HttpClientRequest.HttpClientRequest): Effect.Effect<string> => {
  switch (body._tag) {
    case "Uint8Array":
      return Effect.succeed(decoder.decode(body.body))
    case "Raw":
      return Effect.succeed(textOfRaw(body.body))
    case "Stream":
      return Effect.orDie(Stream.mkString(Stream.decodeText(body.stream)))
    default:
      return Effect.succeed("")
  }
}

const textOfRaw = (body: unknown): string =>
  typeof body === "string" ? body : body instanceof Uint8Array ? decoder.decode(body) : ""

const decoder = new TextDecoder()
