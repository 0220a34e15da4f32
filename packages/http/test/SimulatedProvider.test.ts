import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatSchema } from "@switchgear/http"
import { VirtualClock } from "@switchgear/core/testing"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Effect, Exit, Fiber, Random, Redacted, Schema, Scope, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
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
    const above = (above: Behaviour.Capacity["above"], refusal?: Behaviour.Reply) =>
      Effect.gen(function*() {
        const capacity = { concurrency: 2, above, refusal }
        const { client, provider } = yield* inMemory({ latency: constant(100), capacity })
        const fiber = yield* together(client, 6)
        yield* TestClock.adjust("10 seconds")
        const ended = yield* Fiber.join(fiber)
        assert.strictEqual((yield* provider.stats("m")).answered, 6)
        return ended
      })

    it.effect("queues", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(times(yield* above("queue")), [100, 100, 200, 200, 300, 300])
      }))
    it.effect("slows", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(times(yield* above("slows")), [300, 300, 300, 300, 300, 300])
      }))
    it.effect("refuses with 503 or 529", () =>
      Effect.gen(function*() {
        for (const refusal of [undefined, overloaded]) {
          const ended = yield* above("refuses", refusal)
          const refused = ended.filter(({ exit }) => tagOf(exit) === "Overloaded")
          assert.strictEqual(refused.length, 4)
        }
      }))
  })

  describe("holds the slot of a request until its response has ended:", () => {
    const streams = (capacity: Behaviour.Capacity, leaves = "1 hour") =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({
          models: { m: { capacity, outcome: stream({ text: "0123456789", chunks: 10, pause: "1 second" }) } }
        })
        const request = HttpClientRequest.post("http://simulated.test/v1/chat/completions").pipe(
          HttpClientRequest.bodyJsonUnsafe({ ...ask, stream: true })
        )
        const read = Effect.flatMap(SimulatedProvider.httpClient(provider).execute(request), ({ text }) => text)
        return yield* Effect.forEach([leaves, "1 hour", "1 hour"], (after) =>
          Effect.andThen(Effect.timeoutOption(read, after as "1 hour"), Clock.currentTimeMillis), {
          concurrency: "unbounded"
        })
      }).pipe(VirtualClock.play)

    it.effect("streams wait for each other", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* streams({ concurrency: 1, above: "queue" }), [10_000, 20_000, 30_000])
        assert.deepStrictEqual(yield* streams({ concurrency: 3, above: "queue" }), [10_000, 10_000, 10_000])
      }))
    it.effect("streams slow each other down", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* streams({ concurrency: 1, above: "slows" }), [30_000, 30_000, 30_000])
      }))
    it.effect("a reader that leaves frees it, or leaves the rest of the work behind", () =>
      Effect.gen(function*() {
        const queue = { concurrency: 1, above: "queue" } as const
        assert.deepStrictEqual(yield* streams(queue, "2500 millis"), [2500, 12_500, 22_500])
        const goesOn = { ...queue, abandoned: "goes on" } as const
        assert.deepStrictEqual(yield* streams(goesOn, "2500 millis"), [2500, 20_000, 30_000])
      }))
  })

  describe("does the work of a client who has left where it goes on:", () => {
    const second = (outcome: Behaviour.Outcome) =>
      Effect.gen(function*() {
        const { client, provider } = yield* inMemory({
          latency: constant(1000),
          capacity: { concurrency: 1, above: "queue", abandoned: "goes on" },
          outcome
        })
        yield* Effect.timeoutOption(client.complete(ask), 100)
        const left = yield* provider.stats("m")
        assert.deepStrictEqual([left.inFlight, left.aborted], [1, 0])
        yield* Effect.forkChild(Effect.timeoutOption(client.complete(ask), 100))
        yield* Effect.sleep("1 hour")
        const { aborted, inFlight, started } = yield* provider.stats("m")
        return { aborted, inFlight, started }
      }).pipe(VirtualClock.play)

    it.effect("to the end of an answer, at once or slow, and of an error", () =>
      Effect.gen(function*() {
        for (const outcome of [ok(), slowBody("10 seconds"), stream({ pause: 100 }), serverError]) {
          assert.deepStrictEqual(yield* second(outcome), { started: 2, aborted: 2, inFlight: 0 })
        }
      }))
    it.effect("and keeps the slot for ever where it has no end", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* second(hang), { started: 2, aborted: 0, inFlight: 2 })
      }))
    it.live("also over sockets", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({
          models: {
            m: {
              latency: constant(30),
              capacity: { concurrency: 1, above: "queue", abandoned: "goes on" },
              outcome: slowBody(60)
            }
          }
        })
        const { url } = yield* SimulatedProvider.serve(provider)
        const leave = (after: number) =>
          Effect.promise(async () => {
            const body = JSON.stringify(ask)
            const headers = { "content-type": "application/json" }
            const left = new AbortController()
            const reply = fetch(`${url}/chat/completions`, { method: "POST", headers, body, signal: left.signal })
            const ended = reply.then((reply) => reply.text()).catch(() => "left")
            while ((await Effect.runPromise(provider.total)).started === 0) await new Promise(setImmediate)
            setTimeout(() => left.abort(), after)
            return ended
          })
        assert.deepStrictEqual(yield* Effect.all([leave(5), leave(50)], { concurrency: 2 }), ["left", "left"])
        while ((yield* provider.total).inFlight > 0) yield* Effect.sleep(5)
        assert.strictEqual((yield* provider.total).aborted, 2)
      }))
  })

  describe("sends a response whether it is read or not", () => {
    const capacity = { concurrency: 1, above: "queue" } as const
    const post = HttpClientRequest.post("http://simulated.test/v1/chat/completions").pipe(
      HttpClientRequest.bodyJsonUnsafe({ ...ask, stream: true })
    )
    const tenChunks = stream({ text: "0123456789", chunks: 10, pause: "1 second" })

    it.effect.each<readonly [string, Behaviour.Outcome, number]>([
      ["a stream", tenChunks, 10_000],
      ["a slow body", slowBody("10 seconds", "0123456789"), 10_000],
      ["more pieces than wait for a reader", stream({ text: "x".repeat(400), bytes: "one-by-one" }), 0]
    ])("and frees its slot: %s", ([, outcome, millis]) =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { capacity, outcome } } })
        const client = SimulatedProvider.httpClient(provider)
        const unread = yield* client.execute(post)
        const isEndless = millis === 0
        yield* Effect.sleep("1 minute")
        const { answered, inFlight } = yield* provider.total
        // What has no place between the two waits for its reader, as on a connection.
        assert.deepStrictEqual([answered, inFlight], isEndless ? [0, 1] : [1, 0])
        assert.include(yield* unread.text, "data: [DONE]")
        assert.deepInclude(yield* provider.total, { answered: 1, inFlight: 0 })
        yield* Effect.flatMap(client.execute(post), ({ text }) => text)
        assert.closeTo(yield* Clock.currentTimeMillis, 60_000 + millis, 0.001)
      }).pipe(VirtualClock.play))

    it.effect("at its own pace, and not at that of a slow reader", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { capacity, outcome: tenChunks } } })
        const client = SimulatedProvider.httpClient(provider)
        const { stream: chunks } = yield* client.execute(post)
        yield* Effect.forkChild(Stream.runForEach(chunks, () => Effect.sleep("1 hour")))
        yield* Effect.flatMap(client.execute(post), ({ text }) => text)
        assert.strictEqual(yield* Clock.currentTimeMillis, 20_000)
      }).pipe(VirtualClock.play))

    it.effect("until its reader leaves", () =>
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { capacity, outcome: tenChunks } } })
        const client = SimulatedProvider.httpClient(provider)
        const { stream: chunks } = yield* client.execute(post)
        yield* Stream.runDrain(Stream.take(chunks, 3))
        const left = yield* Clock.currentTimeMillis
        assert.deepInclude(yield* provider.total, { aborted: 1, inFlight: 0 })
        yield* Effect.flatMap(client.execute(post), ({ text }) => text)
        assert.strictEqual(yield* Clock.currentTimeMillis, left + 10_000)
      }).pipe(VirtualClock.play))
  })

  it.effect("refuses what does not exist by its name", () =>
    Effect.gen(function*() {
      const said = (options: object) =>
        Effect.map(
          Effect.exit(SimulatedProvider.make({ models: {}, ...options } as SimulatedProvider.Options)),
          (exit) => exit._tag === "Failure" ? String(exit.cause) : "accepted"
        )
      assert.include(yield* said({ model: {} }), "SimulatedProvider.make: there is no model. There are: models")
      for (
        const [behaviour, name] of [
          [{ latancy: 5 }, "there is no latancy"],
          [{ tokens: { prefil: 1 } }, "there is no tokens.prefil"],
          [{ outcome: stream({ chunk: 4 } as never) }, "there is no script.chunk"],
          [{
            capacity: {
              concurrency: 1,
              above: "queue",
              refusel: 1
            }
          }, "refusel"]
        ] as const
      ) assert.include(yield* said({ models: { m: behaviour } }), name)
    }))

  it.effect("reads a request whatever its body is made of", () =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { m: {} } })
      const client = SimulatedProvider.httpClient(provider)
      const text = JSON.stringify(ask)
      const bytes = new TextEncoder().encode(text)
      for (
        const body of [
          HttpBody.raw(text),
          HttpBody.raw(bytes),
          HttpBody.uint8Array(bytes),
          HttpBody.stream(Stream.make(bytes.subarray(0, 9), bytes.subarray(9)))
        ]
      ) {
        const post = HttpClientRequest.post("http://simulated.test/v1/chat/completions")
        assert.strictEqual((yield* client.execute(HttpClientRequest.setBody(post, body))).status, 200)
      }
    }))

  it.effect("changes while calls run: who waits for a turn meets the new script", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* inMemory({
        latency: constant("15 seconds"),
        capacity: { concurrency: 1, above: "queue" }
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
    leave: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 }))),
    above: Schema.Literals(["queue", "slows"]),
    abandoned: Schema.Literals(["stops", "goes on"])
  }, ({ abandoned, above, leave }) =>
    Effect.gen(function*() {
      const { client, provider } = yield* inMemory({
        latency: constant(100),
        capacity: { concurrency: 2, above, abandoned },
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

  it("takes no wait after a 429 that makes no sense", () => {
    assert.throws(
      () => Behaviour.rateLimited(-3000),
      RangeError,
      /retryAfter must be a finite duration of zero or more/
    )
    assert.throws(() => Behaviour.rateLimited("Infinity"), RangeError, /retryAfter/)
    assert.deepStrictEqual(Behaviour.rateLimited("3 seconds").headers, { "retry-after": "3" })
  })

  describe("refuses a script that makes no sense", () => {
    const bad: ReadonlyArray<readonly [string, Behaviour.Behaviour, RegExp]> = [
      [
        "no capacity",
        { capacity: { concurrency: 0, above: "queue" } },
        /capacity\.concurrency must be a whole number of at least 1, got 0/
      ],
      ["a negative latency", { latency: constant(-1) }, /latency\.duration/],
      ["a tail below the median", { latency: logNormal({ median: 10, p95: 5 }) }, /p95/],
      ["a mix of nothing", { outcome: mix([]) }, /mix/],
      ["a mix with a negative share", { outcome: mix([[-5, ok()], [1, hang]]) }, /a share of a mix .* got -5/],
      [
        "a mix with a share that is no number",
        { outcome: mix([[NaN, ok()], [1, hang]]) },
        /a share of a mix .* got NaN/
      ],
      ["a status that no response has", { outcome: Behaviour.respond(99_999) }, /status must be .* got 99999/],
      ["a body that takes less than no time", { outcome: slowBody(-5) }, /over must be a finite duration/],
      ["a body that takes for ever", { outcome: slowBody(Infinity) }, /over must be a finite duration/],
      [
        "a capacity of another spelling",
        { capacity: { concurrency: 1, above: "queues" as "queue" } },
        /capacity\.above must be one of queue, slows, refuses, got "queues"/
      ],
      [
        "a refusal that is none",
        { capacity: { concurrency: 1, above: "refuses", refusal: Behaviour.respond(1) } },
        /capacity\.refusal: status must be/
      ],
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
