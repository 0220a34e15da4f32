/** Guards of any HTTP client. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Bulkhead, Deadline, Pipeline, RateLimiter, Registry } from "@switchgear/core"
import { HttpGuard } from "@switchgear/http"
import { Duration, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | ReadableStream | null
  readonly after?: Duration.Input
  readonly refused?: true
}

/** A server that gives these replies in order, and the last one for ever. */
const server = (...replies: ReadonlyArray<Reply>) => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) =>
    Effect.gen(function*() {
      const reply = replies[Math.min(requests.length, replies.length - 1)]!
      requests.push(request)
      if (reply.after !== undefined) yield* Effect.sleep(reply.after)
      if (reply.refused) {
        return yield* new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
      }
      const { body = "ok", headers = {}, status = 200 } = reply
      return HttpClientResponse.fromWeb(request, new Response(body, { status, headers }))
    })
  )
  return { client, requests }
}

const quick = { retry: { baseDelay: "10 millis", jitter: "none" } } as const

const url = "http://rates.test/eur"

describe("a request through HttpGuard.standard", () => {
  it.effect("is sent again after 408, 429, 5xx, a refused connection and a time-out, and only then", () =>
    Effect.gen(function*() {
      const failing: ReadonlyArray<Reply> = [
        { status: 408 },
        { status: 429 },
        { status: 500 },
        { status: 503 },
        { status: 599 },
        { refused: true },
        { after: "1 minute" }
      ]
      for (const reply of failing) {
        const { client, requests } = server(reply, {})
        const guarded = yield* HttpGuard.standard(client, quick)
        const call = yield* Effect.forkChild(guarded.get(url))
        yield* TestClock.adjust("12 seconds")
        assert.strictEqual((yield* Fiber.join(call)).status, 200)
        assert.strictEqual(requests.length, 2)
      }
      for (const status of [200, 204, 301, 400, 401, 404, 409]) {
        const { client, requests } = server({ status, body: null })
        const guarded = yield* HttpGuard.standard(client, quick)
        assert.strictEqual((yield* guarded.get(url)).status, status)
        assert.strictEqual(requests.length, 1)
      }
    }))

  it.effect("that must not be sent twice is sent once, and its response is given", () =>
    Effect.gen(function*() {
      const once = [
        HttpClientRequest.post(url),
        HttpClientRequest.patch(url),
        HttpClientRequest.put(url, { body: HttpBody.stream(Stream.make(new Uint8Array(1))) }),
        HttpClientRequest.post(url, {
          headers: { "idempotency-key": "1" },
          body: HttpBody.stream(Stream.make(new Uint8Array(1)))
        })
      ]
      for (const request of once) {
        const { client, requests } = server({ status: 503 }, {})
        const guarded = yield* HttpGuard.standard(client, quick)
        assert.strictEqual((yield* guarded.execute(request)).status, 503)
        assert.strictEqual(requests.length, 1)
      }
      const { client, requests } = server({ status: 503 }, {})
      const guarded = yield* HttpGuard.standard(client, quick)
      const call = yield* Effect.forkChild(
        guarded.execute(HttpClientRequest.post(url, { headers: { "Idempotency-Key": "1" } }))
      )
      yield* TestClock.adjust("10 millis")
      assert.strictEqual((yield* Fiber.join(call)).status, 200)
      assert.strictEqual(requests.length, 2)
    }))

  it.effect("ends with the last response, and its body can be read", () =>
    Effect.gen(function*() {
      const { client, requests } = server({ status: 503, body: "first" }, { status: 502 }, {
        status: 500,
        body: "last"
      })
      const guarded = yield* HttpGuard.standard(client, quick)
      const call = yield* Effect.forkChild(guarded.get(url))
      yield* TestClock.adjust("1 second")
      const response = yield* Fiber.join(call)
      assert.strictEqual(response.status, 500)
      assert.strictEqual(yield* response.text, "last")
      assert.strictEqual(requests.length, 3)
    }))

  it.effect("waits as long as Retry-After says, in seconds or as a date, and not at all where that is too long", () =>
    Effect.gen(function*() {
      for (const after of ["5", new Date(5000).toUTCString()]) {
        yield* TestClock.setTime(0)
        const { client, requests } = server({ status: 503, headers: { "retry-after": after } }, {})
        const guarded = yield* HttpGuard.standard(client, quick)
        const call = yield* Effect.forkChild(guarded.get(url))
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual(requests.length, 1)
        yield* TestClock.adjust("2 millis")
        assert.strictEqual((yield* Fiber.join(call)).status, 200)
      }
      const { client, requests } = server({ status: 503, headers: { "retry-after": "3600" } }, {})
      const guarded = yield* HttpGuard.standard(client, quick)
      assert.strictEqual((yield* guarded.get(url)).status, 503)
      assert.strictEqual(requests.length, 1)
    }))

  it.effect("cancels the body of a response that it does not give, so that no connection is held", () =>
    Effect.gen(function*() {
      let cancelled = 0
      const endless = () => new ReadableStream({ cancel: () => void cancelled++ })
      const { client } = server({ status: 503, body: endless() }, { status: 503, body: endless() }, { body: "ok" })
      const guarded = yield* HttpGuard.standard(client, quick)
      const call = yield* Effect.forkChild(guarded.get(url))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* (yield* Fiber.join(call)).text, "ok")
      assert.strictEqual(cancelled, 2)
      // Nor is it held where the caller leaves amid the wait.
      const again = server({ status: 503, body: endless() }, {})
      const waiting = yield* Effect.forkChild((yield* HttpGuard.standard(again.client, quick)).get(url))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(cancelled, 3)
    }))

  it.effect("opens the circuit of its authority and of no other; a 429 does not count", () =>
    Effect.gen(function*() {
      const options = { retry: "off", breaker: { consecutiveFailures: 2 } } as const
      const { client, requests } = server({ status: 503 })
      const guarded = yield* HttpGuard.standard(client, options)
      yield* guarded.get("http://a.test:1/x")
      yield* guarded.get("http://a.test:1/y")
      assert.strictEqual((yield* Effect.flip(guarded.get("http://a.test:1/z")))._tag, "CircuitOpen")
      yield* guarded.get("http://a.test:2/")
      yield* guarded.get("http://b.test:1/")
      assert.strictEqual(requests.length, 4)
      const limited = server({ status: 429 })
      const other = yield* HttpGuard.standard(limited.client, options)
      for (let i = 0; i < 5; i++) assert.strictEqual((yield* other.get(url)).status, 429)
    }))

  it.effect("a 429 that says how long to wait pauses the limiter of its authority", () =>
    Effect.gen(function*() {
      const { client, requests } = server({ status: 429, headers: { "retry-after": "60" } }, {})
      const limits = [RateLimiter.requests(100, "1 second")]
      const guarded = yield* HttpGuard.standard(client, { retry: "off", rateLimiter: { limits } })
      assert.strictEqual((yield* guarded.get(url)).status, 429)
      const error = yield* Effect.flip(guarded.get(url))
      assert(error._tag === "RateLimited")
      assert.strictEqual(Duration.toSeconds(error.retryAfter!), 60)
      assert.strictEqual((yield* guarded.get("http://other.test/")).status, 200)
      assert.strictEqual(requests.length, 2)
    }))

  it.effect("has one deadline for everything, also for reading its body", () =>
    Effect.gen(function*() {
      const hanging = server({ after: "1 hour" })
      const guarded = yield* HttpGuard.standard(hanging.client, { ...quick, deadline: "15 seconds" })
      const call = yield* Effect.forkChild(Effect.flip(guarded.get(url)))
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual((yield* Fiber.join(call))._tag, "DeadlineExceeded")
      assert.strictEqual(hanging.requests.length, 2)

      const body = new ReadableStream()
      const silent = yield* HttpGuard.standard(server({ body }).client, { deadline: "15 seconds" })
      const response = yield* silent.get(url)
      const read = yield* Effect.forkChild(Effect.flip(response.text))
      yield* TestClock.adjust("15 seconds")
      const error = yield* Fiber.join(read)
      assert.strictEqual(error._tag, "HttpClientError")
      assert.include(error.message, "did not end within the deadline")
    }))

  it.effect("a stream of its body may last, and not be silent for long", () =>
    Effect.gen(function*() {
      let push = (_: string) => {}
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void (push = (text) => controller.enqueue(new TextEncoder().encode(text)))
      })
      const guarded = yield* HttpGuard.standard(server({ body }).client, { idleTimeout: "5 seconds" })
      const response = yield* guarded.get(url)
      const got: Array<string> = []
      const read = yield* Effect.forkChild(
        response.stream.pipe(
          Stream.decodeText,
          Stream.runForEach((text) => Effect.sync(() => got.push(text))),
          Effect.flip
        )
      )
      for (let i = 0; i < 20; i++) {
        push("piece")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("4 seconds")
      }
      assert.strictEqual(got.length, 20)
      yield* TestClock.adjust("5 seconds")
      assert.include((yield* Fiber.join(read)).message, "was silent for 5s")
    }))

  it.effect("that cannot be sent as it is says nothing about its server", () =>
    Effect.gen(function*() {
      const guarded = yield* HttpGuard.standard(server({}).client, { breaker: { consecutiveFailures: 1 } })
      for (let i = 0; i < 3; i++) {
        assert.strictEqual((yield* Effect.flip(guarded.get("http://a b.test/")))._tag, "HttpClientError")
      }
    }))

  it.effect("holds no slot and no attempt, wherever an interrupt strikes", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      yield* Effect.gen(function*() {
        const { client } = server({ status: 503 }, {})
        const guarded = yield* HttpGuard.standard(client, {
          bulkhead: { concurrency: 1 },
          retry: { baseDelay: 0 },
          breaker: "off"
        })
        const steps = yield* interruptAtEveryStep({
          program: () => guarded.get(url),
          check: () =>
            Effect.map(Registry.snapshotsOf(Pipeline.familyKind), (snapshots) =>
              assert.deepStrictEqual(snapshots.map(({ snapshot }) => snapshot.inFlight), [0]))
        })
        assert.isAbove(steps, 10)
        // The only slot is free.
        assert.strictEqual((yield* guarded.get(url)).status, 200)
      }).pipe(Effect.scoped, Effect.provideService(Registry.CurrentRegistry, registry))
    }))

  it.effect("is refused by the bulkhead of its authority, and gives its slot back however it ends", () =>
    Effect.gen(function*() {
      const { client } = server({ after: "1 second" })
      const guarded = yield* HttpGuard.standard(client, { bulkhead: { concurrency: 1 } })
      const running = yield* Effect.forkChild(guarded.get(url))
      yield* Effect.yieldNow
      assert.strictEqual((yield* Effect.flip(guarded.get(url)))._tag, "BulkheadFull")
      yield* Fiber.interrupt(running)
      const next = yield* Effect.forkChild(guarded.get(url))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(next)))
    }))
})

