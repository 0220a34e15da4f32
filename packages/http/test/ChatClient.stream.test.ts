import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, type ChatSchema, ChatStream } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Duration, Effect, Exit, Fiber, Formatter, Logger, Redacted, Stream, Tracer } from "effect"
import { HttpClient, type HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { clientOf } from "./support/clientOf.ts"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

const apiKey = Redacted.make("sk-planted-0123456789abcdef")
const prompt = "my blood type and my full address"
const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: prompt }] }

const setup = (outcome: Behaviour.Outcome, options: Partial<ChatClient.Options> = {}) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome } }, apiKey })
    const client = yield* ChatClient.make({
      provider: "openai",
      baseUrl: "http://simulated.test/v1",
      apiKey,
      ...options
    })
      .pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
    return { provider, client }
  })

/** Reads a stream to its end: when each chunk came, what was said, and how it ended. */
const read = (stream: Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>) =>
  Effect.gen(function*() {
    const clock = yield* Effect.clockWith(Effect.succeed)
    const said: Array<readonly [at: number, text: string]> = []
    const error = yield* Effect.result(Stream.runForEach(stream, (chunk) =>
      Effect.sync(() => {
        if (ChatStream.text(chunk) !== "") said.push([clock.currentTimeMillisUnsafe(), ChatStream.text(chunk)])
      })))
    return { said, error: error._tag === "Failure" ? error.failure : undefined }
  })

