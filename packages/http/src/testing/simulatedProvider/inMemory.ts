/**
 * The simulated provider as an `HttpClient`: no socket, every pause by the Effect clock, failures as undici shows them.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { Call, Handle, Piece, Wire } from "./wire.ts"

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
              // The call goes on until its body has been read, or until its reader has left.
              call.handOver()
              const response = HttpServerResponse.stream(body(wire, call, fiber), {
                status: wire.status,
                headers: wire.headers
              })
              signal.addEventListener("abort", () => call.clientLeaves(), { once: true })
              return Effect.succeed(HttpServerResponse.toClientResponse(response, { request }))
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

const body = (wire: Answer, call: Call, fiber: Fiber.Fiber<any, any>): Stream.Stream<Uint8Array, Error> => {
  const pieces = wire.pieces[Symbol.iterator]()
  let sent = false
  call.whenClientLeaves(() => {
    if (sent || !call.goesOn) return call.end(!sent ? "aborted" : wire.end === "cut" ? "cut" : "answered")
    // What never ends keeps its slot, and needs no fiber for it.
    if (wire.end !== "silent") Effect.runForkWith(fiber.context)(workOff(pieces, call))
  })
  const end = Stream.suspend(() => {
    sent = wire.end !== "silent"
    return wire.end === "cut" ? Stream.fail(closed()) : wire.end === "silent" ? Stream.never : Stream.empty
  })
  return Stream.fromIterable(resumable(pieces), { chunkSize: 1 }).pipe(
    Stream.mapEffect(({ bytes, pause }) => pause > 0 ? Effect.as(call.work(pause), bytes) : Effect.succeed(bytes)),
    Stream.concat(end),
    // A reader that stops before the end has aborted the call, even if it has all it wanted.
    Stream.onExit(() => Effect.sync(() => call.clientLeaves()))
  )
}

/** The rest of the work for a client who has left. */
const workOff = Effect.fnUntraced(function*(pieces: Iterator<Piece>, call: Call) {
  yield* call.work(call.unfinished())
  for (const { pause } of resumable(pieces)) yield* call.work(pause)
  call.end("aborted")
})

/** An iteration that can be left and continued. */
const resumable = (pieces: Iterator<Piece>): Iterable<Piece> => ({
  [Symbol.iterator]: () => ({ next: () => pieces.next() })
})

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

const closed = (): Error => Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" })
