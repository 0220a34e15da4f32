/** The guard of an Effect HTTP server. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Bulkhead, Deadline } from "@switchgear/core"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Context, Duration, Effect, Exit, Fiber, Schema, Scope, Stream } from "effect"
import { HttpClient, HttpClientResponse, HttpEffect, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

type Handler = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

interface Asked {
  readonly headers?: Record<string, string>
  readonly body?: string | ReadableStream<Uint8Array>
}

/** Lets promises and tasks go on that are not Effect's. */
const settled = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))

/** A server that is asked as a platform asks it, in the time of the test. Its handler can be interrupted, as a route can. */
const serving = (handler: Handler, guard: ServerGuard.ServerGuard) =>
  Effect.map(Effect.context<never>(), (context) => {
    const services = Context.omit(Scope.Scope)(context as Context.Context<Scope.Scope>)
    const web = HttpEffect.toWebHandlerWith<never, HttpServerRequest.HttpServerRequest | Scope.Scope>(
      services as Context.Context<never>
    )(guard.protect(Effect.interruptible(handler)))
    return ({ body, headers = {} }: Asked = {}) =>
      Effect.promise((signal) => {
        const sent = { signal, headers, method: body === undefined ? "GET" : "POST" }
        return web(
          new Request("http://api.test/x", body === undefined ? sent : { ...sent, body, duplex: "half" } as object)
        )
      })
  })

const ok = Effect.succeed(HttpServerResponse.text("done"))

const slow = (time: Duration.Input): Handler => Effect.as(Effect.sleep(time), HttpServerResponse.text("done"))

const told = (response: Response) => Effect.promise(() => response.json() as Promise<{ error: { code: string } }>)

