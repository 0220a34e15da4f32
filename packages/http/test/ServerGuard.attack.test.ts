/** What somebody would try who wants a guarded server to fail. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Deadline, Outcome, Telemetry } from "@switchgear/core"
import { ServerGuard } from "@switchgear/http"
import { Context, Effect, Exit, Fiber, Layer, type Scope, Stream } from "effect"
import { HttpEffect, HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import * as ByteSize from "effect/ByteSize"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

type Handler<E = unknown> = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  E,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

const ok = HttpServerResponse.text("done")

/** Lets promises and tasks go on that are not Effect's. */
const settled = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 5)))

/** A router of these routes behind the guard, as a platform asks it. */
const routing = (
  guard: ServerGuard.ServerGuard,
  ...routes: ReadonlyArray<Layer.Layer<never, never, HttpRouter.HttpRouter>>
) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        HttpRouter.toWebHandler(
          Layer.mergeAll(ServerGuard.layer(Effect.succeed(guard)), ...routes),
          { disableLogger: true }
        )
      ),
      ({ dispose }) => Effect.promise(dispose)
    ),
    ({ handler }) => (path: string, init?: RequestInit) => handler(new Request(`http://api.test${path}`, init))
  )

const limits = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "api", concurrency: 1, queue: 1 })
  return [{ maxRequests: 5 }, { limit: bulkhead }] as const
})

describe("a router behind a guard", () => {
  it.live("interrupts the handler of a client that leaves, and has its slot again", () =>
    Effect.gen(function*() {
      for (const limit of yield* limits) {
        for (const headers of [{}, { "x-switchgear-timeout": "3600" }] as ReadonlyArray<Record<string, string>>) {
          let interrupted = 0
          const guard = yield* ServerGuard.make({ name: "api", ...limit })
          const ask = yield* routing(
            guard,
            HttpRouter.add("GET", "/", Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
          )
          const controller = new AbortController()
          void ask("/", { headers, signal: controller.signal })
          yield* settled
          assert.strictEqual((yield* guard.snapshot).inFlight, 1)
          controller.abort()
          yield* settled
          assert.strictEqual(interrupted, 1)
          assert.strictEqual((yield* guard.snapshot).inFlight, 0)
        }
      }
    }))

  it.live("leaves the queue of its limit with a client that leaves", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 1, queue: 5 })
      const guard = yield* ServerGuard.make({ name: "api", limit })
      const ask = yield* routing(guard, HttpRouter.add("GET", "/", Effect.never))
      const first = new AbortController()
      const second = new AbortController()
      void ask("/", { signal: first.signal })
      void ask("/", { signal: second.signal })
      yield* settled
      assert.strictEqual((yield* limit.snapshot).queued, 1)
      second.abort()
      yield* settled
      assert.strictEqual((yield* limit.snapshot).queued, 0)
      first.abort()
      yield* settled
      const { inFlight } = yield* limit.snapshot
      assert.strictEqual(inFlight, 0)
    }))

  it.live("does not let a caller interrupt a route that must not be interrupted", () =>
    Effect.gen(function*() {
      for (const limit of yield* limits) {
        let isPaid = false
        const guard = yield* ServerGuard.make({ name: "api", ...limit })
        const paying = Effect.as(Effect.andThen(Effect.sleep("30 millis"), Effect.sync(() => void (isPaid = true))), ok)
        const ask = yield* routing(guard, HttpRouter.add("POST", "/", paying, { uninterruptible: true }))
        const response = yield* Effect.promise(() =>
          ask("/", { method: "POST", headers: { "x-switchgear-timeout": "0.01" } })
        )
        assert.strictEqual(response.status, 504)
        assert.isTrue(isPaid)
        assert.strictEqual((yield* guard.snapshot).inFlight, 0)
      }
    }))
})

/** A server that is asked in the time of the test. */
const serving = Effect.fnUntraced(function*(guard: ServerGuard.ServerGuard, handler: Handler) {
  const context = Context.omit(HttpServerRequest.HttpServerRequest as never)(yield* Effect.context<never>())
  const web = HttpEffect.toWebHandlerWith<never, any>(context as Context.Context<never>)(
    guard.protect(Effect.interruptible(handler)) as Handler
  ) as (request: Request) => Promise<Response>
  return (init?: RequestInit & { readonly duplex?: "half" }) =>
    Effect.promise((signal) => web(new Request("http://api.test/", { ...init, signal })))
})