describe("what a request takes along", () => {
  const headersOf = (options: HttpGuard.Options, around: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, any>) =>
    Effect.gen(function*() {
      const { client, requests } = server({})
      const guarded = yield* HttpGuard.standard(client, options)
      yield* around(guarded.get(url))
      return requests[0]!.headers
    })

  it.effect("is the nearest deadline and the attempts that are left", () =>
    Effect.gen(function*() {
      const headers = yield* headersOf({}, Deadline.within("5 seconds"))
      assert.strictEqual(headers["x-switchgear-timeout"], "5")
      assert.strictEqual(headers["x-attempts-left"], "2")
      assert.isUndefined(headers["baggage"])
      const attempt = yield* headersOf({ attemptTimeout: "2 seconds" }, (self) => self)
      assert.strictEqual(attempt["x-switchgear-timeout"], "2")
      const few = yield* headersOf({}, Attempts.within(2))
      assert.strictEqual(few["x-attempts-left"], "1")
    }))

  it.effect("is priority and key only where that is said, beside the baggage of others", () =>
    Effect.gen(function*() {
      const acme = <A, E>(self: Effect.Effect<A, E>) =>
        self.pipe(
          Effect.provideService(Bulkhead.CurrentKey, "acme, Köln"),
          Effect.provideService(Bulkhead.CurrentPriority, 7)
        )
      const headers = yield* headersOf({ propagate: "everything" }, acme)
      assert.strictEqual(headers["baggage"], "switchgear-priority=7,switchgear-key=acme%2C%20K%C3%B6ln")
      assert.isUndefined((yield* headersOf({}, acme))["baggage"])
      const nothing = yield* headersOf({ propagate: "nothing" }, acme)
      assert.notProperty(nothing, "x-attempts-left")
      assert.notProperty(nothing, "x-switchgear-timeout")
    }))

  it.effect("what a server has spent of the attempts is spent here, also when its next answer does not come", () =>
    Effect.gen(function*() {
      const spent = server({ status: 503, headers: { "x-attempts-left": "0" } })
      const guarded = yield* HttpGuard.standard(spent.client, quick)
      assert.strictEqual((yield* guarded.get(url)).status, 503)
      assert.strictEqual(spent.requests.length, 1)

      const silent = server({ headers: { "x-attempts-left": "2" } }, { refused: true })
      const other = yield* HttpGuard.standard(silent.client, quick)
      yield* other.get(url)
      yield* Effect.exit(other.get(url))
      assert.strictEqual(silent.requests.length, 2)

      // One that never tells is another's, and spends nothing of ours.
      const foreign = server({ status: 503 })
      const call = yield* Effect.forkChild((yield* HttpGuard.standard(foreign.client, quick)).get(url))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      assert.strictEqual(foreign.requests.length, 3)
    }))

  const Told = Schema.Union([Schema.String, Schema.Int.check(Schema.isBetween({ minimum: -5, maximum: 5000 }))])

  it.effect.prop(
    "whatever a server tells, a call makes no more than its attempts",
    { told: Schema.Array(Told) },
    ({ told }) =>
      Effect.gen(function*() {
        const replies = [...told, ""].map((left) => ({
          status: 503,
          headers: /^[\x21-\x7e]*$/.test(String(left)) ? { "x-attempts-left": String(left) } : {}
        }))
        const { client, requests } = server(...replies)
        const guarded = yield* HttpGuard.standard(client, quick)
        const call = yield* Effect.forkChild(guarded.get(url))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(call)).status, 503)
        assert.isAtMost(requests.length, 3)
      })
  )
})

describe("options of HttpGuard.standard", () => {
  const refused = (options: any) =>
    Effect.map(
      Effect.exit(HttpGuard.standard(server({}).client, options)),
      (exit) => Exit.isFailure(exit) ? String((exit.cause.reasons[0] as any).defect) : "taken"
    )

  it.effect("that are wrong are refused by name", () =>
    Effect.gen(function*() {
      assert.include(yield* refused({ deadline: "30" }), "deadline")
      assert.include(yield* refused({ attemptTimeout: 0 }), "attemptTimeout")
      assert.include(yield* refused({ retry: { maxAttempts: 0 } }), "maxAttempts")
      assert.include(yield* refused({ bulkhead: { concurrency: 0 } }), "concurrency")
      assert.include(yield* refused({ rateLimiter: { limits: [] } }), "limits")
      assert.include(yield* refused({ propagate: "all" }), "propagate")
      assert.include(yield* refused({ breaker: false }), "breaker")
      assert.include(yield* refused({ capacity: 0 }), "capacity")
      assert.strictEqual(yield* refused({}), "taken")
    }))
})