const played = (script: Behaviour.StreamScript, options: Partial<ChatClient.Options> = {}) =>
  Effect.gen(function*() {
    const { client, provider } = yield* setup(Behaviour.stream(script), options)
    const fiber = yield* Effect.forkChild(read(client.stream(request)), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return { ...(yield* Fiber.join(fiber)), stats: yield* provider.stats("gpt-4.1") }
  })

const timedOut = (error: ChatError.ChatError | undefined) =>
  error?._tag === "TimedOut" ? [error.phase, error.limit && Duration.toSeconds(error.limit)] : error

describe("ChatClient.stream", () => {
  it.effect("gives the answer in chunks as they come, and the usage at the end", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(
        Behaviour.stream({ text: "Good day, 世界", chunks: 3, firstContentAfter: "2 seconds", pause: "1 second" })
      )
      const fiber = yield* Effect.forkChild(read(client.stream(request)), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      const { error, said } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(said, [[2000, "Good"], [3000, " day"], [4000, ", 世界"]])
      assert.isUndefined(error)
      assert.strictEqual((yield* provider.stats("gpt-4.1")).answered, 1)
    }))

  it.effect("collects to the reply that comes without streaming", () =>
    Effect.gen(function*() {
      for (const text of ["Good day, 世界 👋🏽", ".", "x".repeat(1000)]) {
        for (const usage of ["asked", "every-chunk"] as const) {
          const { client } = yield* setup(Behaviour.stream({ text, usage, bytes: "one-by-one" }))
          const whole = yield* client.complete(request)
          const collected = yield* ChatStream.collect(client.stream(request))
          assert.deepStrictEqual({ ...collected, id: whole.id }, whole)
        }
      }
    }))

  describe("asks for", () => {
    const sent = (more: object) =>
      Effect.gen(function*() {
        const requests: Array<HttpClientRequest.HttpClientRequest> = []
        const client = yield* clientOf((request) => {
          requests.push(request)
          return new Response("data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n")
        }, { apiKey })
        yield* Stream.runDrain(client.stream({ ...request, ...more }))
        const { body, headers } = requests[0]!
        assert.strictEqual(headers["accept"], "text/event-stream, application/json")
        assert.strictEqual(headers["authorization"], `Bearer ${Redacted.value(apiKey)}`)
        const json = body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : {}
        assert.deepStrictEqual({ ...json, stream_options: 0 }, { ...request, ...more, stream: true, stream_options: 0 })
        return json.stream_options
      })

    it.effect("a stream with its usage, whatever the request says of streaming", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* sent({}), { include_usage: true })
        assert.deepStrictEqual(yield* sent({ stream: false, novelty: 1 }), { include_usage: true })
        assert.deepStrictEqual(yield* sent({ stream_options: { include_obfuscation: false } }), {
          include_obfuscation: false,
          include_usage: true
        })
      }))

    it.effect("no usage where the request forbids it", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* sent({ stream_options: { include_usage: false } }), { include_usage: false })
        assert.isUndefined(yield* sent({ stream_options: null }))
      }))
  })

  it.effect("is one call each time it is run", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(Behaviour.ok("hi"))
      const stream = client.stream(request)
      assert.strictEqual((yield* provider.total).started, 0)
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.strictEqual((yield* provider.total).answered, 2)
    }))

  it.effect("refuses what is no request without asking anybody", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(Behaviour.ok())
      for (const nonsense of [undefined, {}, { ...request, model: "" }, { ...request, seed: 1n }]) {
        const error = yield* Effect.flip(Stream.runDrain(client.stream(nonsense as never)))
        assert.strictEqual(error._tag, "InvalidRequest")
      }
      assert.strictEqual((yield* provider.total).started, 0)
    }))

  describe("has four clocks", () => {
    const limits = { firstContentTimeout: "5 seconds", idleTimeout: "3 seconds", timeout: "20 seconds" } as const
    const cases: ReadonlyArray<
      readonly [string, Behaviour.StreamScript, ["first-content" | "idle" | "total", number], number, number]
    > = [
      ["silence after the role", { end: Behaviour.stallAfter(0) }, ["first-content", 5], 5000, 0],
      ["comments before the content", { end: Behaviour.heartbeatAfter(0, "1 second") }, ["first-content", 5], 5000, 0],
      [
        "pings before the content",
        { end: Behaviour.heartbeatAfter(0, "1 second", "ping") },
        ["first-content", 5],
        5000,
        0
      ],
      [
        "roles before the content",
        { end: Behaviour.heartbeatAfter(0, "1 second", "role") },
        ["first-content", 5],
        5000,
        0
      ],
      ["a late first word", { firstContentAfter: 5001 }, ["first-content", 5], 5000, 0],
      ["silence within the answer", { pause: "2 seconds", end: Behaviour.stallAfter(3) }, ["idle", 3], 7000, 3],
      ["comments within the answer", { end: Behaviour.heartbeatAfter(2, "1 second") }, ["idle", 3], 3000, 2],
      ["pings within the answer", { end: Behaviour.heartbeatAfter(2, "1 second", "ping") }, ["idle", 3], 3000, 2],
      [
        "empty chunks within the answer",
        { end: Behaviour.heartbeatAfter(2, "1 second", "role") },
        ["idle", 3],
        3000,
        2
      ],
      ["an answer without end", { text: "x".repeat(400), pause: "2.1 seconds" }, ["total", 20], 20_000, 10]
    ]
    for (const [name, script, expected, at, words] of cases) {
      it.effect(`for ${name}`, () =>
        Effect.gen(function*() {
          const result = yield* played(script.text === undefined ? { text: "y".repeat(16), ...script } : script, limits)
          assert.deepStrictEqual(timedOut(result.error), expected)
          assert.deepStrictEqual([result.said.length, result.stats.aborted, result.stats.inFlight], [words, 1, 0])
          assert.isTrue(result.error !== undefined && ChatError.countsOnBreaker(result.error))
        }))

      it.effect(`at the millisecond for ${name}`, () =>
        Effect.gen(function*() {
          const { client } = yield* setup(
            Behaviour.stream(script.text === undefined ? { text: "y".repeat(16), ...script } : script),
            limits
          )
          const fiber = yield* Effect.forkChild(read(client.stream(request)), { startImmediately: true })
          yield* TestClock.adjust(at - 1)
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(timedOut((yield* Fiber.join(fiber)).error), expected)
        }))
    }

    it.effect("and the first covers the wait for the head", () =>
      Effect.gen(function*() {
        for (const outcome of [Behaviour.hang, Behaviour.slowBody("1 minute")]) {
          const { client, provider } = yield* setup(outcome, limits)
          const fiber = yield* Effect.forkChild(read(client.stream(request)), { startImmediately: true })
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(timedOut((yield* Fiber.join(fiber)).error), ["first-content", 5])
          assert.strictEqual((yield* provider.total).aborted, 1)
        }
      }))

    it.effect("that start again with every word", () =>
      Effect.gen(function*() {
        const { error, said } = yield* played(
          { text: "x".repeat(24), firstContentAfter: 5000 - 1, pause: 3000 - 1 },
          { ...limits, timeout: "1 hour" }
        )
        assert.isUndefined(error)
        assert.strictEqual(said.length, 6)
      }))

    it.effect("that do not count the time a reader takes", () =>
      Effect.gen(function*() {
        const { client } = yield* setup(Behaviour.stream({ text: "x".repeat(16), pause: "1 second" }), {
          ...limits,
          timeout: "6 seconds"
        })
        const fiber = yield* Effect.forkChild(
          Stream.runCount(Stream.tap(client.stream(request), () => Effect.sleep("1 minute"))),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* Fiber.join(fiber), 7)
      }))

    it.effect("with room for models that think, by default", () =>
      Effect.gen(function*() {
        const limit = (script: Behaviour.StreamScript) => Effect.map(played(script), ({ error }) => timedOut(error))
        assert.deepStrictEqual(yield* limit({ end: Behaviour.stallAfter(0) }), ["first-content", 60])
        assert.deepStrictEqual(yield* limit({ end: Behaviour.stallAfter(1) }), ["idle", 30])
        assert.deepStrictEqual(yield* limit({ text: "x".repeat(4000), pause: "10 seconds" }), ["total", 600])
      }))

    it.effect("of which none fails an answer that is finished but for [DONE], which is waited for five seconds", () =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(
          Behaviour.stream({ text: "four", end: Behaviour.endWithout("[DONE]", "open") })
        )
        const fiber = yield* Effect.forkChild(read(client.stream(request)), { startImmediately: true })
        yield* TestClock.adjust(4999)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        const { error, said } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error, said.length], [undefined, 1])
        assert.strictEqual((yield* provider.total).aborted, 1)
      }))
  })

  describe("ends", () => {
    const ends: ReadonlyArray<readonly [string, Behaviour.StreamScript, string | undefined, number]> = [
      ["whole", {}, undefined, 4],
      ["whole without [DONE]", { end: Behaviour.endWithout("[DONE]") }, undefined, 4],
      ["whole without a finish_reason", { end: Behaviour.endWithout("finish_reason") }, undefined, 4],
      ["whole without a role or usage", { role: "absent", usage: "never" }, undefined, 4],
      ["truncated without both", { end: Behaviour.endWithout("both") }, "Truncated", 4],
      ["truncated where the connection is lost", { end: Behaviour.cutAfter(2) }, "Truncated", 2],
      ["truncated where it is lost before the first word", { end: Behaviour.cutAfter(0) }, "Truncated", 0],
      ["with the error in the stream", { end: Behaviour.errorAfter(2) }, "ProviderFault", 2],
      [
        "with the error in the stream before the first word",
        {
          end: Behaviour.errorAfter(0, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } })
        },
        "Overloaded",
        0
      ],
      [
        "with a bare error",
        { end: Behaviour.errorAfter(1, "[{\"error\":{\"code\":429,\"message\":\"slow\"}}]") },
        "ProviderRateLimited",
        1
      ],
      ["malformed with garbage", { end: Behaviour.garbageAfter(3) }, "MalformedReply", 3]
    ]
    for (const [name, script, expected, words] of ends) {
      for (const bytes of ["events", "one-by-one"] as const) {
        it.effect(`${name}, sent as ${bytes}`, () =>
          Effect.gen(function*() {
            const { error, said, stats } = yield* played({ text: "Good day, 世界", chunks: 4, bytes, ...script })
            assert.deepStrictEqual([error?._tag, said.length], [expected, words])
            assert.strictEqual(stats.inFlight, 0)
            if (error !== undefined) {
              assert.isTrue(ChatError.isChatError(error))
              assert.strictEqual(error.provider, "openai")
            }
          }))
      }
    }

    it.effect("with the code of the connection that was lost", () =>
      Effect.gen(function*() {
        const { error } = yield* played({ end: Behaviour.cutAfter(2) })
        assert.isTrue(error?._tag === "Truncated" && error.code === "UND_ERR_SOCKET" && error.status === 200)
      }))

    it.effect("before the first chunk with the error of a failed status", () =>
      Effect.gen(function*() {
        const outcomes: ReadonlyArray<readonly [Behaviour.Outcome, string]> = [
          [Behaviour.rateLimited("20 seconds"), "ProviderRateLimited"],
          [Behaviour.unauthorized, "Unauthorized"],
          [Behaviour.serverError, "ProviderFault"],
          [Behaviour.unavailable, "Overloaded"],
          [Behaviour.htmlError(), "ProviderFault"],
          [Behaviour.errorInside200, "ProviderFault"],
          [Behaviour.emptyBody, "MalformedReply"],
          [Behaviour.respond(200, "<html></html>"), "MalformedReply"],
          [Behaviour.cut("before-headers"), "ConnectFailed"],
          [Behaviour.cut("mid-body"), "Truncated"]
        ]
        for (const [outcome, expected] of outcomes) {
          const { client } = yield* setup(outcome)
          const { error } = yield* read(client.stream(request))
          assert.strictEqual(error?._tag, expected)
          if (expected === "ProviderRateLimited") assert.strictEqual(Duration.toSeconds(error!.retryAfter!), 20)
        }
      }))
  })

  describe("lets go of the provider", () => {
    const endless = Behaviour.stream({ text: "x".repeat(400), pause: "1 second" })

    it.effect("when enough was taken", () =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(endless)
        const taken = yield* Stream.runCollect(Stream.take(client.stream(request), 2)).pipe(
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(taken)).length, 2)
        assert.strictEqual((yield* provider.total).aborted, 1)
      }))

    it.effect("when the reader is interrupted, and when it fails or dies, which is its own affair", () =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(endless)
        const fiber = yield* Effect.forkChild(Stream.runDrain(client.stream(request)), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* provider.total).aborted, 1)
        const failed = yield* Effect.exit(Stream.runForEach(client.stream(request), () => Effect.fail("mine")))
        assert.deepStrictEqual(failed, Exit.fail("mine"))
        const died = yield* Effect.exit(Stream.runForEach(client.stream(request), () => Effect.die("mine")))
        assert.deepStrictEqual(died, Exit.die("mine"))
        assert.deepStrictEqual(yield* provider.total, {
          started: 3,
          answered: 0,
          cut: 0,
          aborted: 3,
          inFlight: 0,
          maxInFlight: 1
        })
      }))

    it.effect("when a reader never begins to read", () =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(endless)
        yield* Stream.runDrain(Stream.take(client.stream(request), 0))
        const { inFlight } = yield* provider.total
        assert.strictEqual(inFlight, 0)
      }))
  })

  describe("leaves nothing at the provider, at whatever step it is interrupted", () => {
    const ways: ReadonlyArray<readonly [string, Behaviour.Outcome]> = [
      ["before the head", Behaviour.hang],
      ["in a stream that ends", Behaviour.stream({ text: "Good day" })],
      ["in a stream that stalls", Behaviour.stream({ text: "Good day", end: Behaviour.stallAfter(1) })],
      ["in a stream that fails", Behaviour.stream({ text: "Good day", end: Behaviour.cutAfter(1) })]
    ]
    for (const [name, outcome] of ways) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const { client, provider } = yield* setup(outcome)
          let left = 0
          const steps = yield* interruptAtEveryStep({
            program: () => Effect.ensuring(Stream.runDrain(client.stream(request)), Effect.sync(() => left++)),
            check: () =>
              Effect.gen(function*() {
                const { inFlight, ...ends } = yield* provider.total
                assert.strictEqual(inFlight, 0)
                assert.strictEqual(ends.answered + ends.cut + ends.aborted, ends.started)
              })
          })
          assert.isAbove(steps, 50)
          assert.isAbove((yield* provider.total).aborted, 5)
          assert.isAbove(left, 50)
        }))
    }
  })

  it.effect("shows no key and no prompt in errors, logs and spans", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const logger = Logger.make(({ message, cause }) =>
        void seen.push(Formatter.format(message) + Cause.pretty(cause))
      )
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const spans: Array<Tracer.Span> = []
      const leak = { error: { message: `Wrong key ${Redacted.value(apiKey)}: ${prompt}`, code: 401 } }
      for (const end of [Behaviour.errorAfter(1, leak), Behaviour.garbageAfter(1, `data: ${prompt}\n\n`)]) {
        const { client } = yield* setup(Behaviour.stream({ end }))
        const exit = yield* Stream.runDrain(client.stream(request)).pipe(
          Effect.tapCause((cause) => Effect.logError("failed", cause)),
          Effect.withSpan("outer"),
          Effect.exit,
          Effect.provide(Logger.layer([logger])),
          Effect.withTracer(tracer)
        )
        assert.isTrue(Exit.isFailure(exit))
        seen.push(Formatter.format(exit), JSON.stringify(exit))
      }
      seen.push(...spans.map((span) => `${span.name}${Formatter.format([...span.attributes])}`))
      assert.isAbove(spans.length, 2)
      assert.notMatch(seen.join("\n"), /planted|blood/)
    }))

  it.effect("refuses limits that make no sense, by name", () =>
    Effect.gen(function*() {
      const nonsense: ReadonlyArray<readonly [Partial<ChatClient.Options>, RegExp]> = [
        [{ firstContentTimeout: 0 }, /firstContentTimeout must be a finite duration above zero, got 0/],
        [{ idleTimeout: "-1 seconds" }, /idleTimeout must be a finite duration above zero/],
        [{ timeout: Duration.infinity }, /timeout must be a finite duration above zero/]
      ]
      for (const [options, expected] of nonsense) {
        const exit = yield* Effect.exit(setup(Behaviour.ok(), options))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.match((defect as RangeError).message, expected)
      }
    }))
})