const chunks = (text: string): RequestInit & { readonly duplex: "half" } => ({
  method: "POST",
  headers: { "transfer-encoding": "chunked" },
  body: Stream.toReadableStream(Stream.encodeText(Stream.make(text))),
  duplex: "half"
})

const reading = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ text }) => Effect.map(text, (text) => HttpServerResponse.text(text))
)

describe("a handler behind a guard", () => {
  it.effect("keeps its own errors, also those of its own deadlines and bulkheads", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 3 })
      const inner = yield* Bulkhead.make({ name: "api", concurrency: 1 })
      yield* Effect.forkChild(inner.protect(Effect.never))
      yield* Effect.yieldNow
      const failing: ReadonlyArray<Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>> = [
        Effect.never.pipe(Deadline.within("1 second")),
        inner.protect(Effect.succeed(ok))
      ]
      for (const options of [{ limit }, { deadline: "1 minute" as const }]) {
        const guard = yield* ServerGuard.make({ name: "api", ...options })
        for (const handler of failing) {
          const exits: Array<Exit.Exit<unknown, unknown>> = []
          const seen = Effect.onExit(
            guard.protect(Effect.interruptible(handler)),
            (exit) => Effect.sync(() => exits.push(exit))
          )
          const context = yield* Effect.context<never>()
          const web = HttpEffect.toWebHandlerWith<never, any>(context)(seen as Handler) as (
            request: Request
          ) => Promise<Response>
          const call = web(new Request("http://api.test/"))
          yield* TestClock.adjust("1 second")
          yield* Effect.promise(() => call)
          assert.isTrue(Exit.isFailure(exits[0]!))
          assert.deepStrictEqual((yield* guard.snapshot).refused, {
            "requests": 0,
            "bytes": 0,
            "too-large": 0,
            "limit": 0,
            "deadline": 0
          })
        }
      }
    }))

  it.effect("has a body that does not tell its length, and nothing stays of it, with and without a limit of bytes", () =>
    Effect.gen(function*() {
      for (const options of [{}, { maxBytes: 100, assumedBytes: 10 }]) {
        const guard = yield* ServerGuard.make({ name: "api", ...options, keyOf: () => "acme" })
        const ask = yield* serving(guard, reading)
        for (let i = 0; i < 3; i++) assert.strictEqual((yield* ask(chunks("12345678"))).status, 200)
        const { bytes, inFlight } = yield* guard.snapshot
        assert.deepStrictEqual({ bytes, inFlight }, { bytes: 0, inFlight: 0 })
      }
    }))

  it.effect("is not read more than the server allowed, whatever the guard assumes", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({ name: "api", maxBytes: 1000, assumedBytes: 100 })
      const ask = yield* serving(guard, reading).pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(4))
      )
      assert.strictEqual((yield* ask(chunks("12345678"))).status, 413)
    }))

  it.effect("counts a body of a length that nobody told, as HTTP/2 has them, as one of no length", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({ name: "api", maxBytes: 100, assumedBytes: 4 })
      const ask = yield* serving(guard, reading)
      for (
        const headers of [{}, { "content-length": "-1" }, { "content-length": "1e3" }] as ReadonlyArray<
          Record<string, string>
        >
      ) {
        assert.strictEqual((yield* ask({ ...chunks("12345678"), headers })).status, 413)
      }
    }))

  it.effect("tells the limit when its time was over, or when it could not do it: an adaptive limit learns from that", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "api", concurrency: 3 })
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const limit: Bulkhead.Bulkhead = {
        ...bulkhead,
        protect: (self) => bulkhead.protect(Effect.onExit(self, (exit) => Effect.sync(() => exits.push(exit))))
      }
      const guard = yield* ServerGuard.make({ name: "api", limit, deadline: "1 second" })
      const late = yield* serving(guard, Effect.never)
      const call = yield* Effect.forkChild(late())
      yield* TestClock.adjust("1 second")
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual(call.pollUnsafe()?._tag, "Success")
      const overloaded = yield* serving(guard, Effect.succeed(HttpServerResponse.empty({ status: 503 })))
      yield* overloaded()
      yield* settled
      const errors = exits.map((exit) => exit._tag === "Failure" ? exit.cause.reasons[0] : undefined)
      assert.strictEqual((errors[0] as any)?.error?._tag, "DeadlineExceeded")
      assert.isFalse(Outcome.isRejection((errors[0] as any).error))
      assert.strictEqual((errors[1] as any)?.error?.status, 503)
    }))
})

