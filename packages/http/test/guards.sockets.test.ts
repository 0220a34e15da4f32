/** Guarded clients and servers on real connections. */
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead } from "@switchgear/core"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import {
  FetchHttpClient,
  HttpBody,
  HttpClient,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { createServer } from "node:http"
import { connect } from "node:net"

type Routes = Layer.Layer<never, never, HttpRouter.HttpRouter>

/** A server on loopback; ends with the scope. */
const listening = Effect.fnUntraced(function*(routes: Routes, guard?: ServerGuard.ServerGuard) {
  const nodeServer = createServer()
  const app = guard === undefined ? routes : Layer.mergeAll(routes, ServerGuard.layer(Effect.succeed(guard)))
  const scope = yield* Effect.acquireRelease(
    Scope.make(),
    (scope) => Effect.andThen(Effect.sync(() => nodeServer.closeAllConnections()), Scope.close(scope, Exit.void))
  )
  const context = yield* Layer.buildWithScope(
    HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(
        NodeHttpServer.layer(() => nodeServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 1 })
      )
    ),
    scope
  )
  const { address } = yield* Effect.provideContext(HttpServer.HttpServer.use(Effect.succeed), context)
  const port = (address as { readonly port: number }).port
  return { port, url: `http://127.0.0.1:${port}/` }
})

/** Ends when it holds; the time-out of the test is the bound. */
const eventually = (holds: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(holds, (is) => is ? Effect.void : Effect.andThen(Effect.sleep("2 millis"), eventually(holds)))

const clients = [["fetch", FetchHttpClient.layer], ["undici", NodeHttpClient.layerUndici], [
  "node:http",
  NodeHttpClient.layerNodeHttp
]] as const

const isIdle = (guard: ServerGuard.ServerGuard) =>
  Effect.map(guard.snapshot, ({ bytes, inFlight }) => bytes === 0 && inFlight === 0)

const pieces = Stream.forever(Stream.fromEffect(Effect.as(Effect.sleep("1 millis"), "piece ".repeat(100)))).pipe(
  Stream.encodeText
)

const reading = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ text }) => Effect.map(Effect.orDie(text), (text) => HttpServerResponse.text(String(text.length)))
)

for (const [name, layer] of clients) {
  describe(`with the client of ${name}`, () => {
    it.live("a failed response that nobody gets ends at its server, and the body of the last one can be read", () =>
      Effect.gen(function*() {
        let calls = 0
        const guard = yield* ServerGuard.make({ name: "api", maxRequests: 10 })
        const { url } = yield* listening(
          HttpRouter.add(
            "GET",
            "/",
            Effect.sync(() => {
              calls++
              return calls < 3 ? HttpServerResponse.stream(pieces, { status: 503 }) : HttpServerResponse.text("ok")
            })
          ),
          guard
        )
        const client = yield* HttpGuard.standard(yield* HttpClient.HttpClient, { retry: { baseDelay: "1 millis" } })
        const response = yield* client.get(url)
        assert.strictEqual(yield* response.text, "ok")
        yield* eventually(isIdle(guard))
        assert.strictEqual(calls, 3)
      }).pipe(Effect.provide(layer)))

    it.live("a body that is read in part, and one whose reader is interrupted, end at the server", () =>
      Effect.gen(function*() {
        const limit = yield* Bulkhead.make({ name: "api", concurrency: 1 })
        const guard = yield* ServerGuard.make({ name: "api", limit })
        const { url } = yield* listening(
          HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.stream(pieces))),
          guard
        )
        const client = yield* HttpGuard.standard(yield* HttpClient.HttpClient, { retry: "off" })
        const some = yield* client.get(url)
        assert.strictEqual(some.status, 200)
        yield* Stream.runDrain(Stream.take(some.stream, 1))
        yield* eventually(Effect.map(limit.snapshot, ({ inFlight }) => inFlight === 0))
        const again = yield* client.get(url)
        assert.strictEqual(again.status, 200)
        const reader = yield* Effect.forkChild(again.text)
        yield* Effect.sleep("10 millis")
        yield* Fiber.interrupt(reader)
        yield* eventually(isIdle(guard))
      }).pipe(Effect.provide(layer)))

    it.live("a large body that is refused is answered before it is read, and the next request passes", () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const guard = yield* ServerGuard.make({ name: "api", maxRequests: 1, maxBytes: 50_000_000 })
        const { url } = yield* listening(
          Layer.mergeAll(
            HttpRouter.add("GET", "/", Effect.as(Deferred.await(gate), HttpServerResponse.text("ok"))),
            HttpRouter.add("POST", "/", reading)
          ),
          guard
        )
        const client = yield* HttpClient.HttpClient
        const first = yield* Effect.forkChild(client.get(url))
        yield* eventually(Effect.map(guard.snapshot, ({ inFlight }) => inFlight === 1))
        const body = "x".repeat(1_000_000)
        const refused = yield* client.post(url, { body: HttpBody.text(body) })
        assert.strictEqual(refused.status, 503)
        assert.strictEqual(refused.headers["retry-after"], "1")
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.flatMap(Fiber.join(first), ({ text }) => text)
        yield* eventually(isIdle(guard))
        const taken = yield* client.post(url, { body: HttpBody.text(body) })
        assert.strictEqual(yield* taken.text, "1000000")
        yield* eventually(isIdle(guard))
      }).pipe(Effect.provide(layer)))
  })
}

describe("a client that misbehaves", () => {
  const ways = {
    "leaves amid its body": "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc",
    "leaves amid a chunk": "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    "leaves before any body": "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
  }
  for (const [how, text] of Object.entries(ways)) {
    it.live(`and ${how} leaves nothing behind, with and without a limit and a deadline`, () =>
      Effect.gen(function*() {
        const limit = yield* Bulkhead.make({ name: "api", concurrency: 2 })
        for (
          const options of [{}, { limit }, { deadline: "1 minute" as const }, { limit, deadline: "1 minute" as const }]
        ) {
          const guard = yield* ServerGuard.make({ name: "api", maxBytes: 10_000, ...options })
          const { port } = yield* listening(HttpRouter.add("POST", "/", reading), guard)
          const socket = connect(port, "127.0.0.1")
          socket.on("error", () => {})
          socket.write(text)
          yield* eventually(Effect.map(guard.snapshot, ({ taken }) => taken === 1))
          socket.destroy()
          yield* eventually(isIdle(guard))
          yield* eventually(Effect.map(limit.snapshot, ({ inFlight }) => inFlight === 0))
        }
      }))
  }

  it.live("and sends its body slowly has no more time for it than its request", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({ name: "api", deadline: "50 millis" })
      const { port } = yield* listening(HttpRouter.add("POST", "/", reading), guard)
      const socket = connect(port, "127.0.0.1")
      socket.on("error", () => {})
      // The platform ends the connection of a body that it stops reading, so that the 504 is not seen.
      yield* Effect.callback<void>((resume) => {
        socket.once("close", () => resume(Effect.void))
        socket.write(ways["leaves amid its body"])
      })
      yield* eventually(isIdle(guard))
      assert.strictEqual((yield* guard.snapshot).timedOut, 1)
    }))
})
