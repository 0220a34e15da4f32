/** A guarded client with a limit that finds the number of requests by itself. */
import { assert, it } from "@effect/vitest"
import { ConcurrencyLimit, Pipeline, Registry } from "@switchgear/core"
import { HttpGuard } from "@switchgear/http"
import { ConfigProvider, Effect, type Exit, Fiber } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

type Reply = number | "hangs" | "refused"

/** A server that replies as it is set. */
const server = (first: Reply) => {
  const state = { reply: first, requests: 0 }
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      state.requests++
      const { reply } = state
      return reply === "hangs"
        ? Effect.never
        : reply === "refused"
        ? Effect.fail(new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) }))
        : Effect.succeed(HttpClientResponse.fromWeb(request, new Response("", { status: reply })))
    })
  )
  return { state, client }
}

const url = "http://rates.test/eur"

/** In a registry of its own. */
const alone = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.flatMap(
    Registry.make(),
    (registry) => Effect.provideService(program, Registry.CurrentRegistry, registry)
  )

const aimd = { algorithm: "aimd", initial: 10, min: 1 } as const

const once = { retry: "off", breaker: "off" } as const

/** Calls that hang, all at once. */
const hanging = (guarded: { readonly get: (url: string) => Effect.Effect<unknown, unknown> }, url: string) =>
  Effect.forEach(
    Array.from({ length: 20 }),
    () => Effect.forkChild(Effect.exit(guarded.get(url)), { startImmediately: true })
  )

const told: ReadonlyArray<readonly [reply: Reply, signal: ConcurrencyLimit.Signal]> = [
  [200, "success"],
  [404, "success"],
  [503, "drop"],
  [529, "drop"],
  ["hangs", "drop"],
  [429, "ignore"],
  [500, "ignore"],
  ["refused", "ignore"]
]

for (const [reply, signal] of told) {
  it.effect(`a request with the end ${reply} is a ${signal} to the limit`, () =>
    Effect.gen(function*() {
      const heard: Array<ConcurrencyLimit.Signal> = []
      const hearing = (exit: Exit.Exit<unknown, unknown>) => {
        heard.push(ConcurrencyLimit.signalOf(exit))
        return heard.at(-1)!
      }
      const guarded = yield* HttpGuard.standard(server(reply).client, {
        ...once,
        concurrencyLimit: { ...aimd, signal: hearing }
      })
      const call = yield* Effect.forkChild(Effect.exit(guarded.get(url)))
      yield* TestClock.adjust("11 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(heard, [signal])
    }))
}

it.effect("a host that has too much to do gets fewer requests at once, and another host its own number", () =>
  Effect.gen(function*() {
    const { client, state } = server(503)
    const guarded = yield* HttpGuard.standard(client, { ...once, concurrencyLimit: aimd })
    for (let n = 0; n < 60; n++) yield* guarded.get(url)
    const before = state.requests
    state.reply = "hangs"
    yield* hanging(guarded, url)
    assert.strictEqual(state.requests - before, 1)
    yield* hanging(guarded, "http://other.test/")
    assert.strictEqual(state.requests - before, 11)
  }))

it.effect("the limit is told of each attempt of a request, and not of the wait between two", () =>
  Effect.gen(function*() {
    const { client, state } = server(503)
    const guarded = yield* HttpGuard.standard(client, {
      retry: { baseDelay: "1 second", jitter: "none" },
      breaker: "off",
      concurrencyLimit: { ...aimd, initial: 1, max: 1 }
    })
    const waiting = yield* Effect.forkChild(guarded.get(url), { startImmediately: true })
    assert.strictEqual(state.requests, 1)
    // The slot is free while the first request waits.
    state.reply = 200
    assert.strictEqual((yield* guarded.get(url)).status, 200)
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual((yield* Fiber.join(waiting)).status, 200)
  }))

it.effect("what is refused by the limit is a BulkheadFull, and no slot is lost wherever an interrupt strikes", () =>
  alone(Effect.gen(function*() {
    const { client, state } = server(503)
    const guarded = yield* HttpGuard.standard(client, {
      retry: { baseDelay: 0 },
      breaker: "off",
      concurrencyLimit: { algorithm: "aimd", initial: 1, min: 1, max: 1 }
    })
    const steps = yield* interruptAtEveryStep({
      program: () => guarded.get(url),
      check: () =>
        Effect.map(
          Registry.snapshotsOf(Pipeline.familyKind),
          (families) => assert.deepStrictEqual(families.map(({ snapshot }) => snapshot.inFlight), [0])
        )
    })
    assert.isAbove(steps, 10)
    state.reply = "hangs"
    const holding = yield* Effect.forkChild(guarded.get(url), { startImmediately: true })
    assert.strictEqual((yield* Effect.flip(guarded.get(url)))._tag, "BulkheadFull")
    yield* Fiber.interrupt(holding)
    state.reply = 200
    assert.strictEqual((yield* guarded.get(url)).status, 200)
  })))

it.effect("a bulkhead that is off stands beside a limit, and a written limit is that of the client", () =>
  Effect.gen(function*() {
    const { client, state } = server("hangs")
    const written = ConfigProvider.fromUnknown({ api: { bulkhead: "off", concurrencyLimit: { initial: 7, max: 9 } } })
    const guarded = yield* HttpGuard.fromConfig(client, "api", { bulkhead: { concurrency: 3 } }).pipe(
      Effect.provide(ConfigProvider.layer(written))
    )
    yield* hanging(guarded, url)
    assert.strictEqual(state.requests, 7)
  }))