describe("an interrupt", () => {
  it.effect("leaves nothing behind wherever it strikes: around a router, of a route, in the queue, with and without a deadline", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 1, queue: 1 })
      const handlers: ReadonlyArray<Handler> = [
        Effect.andThen(Effect.yieldNow, Effect.succeed(ok)),
        Effect.andThen(Effect.yieldNow, Effect.die("bug")),
        Effect.never
      ]
      const places: ReadonlyArray<(self: Handler) => Handler> = [
        (self) => self,
        (self) => Effect.uninterruptible(self)
      ]
      for (
        const options of [{}, { limit }, { deadline: "1 minute" as const }, { limit, deadline: "1 minute" as const }]
      ) {
        const guard = yield* ServerGuard.make({ name: "api", maxBytes: 100, ...options })
        for (const place of places) {
          for (const handler of handlers) {
            for (const isHeld of [false, true]) {
              const request = () =>
                HttpServerRequest.fromWeb(
                  new Request("http://api.test/", {
                    method: "POST",
                    body: "xxx",
                    headers: { "content-length": "3", "x-attempts-left": "2" }
                  })
                )
              const other = isHeld ? yield* Effect.forkChild(limit.protect(Effect.never)) : undefined
              yield* Effect.yieldNow
              const steps = yield* interruptAtEveryStep({
                program: () =>
                  Effect.scoped(place(guard.protect(Effect.interruptible(handler)))).pipe(
                    Effect.provideService(HttpServerRequest.HttpServerRequest, request())
                  ),
                check: () =>
                  Effect.gen(function*() {
                    const { bytes, inFlight } = yield* guard.snapshot
                    const { inFlight: slots, queued } = yield* limit.snapshot
                    assert.deepStrictEqual([bytes, inFlight, slots, queued], [0, 0, isHeld ? 1 : 0, 0])
                  })
              })
              assert.isAbove(steps, 0)
              if (other !== undefined) yield* Fiber.interrupt(other)
            }
          }
        }
      }
    }))
})

describe("telemetry", () => {
  it.effect("has what a guarded server took, refused and timed out", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({ name: "api", maxBytes: 10, assumedBytes: 5, deadline: "1 second" })
      const ask = yield* serving(guard, Effect.never)
      const call = yield* Effect.forkChild(ask())
      yield* Effect.yieldNow
      const sent = (length: string) => ask({ method: "POST", headers: { "content-length": length } })
      assert.strictEqual((yield* sent("11")).status, 413)
      assert.strictEqual((yield* ask({ headers: { "grpc-timeout": "0m" } })).status, 504)
      const lines = Effect.map(
        PrometheusMetrics.format(),
        (text) => text.split("\n").filter((line) => line.startsWith("switchgear_server_"))
      )
      assert.include(yield* lines, `switchgear_server_in_flight{name="api"} 1`)
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.strictEqual((yield* Fiber.join(call)).status, 504)
      const told = yield* lines
      for (
        const line of [
          `switchgear_server_in_flight{name="api"} 0`,
          `switchgear_server_request_bytes{name="api"} 0`,
          `switchgear_server_taken_total{name="api"} 1`,
          `switchgear_server_timed_out_total{name="api"} 1`,
          `switchgear_server_refused_total{name="api",reason="too_large"} 1`,
          `switchgear_server_refused_total{name="api",reason="deadline"} 1`
        ]
      ) assert.include(told, line)
    }).pipe(Effect.provide(Telemetry.layer())))
})
