import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatSchema } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Effect, Exit, Fiber, Random, Redacted, Schema, Scope } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"

const {
  constant,
  cutAfter,
  hang,
  heartbeatAfter,
  logNormal,
  mix,
  ok,
  overloaded,
  serverError,
  slowBody,
  stream,
  uniform
} = Behaviour
const ask = { model: "m", messages: [{ role: "user" as const, content: "Hello" }] }

const inMemory = (behaviour: Behaviour.Behaviour, timeout: ChatClient.Options["timeout"] = "1 hour") =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: behaviour } })
    const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://simulated.test/v1", timeout }).pipe(
      Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
    )
    return { provider, client }
  })

/** When each of a number of calls made together ends, in milliseconds, and how. */
const together = (client: ChatClient.ChatClient["Service"], calls: number) =>
  Effect.forEach(
    Array.from({ length: calls }),
    () =>
      Effect.map(Effect.exit(client.complete(ask)), (exit) => exit).pipe(
        Effect.flatMap((exit) => Effect.map(Clock.currentTimeMillis, (at) => ({ at, exit })))
      ),
    { concurrency: "unbounded" }
  ).pipe(Effect.forkChild({ startImmediately: true }))

const times = (ended: ReadonlyArray<{ readonly at: number }>) => ended.map(({ at }) => at).sort((a, b) => a - b)
const tagOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>) =>
  Exit.isSuccess(exit)
    ? "ok"
    : exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error._tag : reason._tag)[0]