describe("a request to a guarded server", () => {
  it.effect("for which no time is left is a 504, and its handler is not begun", () =>
    Effect.gen(function*() {
      let begun = 0
      const guard = yield* ServerGuard.make({ name: "api" })
      const ask = yield* serving(Effect.andThen(Effect.sync(() => void begun++), ok), guard)
      for (const headers of [{ "x-switchgear-timeout": "0" }, { "grpc-timeout": "0m" }]) {
        const response = yield* ask({ headers })
        assert.strictEqual(response.status, 504)
        assert.strictEqual((yield* told(response)).error.code, "deadline_exceeded")
      }
      assert.strictEqual(begun, 0)
      assert.strictEqual((yield* guard.snapshot).refused.deadline, 2)
      assert.strictEqual((yield* ask({ headers: { "x-switchgear-timeout": "soon" } })).status, 200)
    }))

  it.effect("is interrupted at the nearest of its caller's deadline and the server's own", () =>
    Effect.gen(function*() {
      let left = 0
      const guard = yield* ServerGuard.make({ name: "api", deadline: "10 seconds" })
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void left++))
      const ask = yield* serving(hanging, guard)
      for (
        const [headers, seconds] of [[{}, 10], [{ "x-stainless-timeout": "2" }, 2], [
          { "grpc-timeout": "60S" },
          10
        ]] as const
      ) {
        const call = yield* Effect.forkChild(ask({ headers }))
        yield* settled
        yield* TestClock.adjust(Duration.millis(seconds * 1000 - 1))
        yield* settled
        assert.isUndefined(call.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(call)).status, 504)
      }
      assert.strictEqual(left, 3)
      assert.strictEqual((yield* guard.snapshot).inFlight, 0)
    }))

  it.effect("runs with the attempts, and told which of them are left", () =>
    Effect.gen(function*() {
      const handler = Effect.gen(function*() {
        const budget = yield* Attempts.CurrentAttempts
        budget?.take()
        return HttpServerResponse.text(String(yield* Attempts.left))
      })
      const asked = (options: Omit<ServerGuard.Options, "name">, headers: Record<string, string>) =>
        Effect.gen(function*() {
          const ask = yield* serving(handler, yield* ServerGuard.make({ name: "api", ...options }))
          const response = yield* ask({ headers })
          return [yield* Effect.promise(() => response.text()), response.headers.get("x-attempts-left")]
        })
      assert.deepStrictEqual(yield* asked({}, {}), ["Infinity", null])
      assert.deepStrictEqual(yield* asked({}, { "x-attempts-left": "2" }), ["1", "1"])
      assert.deepStrictEqual(yield* asked({}, { "x-attempts-left": "0" }), ["0", "0"])
      assert.deepStrictEqual(yield* asked({ attempts: 2 }, { "x-attempts-left": "9" }), ["0", "0"])
      assert.deepStrictEqual(yield* asked({ attempts: 3 }, {}), ["1", null])
      for (const nonsense of ["-1", "x", "1e3", "99999"]) {
        assert.deepStrictEqual(yield* asked({}, { "x-attempts-left": nonsense }), ["Infinity", null])
      }
    }))

  it.effect("is believed its priority and key only where it is trusted", () =>
    Effect.gen(function*() {
      const handler = Effect.gen(function*() {
        return HttpServerResponse.text(`${yield* Bulkhead.CurrentKey} ${yield* Bulkhead.CurrentPriority}`)
      })
      const text = (options: Omit<ServerGuard.Options, "name">, baggage: string) =>
        Effect.gen(function*() {
          const ask = yield* serving(handler, yield* ServerGuard.make({ name: "api", ...options }))
          const response = yield* ask({ headers: { baggage } })
          return yield* Effect.promise(() => response.text())
        })
      const baggage = "switchgear-priority=7,switchgear-key=acme%2C%20K%C3%B6ln,other=1"
      assert.strictEqual(yield* text({}, baggage), "undefined 0")
      assert.strictEqual(yield* text({ trust: () => true }, baggage), "acme, Köln 7")
      assert.strictEqual(yield* text({ trust: () => true, keyOf: () => "own" }, baggage), "own 7")
      for (const nonsense of ["switchgear-key=%E0%A4%A", "=;=,,", "switchgear-priority=1e9", "x".repeat(9000)]) {
        assert.strictEqual(yield* text({ trust: () => true }, nonsense), "undefined 0")
      }
    }))

  it.effect("is shed beyond maxRequests, but for keys that have less than their share", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({
        name: "api",
        maxRequests: 2,
        keyOf: ({ headers }) => headers["x-tenant"] ?? ""
      })
      const ask = yield* serving(slow("1 second"), guard)
      const calls: Array<Fiber.Fiber<Response, never>> = []
      for (const tenant of ["flood", "flood", "flood", "small"]) {
        calls.push(yield* Effect.forkChild(ask({ headers: { "x-tenant": tenant } })))
        yield* settled
      }
      yield* TestClock.adjust("1 second")
      const responses = yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(responses.map(({ status }) => status), [200, 200, 503, 200])
      assert.strictEqual(responses[2]!.headers.get("retry-after"), "1")
      assert.strictEqual((yield* told(responses[2]!)).error.code, "overloaded")
      yield* Effect.forEach(responses.filter(({ bodyUsed }) => !bodyUsed), (response) =>
        Effect.promise(() => response.text()))
      yield* settled
      const { inFlight, refused, taken } = yield* guard.snapshot
      assert.deepStrictEqual([inFlight, taken, refused.requests], [0, 3, 1])
    }))

  it.effect("is refused by its length before the body is read", () =>
    Effect.gen(function*() {
      const guard = yield* ServerGuard.make({ name: "api", maxBytes: 1000, assumedBytes: 100 })
      const reading = Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        return HttpServerResponse.text(String((yield* request.text).length))
      }).pipe(Effect.catch(() => Effect.succeed(HttpServerResponse.empty({ status: 413 }))))
      const ask = yield* serving(reading, guard)
      const statusOf = (body: string | ReadableStream<Uint8Array>, headers: Record<string, string>) =>
        Effect.map(ask({ body, headers }), ({ status }) => status)
      assert.strictEqual(yield* statusOf("x".repeat(1000), { "content-length": "1000" }), 200)
      assert.strictEqual(yield* statusOf("x", { "content-length": "1001" }), 413)
      assert.strictEqual((yield* guard.snapshot).refused["too-large"], 1)
      // A body that does not tell its length may be as long as it was taken for.
      const chunked = { "transfer-encoding": "chunked" }
      const stream = (length: number) => new Blob(["x".repeat(length)]).stream()
      assert.strictEqual(yield* statusOf(stream(100), chunked), 200)
      assert.strictEqual(yield* statusOf(stream(101), chunked), 413)
    }))

  it.effect("holds its slot and its room until the response has been sent, also of a stream", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 1 })
      const guard = yield* ServerGuard.make({ name: "api", limit })
      const streaming = Effect.succeed(
        HttpServerResponse.stream(Stream.concat(Stream.make(new Uint8Array([1])), Stream.never))
      )
      const ask = yield* serving(streaming, guard)
      const first = yield* ask()
      const reader = first.body!.getReader()
      yield* Effect.promise(() => reader.read())
      const second = yield* ask()
      assert.strictEqual(second.status, 503)
      assert.strictEqual((yield* told(second)).error.code, "bulkhead_full")
      assert.deepStrictEqual([(yield* limit.snapshot).inFlight, (yield* guard.snapshot).inFlight], [1, 1])
      yield* Effect.promise(() => reader.cancel())
      yield* settled
      assert.deepStrictEqual([(yield* limit.snapshot).inFlight, (yield* guard.snapshot).inFlight], [0, 0])
      assert.strictEqual((yield* guard.snapshot).refused.limit, 1)
    }))

  const End = Schema.Literals(["answers", "fails", "dies", "hangs"])
  const Leaves = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3000 }))

  it.effect.prop(
    "gives back all that it holds, however its handler ends and whenever its caller leaves",
    { calls: Schema.Array(Schema.Struct({ end: End, leaves: Leaves })).check(Schema.isMaxLength(12)) },
    ({ calls }) =>
      Effect.gen(function*() {
        const limit = yield* Bulkhead.make({ name: "api", concurrency: 2, queue: 2, maxWait: "1 second" })
        const guard = yield* ServerGuard.make({
          name: "api",
          limit,
          maxRequests: 6,
          maxBytes: 100,
          deadline: "2 seconds"
        })
        const handlers = {
          answers: ok,
          fails: Effect.fail("no"),
          dies: Effect.die("no"),
          hangs: Effect.never
        }
        const fibers = calls.map(({ end, leaves }, i) => {
          const handler = Effect.andThen(Effect.sleep(100 * i), handlers[end])
          const request = HttpServerRequest.fromWeb(
            new Request("http://api.test/", {
              method: "POST",
              body: "x".repeat(i),
              headers: { "content-length": String(i) }
            })
          )
          return Effect.scoped(guard.protect(handler)).pipe(
            Effect.provideService(HttpServerRequest.HttpServerRequest, request),
            Effect.timeout(leaves),
            Effect.exit
          )
        })
        const all = yield* Effect.forkChild(Effect.all(fibers, { concurrency: "unbounded" }))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(all)
        const { bytes, inFlight } = yield* guard.snapshot
        const { inFlight: slots, queued } = yield* limit.snapshot
        assert.deepStrictEqual([bytes, inFlight, slots, queued], [0, 0, 0, 0])
      })
  )

  it.effect("leaves nothing behind, wherever an interrupt strikes", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 2 })
      const guard = yield* ServerGuard.make({ name: "api", limit, maxBytes: 100, deadline: "1 minute" })
      const request = () =>
        HttpServerRequest.fromWeb(
          new Request("http://api.test/", {
            method: "POST",
            body: "xxx",
            headers: { "content-length": "3", "x-attempts-left": "2" }
          })
        )
      const handlers = {
        answers: Effect.andThen(Effect.yieldNow, ok),
        fails: Effect.andThen(Effect.yieldNow, Effect.fail("no"))
      }
      for (const handler of Object.values<Effect.Effect<HttpServerResponse.HttpServerResponse, string>>(handlers)) {
        const steps = yield* interruptAtEveryStep({
          program: () =>
            Effect.scoped(guard.protect(handler)).pipe(
              Effect.provideService(HttpServerRequest.HttpServerRequest, request())
            ),
          check: () =>
            Effect.gen(function*() {
              const { bytes, inFlight } = yield* guard.snapshot
              assert.deepStrictEqual([bytes, inFlight, (yield* limit.snapshot).inFlight], [0, 0, 0])
            })
        })
        assert.isAbove(steps, 10)
      }
    }))

  it.effect("that fails in its handler fails as without a guard", () =>
    Effect.gen(function*() {
      const limit = yield* Bulkhead.make({ name: "api", concurrency: 2 })
      const guard = yield* ServerGuard.make({ name: "api", limit, deadline: "1 minute" })
      const inner = new Bulkhead.BulkheadFull({ bulkhead: "another", reason: "queue-full" })
      const attempt = new Deadline.DeadlineExceeded({ limit: "attempt", after: Duration.seconds(1) })
      for (const error of ["no", inner, attempt]) {
        const exit = yield* Effect.scoped(guard.protect(Effect.fail(error))).pipe(
          Effect.provideService(
            HttpServerRequest.HttpServerRequest,
            HttpServerRequest.fromWeb(new Request("http://api.test/"))
          ),
          Effect.exit
        )
        assert.deepStrictEqual(exit, Exit.fail(error))
      }
    }))
})

