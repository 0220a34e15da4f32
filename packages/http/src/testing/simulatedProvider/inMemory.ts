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
import type { Call, Handle, Wire } from "./wire.ts"

export const httpClient = (handle: Handle): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    handle(
      {
        method: request.method,
        path: url.pathname,
        authorization: request.headers["authorization"],
        body: bodyOf(request)
      },
      (wire, call) => {
        if (wire._tag === "Answer") {
          const bytes = atOnce(wire)
          if (bytes !== undefined) return Effect.succeed(inOnePiece(wire, bytes, request))
          const response = HttpServerResponse.stream(body(wire, call), { status: wire.status, headers: wire.headers })
          // The call goes on until its body has been read, or until its reader has left.
          call.handOver()
          signal.addEventListener("abort", () => call.end("aborted"), { once: true })
          return Effect.succeed(HttpServerResponse.toClientResponse(response, { request }))
        }
        call.end("cut")
        return Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, cause: closed() })
          })
        )
      }
    )
  )

/** The body of an answer that has no pause in it: it has been sent, whether or not anybody reads it. */
const atOnce = ({ end, pieces }: Extract<Wire, { _tag: "Answer" }>): Uint8Array | undefined =>
  end === "complete" && Array.isArray(pieces) && pieces.length === 1 && pieces[0].pause === 0
    ? pieces[0].bytes
    : undefined

const inOnePiece = (
  { headers, status }: Extract<Wire, { _tag: "Answer" }>,
  bytes: Uint8Array,
  request: HttpClientRequest.HttpClientRequest
): HttpClientResponse.HttpClientResponse =>
  HttpServerResponse.toClientResponse(HttpServerResponse.uint8Array(bytes, { status, headers }), { request })

const body = (wire: Extract<Wire, { _tag: "Answer" }>, call: Call): Stream.Stream<Uint8Array, Error> => {
  let sent = false
  const pieces = Stream.fromIterable(wire.pieces, { chunkSize: 1 }).pipe(
    Stream.mapEffect(({ bytes, pause }) => pause > 0 ? Effect.as(Effect.sleep(pause), bytes) : Effect.succeed(bytes))
  )
  const end = Stream.suspend(() => {
    sent = wire.end !== "silent"
    return wire.end === "cut" ? Stream.fail(closed()) : wire.end === "silent" ? Stream.never : Stream.empty
  })
  return Stream.onExit(
    Stream.concat(pieces, end),
    // A reader that stops before the end has aborted the call, even if it has all it wanted.
    () => Effect.sync(() => call.end(!sent ? "aborted" : wire.end === "cut" ? "cut" : "answered"))
  )
}

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? decoder.decode(body.body) : ""

const decoder = new TextDecoder()

const closed = (): Error => Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" })