describe("SimulatedProvider", () => {
  it.effect("answers as a chat-completions API does", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_500)
      const { client } = yield* inMemory({ outcome: ok("12345678") })
      const reply = yield* client.complete(ask)
      assert.deepStrictEqual(
        [reply.id, reply.object, reply.created, reply.model, reply.choices[0].finish_reason, ChatSchema.text(reply)],
        ["chatcmpl-simulated-1", "chat.completion", 1_700_000_000, "m", "stop", "12345678"]
      )
      assert.deepStrictEqual(
        [reply.usage?.prompt_tokens, reply.usage?.completion_tokens, reply.usage?.total_tokens],
        [2, 2, 4]
      )
    }))

  it.effect("takes its latency from the Effect clock", () =>
    Effect.gen(function*() {
      const { client } = yield* inMemory({ latency: constant("15 seconds") })
      const fiber = yield* together(client, 3)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(times(yield* Fiber.join(fiber)), [15_000, 15_000, 15_000])
    }))

  it.effect("draws a uniform latency within its bounds", () =>
    Effect.gen(function*() {
      const { client } = yield* inMemory({ latency: uniform(100, 200) })
      const fiber = yield* together(client, 200)
      yield* TestClock.adjust("1 second")
      const ended = times(yield* Fiber.join(fiber))
      assert.isAtLeast(ended[0]!, 100)
      assert.isAtMost(ended[199]!, 200)
      assert.isAbove(ended[199]! - ended[0]!, 80)
    }).pipe(Random.withSeed("uniform")))

  it.effect("draws a log-normal latency with the median and the tail asked for", () =>
    Effect.gen(function*() {
      const { client } = yield* inMemory({ latency: logNormal({ median: 800, p95: 2000 }) })
      const fiber = yield* together(client, 2000)
      yield* TestClock.adjust("10 minutes")
      const ended = times(yield* Fiber.join(fiber))
      assert.closeTo(ended[1000]!, 800, 80)
      assert.closeTo(ended[1900]!, 2000, 300)
    }).pipe(Random.withSeed("log-normal")))

  it.effect("repeats itself for a seed", () => {
    const run = Effect.gen(function*() {
      const { client } = yield* inMemory({ latency: uniform(0, 1000), outcome: mix([[1, serverError], [1, ok()]]) })
      const start = yield* Clock.currentTimeMillis
      const fiber = yield* together(client, 50)
      yield* TestClock.adjust("1 second")
      return (yield* Fiber.join(fiber)).map(({ at, exit }) => [at - start, tagOf(exit)])
    })
    return Effect.gen(function*() {
      const first = yield* Random.withSeed(run, "seed")
      assert.deepStrictEqual(yield* Random.withSeed(run, "seed"), first)
      assert.notDeepEqual(yield* Random.withSeed(run, "another"), first)
    })
  })

  it.effect("mixes outcomes by their shares", () =>
    Effect.gen(function*() {
      const { client } = yield* inMemory({ outcome: mix([[20, serverError], [80, ok()]]) })
      const ended = yield* Fiber.join(yield* together(client, 2000))
      const failed = ended.filter(({ exit }) => tagOf(exit) === "ProviderFault").length
      assert.closeTo(failed, 400, 60)
      assert.strictEqual(ended.filter(({ exit }) => tagOf(exit) === "ok").length, 2000 - failed)
    }).pipe(Random.withSeed("mix")))

  describe("above its capacity", () => {
    const above = (above: Behaviour.Capacity["above"]) =>
      Effect.gen(function*() {
        const { client, provider } = yield* inMemory({ latency: constant(100), capacity: { concurrency: 2, above } })
        const fiber = yield* together(client, 6)
        yield* TestClock.adjust("10 seconds")
        const ended = yield* Fiber.join(fiber)
        assert.strictEqual((yield* provider.stats("m")).answered, 6)
        return ended
      })

    it.effect("queues", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(times(yield* above("queues")), [100, 100, 200, 200, 300, 300])
      }))
    it.effect("slows", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(times(yield* above("slows")), [100, 100, 150, 200, 250, 300])
      }))
    it.effect("refuses with 503 or 529", () =>
      Effect.gen(function*() {
        for (const status of ["503", "529"] as const) {
          const ended = yield* above(status)
          const refused = ended.filter(({ exit }) => tagOf(exit) === "Overloaded")
          assert.strictEqual(refused.length, 4)
        }
      }))
  })

  it.effect("changes while calls run: who waits for a turn meets the new script", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* inMemory({
        latency: constant("15 seconds"),
        capacity: { concurrency: 1, above: "queues" }
      })
      const fiber = yield* together(client, 3)
      yield* TestClock.adjust("1 second")
      yield* provider.set("m", { latency: constant(800), outcome: overloaded })
      yield* TestClock.adjust("14 seconds")
      const ended = yield* Fiber.join(fiber)
      assert.deepStrictEqual(times(ended), [1800, 1800, 15_000])
      assert.deepStrictEqual(ended.map(({ exit }) => tagOf(exit)), ["ok", "Overloaded", "Overloaded"])
    }))

  it.effect("counts every call once, whatever becomes of it", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* inMemory({ latency: constant(10) }, "1 second")
      for (
        const outcome of [
          ok(),
          serverError,
          slowBody(100),
          hang,
          Behaviour.cut("mid-body"),
          Behaviour.cut("before-headers")
        ]
      ) {
        yield* provider.set("m", { latency: constant(10), outcome })
        const fiber = yield* together(client, 2)
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(fiber)
      }
      const expected = { started: 12, answered: 6, cut: 4, aborted: 2, inFlight: 0, maxInFlight: 2 }
      assert.deepStrictEqual(yield* provider.stats("m"), expected)
      assert.deepStrictEqual(yield* provider.total, expected)
      assert.strictEqual((yield* provider.stats("nobody")).started, 0)
    }))

  it.effect.prop("leaks no call and no place, whenever its clients leave", {
    leave: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 })))
  }, ({ leave }) =>
    Effect.gen(function*() {
      const { client, provider } = yield* inMemory({
        latency: constant(100),
        capacity: { concurrency: 2, above: "queues" },
        outcome: slowBody(100)
      })
      const fibers = yield* Effect.forEach(leave, (after) =>
        Effect.forkChild(Effect.timeoutOption(client.complete(ask), after), { startImmediately: true }))
      yield* TestClock.adjust("1 minute")
      yield* Effect.forEach(fibers, Fiber.await)
      const after = yield* provider.total
      assert.strictEqual(after.inFlight, 0)
      assert.strictEqual(after.started, after.answered + after.aborted)
      const fiber = yield* Effect.forkChild(
        Effect.all([client.complete(ask), client.complete(ask)], { concurrency: 2 }),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust(200)
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("answers wrong addresses and requests with what a real API says", () =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { m: {} }, apiKey: Redacted.make("sk-1") })
      const client = SimulatedProvider.httpClient(provider)
      const post = (path: string, body: string, authorization = "Bearer sk-1") =>
        Effect.flatMap(
          provider.handle({ method: "POST", path, authorization, body }, (wire) => Effect.succeed(wire)),
          (wire) => Effect.succeed(wire._tag === "Answer" ? wire.status : wire._tag)
        )
      const body = JSON.stringify(ask)
      assert.strictEqual((yield* client.get("http://x.test/v1/chat/completions")).status, 404)
      assert.deepStrictEqual(
        yield* Effect.all([
          post("/v1/chat/completions", body),
          post("/v1/completions", body),
          post("/v1/chat/completions", body, "Bearer sk-2"),
          post("/v1/chat/completions", "not json"),
          post("/v1/chat/completions", "{}"),
          post("/v1/chat/completions", JSON.stringify({ ...ask, messages: "hello" })),
          post("/v1/chat/completions", JSON.stringify({ ...ask, model: "unknown" }))
        ]),
        [200, 404, 401, 400, 400, 400, 404]
      )
    }))

  describe("refuses a script that makes no sense", () => {
    const bad: ReadonlyArray<readonly [string, Behaviour.Behaviour, RegExp]> = [
      [
        "no capacity",
        { capacity: { concurrency: 0, above: "queues" } },
        /capacity\.concurrency must be a positive integer, got 0/
      ],
      ["a negative latency", { latency: constant(-1) }, /latency\.duration/],
      ["a tail below the median", { latency: logNormal({ median: 10, p95: 5 }) }, /p95/],
      ["a mix of nothing", { outcome: mix([]) }, /mix/],
      ["a stream in no chunks", { outcome: stream({ chunks: 0 }) }, /script\.chunks must be a positive integer, got 0/],
      ["a stream that ends before it begins", { outcome: stream({ end: cutAfter(-1) }) }, /script\.end\.after/],
      ["such a stream in a mix", { outcome: mix([[1, stream({ chunks: 1.5 })]]) }, /script\.chunks .* got 1\.5/],
      ["a pause without end", { outcome: stream({ pause: Infinity }) }, /script\.pause/],
      ["heartbeats before the last", { outcome: stream({ end: heartbeatAfter(0, -1) }) }, /script\.end\.every/]
    ]
    for (const [name, behaviour, message] of bad) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(SimulatedProvider.make({ models: { m: behaviour } }))
          assert.isTrue(Exit.isFailure(exit))
          assert.match(String(Exit.isFailure(exit) && exit.cause.reasons[0]), message)
        }))
    }
  })

  describe("as a server", () => {
    const over = (url: string) =>
      NodeTransport.layerChatClient({ provider: "p", baseUrl: url, proxy: "none", timeout: "20 seconds" })

    it.live("closes at once although clients still hang on it", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { outcome: hang } } })
        const scope = yield* Scope.make()
        const { url } = yield* Scope.provide(SimulatedProvider.serve(provider), scope)
        yield* Effect.gen(function*() {
          const client = yield* ChatClient.ChatClient
          const fiber = yield* Effect.forkChild(
            Effect.all(Array.from({ length: 20 }, () => Effect.flip(client.complete(ask))), {
              concurrency: "unbounded"
            })
          )
          while ((yield* provider.total).inFlight < 20) yield* Effect.sleep("1 millis")
          yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("5 seconds"))
          const errors = yield* Fiber.join(fiber)
          assert.deepStrictEqual([...new Set(errors.map(({ _tag }) => _tag))], ["ConnectFailed"])
          const after = yield* provider.total
          assert.deepStrictEqual([after.inFlight, after.aborted], [0, 20])
        }).pipe(Effect.provide(over(url)))
      }))

    it.live("carries a thousand calls, two hundred at a time", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { latency: uniform(0, 5) } } })
        const { url } = yield* SimulatedProvider.serve(provider)
        yield* Effect.gen(function*() {
          const client = yield* ChatClient.ChatClient
          yield* Effect.all(Array.from({ length: 1000 }, () => client.complete(ask)), {
            concurrency: 200,
            discard: true
          })
        }).pipe(Effect.provide(over(url)))
        const stats = yield* provider.stats("m")
        assert.deepStrictEqual([stats.started, stats.answered, stats.inFlight], [1000, 1000, 0])
        assert.isAtMost(stats.maxInFlight, 200)
      }))

    it.live("sends a slow body in pieces after its head", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({
          models: { m: { outcome: slowBody("50 millis", "drop by drop") } }
        })
        const { url } = yield* SimulatedProvider.serve(provider)
        const reply = yield* Effect.provide(
          Effect.flatMap(ChatClient.ChatClient, (client) => client.complete(ask)),
          over(url)
        )
        assert.strictEqual(ChatSchema.text(reply), "drop by drop")
      }))
  })
})
