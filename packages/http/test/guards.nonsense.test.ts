/** Whatever is given for an option of a guarded client or server: it is refused by name, value and range, or it works. */
import { assert, it } from "@effect/vitest"
import { Bulkhead, RateLimiter } from "@switchgear/core"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { values } from "../../core/test/support/nonsense.ts"

const answering = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("ok")))
)

/** Makes the guard, and gives a request that passes it. */
type Make = (options: any) => Effect.Effect<Effect.Effect<unknown, unknown>>

const client: Make = (options) =>
  Effect.map(
    HttpGuard.standard(answering, options),
    (guarded) => Effect.flatMap(guarded.get("http://a.test/"), ({ text }) => text)
  )

const server: Make = (options) =>
  Effect.map(
    ServerGuard.make({ name: "api", ...options }),
    (guard) =>
      guard.protect(Effect.succeed(HttpServerResponse.text("ok"))).pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request("http://a.test/"))
        ),
        Effect.scoped
      )
  )

const within = (field: string, make: Make, options: object = {}): Make => (value) =>
  make({ [field]: { ...options, ...value } })

/** How each option is given, by the name under which it is refused. */
const places: { readonly [Field in string]: Make } = {
  name: client,
  deadline: client,
  attemptTimeout: client,
  retry: client,
  breaker: client,
  bulkhead: client,
  concurrencyLimit: client,
  rateLimiter: client,
  idleTimeout: client,
  keyOf: client,
  capacity: client,
  propagate: client,
  "retry.maxAttempts": within("retry", client),
  "retry.baseDelay": within("retry", client),
  "retry.maxDelay": within("retry", client),
  "retry.jitter": within("retry", client),
  "breaker.failureRate": within("breaker", client),
  "breaker.minimumCalls": within("breaker", client),
  "breaker.openFor": within("breaker", client),
  "breaker.capacity": within("breaker", client),
  "bulkhead.concurrency": within("bulkhead", client),
  "bulkhead.maxWait": within("bulkhead", client),
  "concurrencyLimit.initial": within("concurrencyLimit", client),
  "concurrencyLimit.min": within("concurrencyLimit", client),
  "concurrencyLimit.max": within("concurrencyLimit", client),
  "concurrencyLimit.window": within("concurrencyLimit", client),
  "concurrencyLimit.algorithm": within("concurrencyLimit", client),
  "rateLimiter.maxWait": within("rateLimiter", client, { limits: [RateLimiter.requests(10, "1 minute")] }),
  "server.name": server,
  "server.limit": server,
  "server.maxRequests": server,
  "server.maxBytes": server,
  "server.assumedBytes": server,
  "server.deadline": server,
  "server.attempts": server,
  "server.trust": server,
  "server.keyOf": server,
  "server.priorityOf": server
}

// Options that throw when they are read say so themselves.
const ofParts = ["retry", "breaker", "bulkhead", "concurrencyLimit", "rateLimiter"]
const isUnreadable = (name: string) => name === "proxy" || name === "getters"

const literals = (of: object) => Schema.Literals(Object.keys(of))

it.effect.prop(
  "a value is refused by a RangeError that names its place and what would be right, or requests pass",
  [literals(places), literals(values)],
  ([place, name]) =>
    Effect.gen(function*() {
      if (ofParts.includes(place) && isUnreadable(name)) return
      const field = place.slice(place.lastIndexOf(".") + 1)
      const made = yield* Effect.exit(Effect.suspend(() => places[place]!({ [field]: values[name] })))
      if (Exit.isFailure(made)) {
        const error = Cause.squash(made.cause)
        assert.instanceOf(error, RangeError)
        const at = place.startsWith("server.") ? `ServerGuard.make: ${field}` : `HttpGuard.standard: ${place}`
        assert.include((error as RangeError).message, at)
        assert.match((error as RangeError).message, / must be .*, got /)
        return
      }
      const request = yield* Effect.forkChild(Effect.exit(made.value), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(request)
      // A guard may refuse or end the request; a defect would be a value that should have been refused.
      // What a function gives is known when it is asked.
      if (Exit.isFailure(exit) && name !== "function")
        assert.isFalse(Cause.hasDies(exit.cause), String(Cause.squash(exit.cause)))
    }),
  { arbitrary: { runs: 2000 } }
)

it.effect("a part that has been made is no options of one, and a limit of a server is one that has been made", () =>
  Effect.gen(function*() {
    const told = (made: Effect.Effect<unknown>) =>
      Effect.map(
        Effect.exit(made),
        (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
      )
    const bulkhead = yield* Bulkhead.make({ name: "api", concurrency: 1 })
    assert.strictEqual(yield* told(server({ limit: bulkhead })), "made")
    assert.include(
      yield* told(server({ limit: { concurrency: 1 } })),
      "ServerGuard.make: limit must be a part that has been made: it has no protect, got {\"concurrency\":1}"
    )
    assert.include(yield* told(client({ bulkhead: true })), "bulkhead must be an object with options, got true")
  }))