describe("three services in a row, each with three attempts", () => {
  /** How often the last one is called when it fails, by how many milliseconds it takes. */
  const calls = (propagate: HttpGuard.Propagated) =>
    Effect.gen(function*() {
      let asked = 0
      const options = { propagate, retry: { baseDelay: "1 millis" }, breaker: "off" } as const
      let ask = yield* serving(
        Effect.sync(() => {
          asked++
          return HttpServerResponse.empty({ status: 503 })
        }),
        yield* ServerGuard.make({ name: "last" })
      )
      for (const name of ["second", "first"]) {
        const next = ask
        const client = yield* HttpGuard.standard(clientOf(next), options)
        ask = yield* serving(
          Effect.map(
            Effect.orDie(client.get("http://next.test/")),
            ({ status }) => HttpServerResponse.empty({ status })
          ),
          yield* ServerGuard.make({ name })
        )
      }
      const client = yield* HttpGuard.standard(clientOf(ask), options)
      const call = yield* Effect.forkChild(client.get("http://first.test/"))
      while (call.pollUnsafe() === undefined) {
        yield* settled
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
      return asked
    })

  const clientOf = (ask: (asked: Asked) => Effect.Effect<Response>) =>
    HttpClient.make((request) =>
      Effect.map(ask({ headers: { ...request.headers } }), (response) => HttpClientResponse.fromWeb(request, response))
    )

  it.effect("make three calls to the last one, and 27 where the attempts do not travel", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* calls("budgets"), 3)
      assert.strictEqual(yield* calls("nothing"), 27)
    }))
})

describe("options of ServerGuard.make", () => {
  it.effect("that are wrong are refused by name", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [string, object]> = [
        ["name", { name: "" }],
        ["maxRequests", { maxRequests: 0 }],
        ["maxBytes", { maxBytes: 1.5 }],
        ["assumedBytes", { maxBytes: 10, assumedBytes: 11 }],
        ["limit", { limit: 50 }],
        ["deadline", { deadline: "30" }],
        ["attempts", { attempts: 0 }],
        ["trust", { trust: true }],
        ["keyOf", { keyOf: "tenant" }]
      ]
      for (const [field, options] of wrong) {
        const exit = yield* Effect.exit(ServerGuard.make({ name: "api", ...options } as never))
        assert.include(String(exit), field)
      }
    }))
})
