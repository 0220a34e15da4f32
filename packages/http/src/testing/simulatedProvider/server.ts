/**
 * The simulated provider behind a real HTTP server on loopback.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import { createServer, type ServerResponse } from "node:http"
import type { Call, Handle, Wire } from "./wire.ts"

export const serve = Effect.fnUntraced(function*(
  handle: Handle
): Effect.fn.Return<{ readonly url: string }, HttpServerError.ServeError, Scope.Scope> {
  // A connection that idles longer than any test cannot be closed under a request that is just being sent on it.
  const node = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 })
  const server = yield* NodeHttpServer.make(() => node, {
    host: "127.0.0.1",
    port: 0,
    disablePreemptiveShutdown: true
  })
  yield* server.serve(
    // The platform runs a handler uninterruptibly unless told otherwise, and a client that leaves must end its call.
    Effect.interruptible(Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => respond(handle, request)))
  )
  // Runs first at the end: a connection that hangs would otherwise be waited for.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      node.close()
      node.closeAllConnections()
    })
  )
  const address = node.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}/v1` }
})

const respond = Effect.fnUntraced(function*(
  handle: Handle,
  request: HttpServerRequest.HttpServerRequest
) {
  const body = yield* request.text.pipe(Effect.orElseSucceed(() => ""))
  const response = NodeHttpServerRequest.toServerResponse(request) as ServerResponse
  yield* handle(
    {
      method: request.method,
      path: request.url.replace(/\?.*$/, ""),
      authorization: request.headers["authorization"],
      body
    },
    (wire, call) => play(wire, call, response)
  )
  // Everything has been written to the socket already; the platform sees that and adds nothing.
  return HttpServerResponse.empty()
})

const play = (wire: Wire, call: Call, response: ServerResponse): Effect.Effect<void> =>
  wire._tag === "Cut" ? cut(call, response) : answer(wire, call, response)

const answer = Effect.fnUntraced(function*(
  { end, headers, pieces, status }: Extract<Wire, { _tag: "Answer" }>,
  call: Call,
  response: ServerResponse
) {
  // A body that is a list is short and known; any other is told in chunks as it comes.
  const length = Array.isArray(pieces) ? pieces.reduce((sum, { bytes }) => sum + bytes.length, 0) : undefined
  if (!call.clientLeft) {
    response.writeHead(status, {
      ...headers,
      ...(length === undefined ? {} : { "content-length": end === "cut" ? 2 * length + 1 : length })
    })
    if (length === undefined) response.flushHeaders()
  }
  for (const { bytes, pause } of pieces) {
    if (pause > 0) {
      if (!call.clientLeft) response.flushHeaders()
      yield* call.work(pause)
    }
    // What never ends needs no work that nobody sees.
    if (call.clientLeft && end === "silent") break
    if (call.clientLeft) continue
    // What is cut off must have left before, or the client would see no answer at all; and a stream must not run ahead
    // of its socket.
    if (end === "cut" || length === undefined) yield* written(response, bytes)
    else response.write(bytes)
  }
  if (end === "cut") return yield* cut(call, response)
  if (end === "silent") return yield* Effect.never
  if (!call.clientLeft) response.end()
})

const written = (response: ServerResponse, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.callback<void>((resume) => void response.write(bytes, () => resume(Effect.void)))

const cut = (call: Call, response: ServerResponse): Effect.Effect<void> =>
  Effect.sync(() => {
    call.end(call.clientLeft ? "aborted" : "cut")
    response.destroy()
  })
