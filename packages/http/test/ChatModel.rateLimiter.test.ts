import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Duration, Effect, Exit, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { modelOf } from "./support/modelOf.ts"

const hello = (more: object = {}): ChatModel.Request => ({ messages: [{ role: "user", content: "hello" }], ...more })

/** The bytes of a request, which its tokens cannot exceed. */
const bytesOf = (request: ChatModel.Request): number => JSON.stringify(request).length

const setting = (outcome: Behaviour.Outcome, limit: ChatModel.RateLimiterOptions) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: { outcome }, n: {} } })
    const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
    )
    const make = (options: ChatModel.Options) => Effect.provideService(modelOf(options), ChatClient.ChatClient, client)
    const model = yield* make({ model: "m", retry: { maxAttempts: 1 }, rateLimiter: limit })
    const limits = Effect.map(
      model.rateLimiter!.snapshot,
      ({ limits }) => Object.fromEntries(limits.map(({ available, resource }) => [resource, available]))
    )
    return { limits, make, model, provider, started: Effect.map(provider.stats("m"), ({ started }) => started) }
  })

const tokens = (limit: number): ChatModel.RateLimiterOptions => ({ limits: [RateLimiter.tokens(limit, "1 minute")] })

const replying = (usage: object | undefined, headers: Record<string, string> = {}) =>
  Behaviour.respond(200, { choices: [{ message: { content: "hi" }, finish_reason: "stop" }], usage }, headers)

describe("the limit of a model", () => {
  it.effect("takes the bytes of the request and its max_tokens before a call, and its usage after", () =>
    Effect.gen(function*() {
      const latency = Behaviour.constant("1 second")
      const { limits, model, provider } = yield* setting(Behaviour.ok(), tokens(60_000))
      yield* provider.set("m", { latency, outcome: replying({ prompt_tokens: 20, completion_tokens: 5 }) })
      const request = hello({ max_tokens: 1000 })
      const call = yield* Effect.forkChild(model.complete(request), { startImmediately: true })
      assert.deepStrictEqual(yield* limits, { tokens: 60_000 - bytesOf(request) - 1000 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(call.pollUnsafe()?._tag, "Success")
      yield* provider.set("m", { outcome: replying({ prompt_tokens: 20, completion_tokens: 5 }) })
      yield* TestClock.adjust("10 minutes")
      yield* model.complete(request)
      assert.deepStrictEqual(yield* limits, { tokens: 60_000 - 25 })
    }))

  it.effect("takes 4,096 for a completion whose length the request does not say, or what it is told to assume", () =>
    Effect.gen(function*() {
      const silent = replying(undefined)
      for (const [assumedOutput, taken] of [[undefined, 4096], [100, 100]] as const) {
        const { limits, model } = yield* setting(silent, { ...tokens(60_000), assumedOutput })
        yield* model.complete(hello())
        assert.deepStrictEqual(yield* limits, { tokens: 60_000 - bytesOf(hello()) - taken })
      }
    }))

  const unusable: ReadonlyArray<readonly [Partial<ChatModel.RateLimiterOptions>, RegExp]> = [
    [
      { assumedOutput: -1 },
      /^ChatModel\.make: rateLimiter\.assumedOutput must be a whole number of at least 0, got -1$/
    ],
    [{ assumedOutput: NaN }, /rateLimiter\.assumedOutput .* got NaN$/],
    [{ assumedOutput: 0.5 }, /rateLimiter\.assumedOutput .* got 0\.5$/],
    [{ estimate: 5 as never }, /^ChatModel\.make: rateLimiter\.estimate must be a function, got 5$/]
  ]
  for (const [options, message] of unusable) {
    it.effect(`is refused when the model is made, by name: ${Object.entries(options).join()}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(setting(Behaviour.ok(), { ...tokens(60_000), ...options }))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.match(String((defect as Error | undefined)?.message), message)
        assert.instanceOf(defect, RangeError)
      }))
  }

  it.effect("is settled for a stream by the usage at its end, and left as estimated when its reader has left", () =>
    Effect.gen(function*() {
      const { limits, model } = yield* setting(Behaviour.stream({ text: "Good day", chunks: 2 }), tokens(60_000))
      const { value: { usage } } = yield* model.complete(hello())
      yield* TestClock.adjust("10 minutes")
      yield* Stream.runDrain(model.stream(hello()))
      assert.deepStrictEqual(yield* limits, { tokens: 60_000 - usage!.total_tokens! })
      yield* TestClock.adjust("10 minutes")
      yield* Stream.runDrain(Stream.take(model.stream(hello()), 1))
      assert.deepStrictEqual(yield* limits, { tokens: 60_000 - bytesOf(hello()) - 4096 })
    }))

  it.effect("is settled by the usage wherever it is told, and by all of it", () =>
    Effect.gen(function*() {
      const usage = {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 135,
        completion_tokens_details: { reasoning_tokens: 94 }
      }
      const replies = [
        replying(usage),
        Behaviour.respond(200, {
          choices: [{ message: { content: "hi" }, finish_reason: "stop", usage }]
        })
      ]
      for (const outcome of replies) {
        const { limits, model } = yield* setting(outcome, tokens(60_000))
        yield* model.complete(hello())
        assert.deepStrictEqual(yield* limits, { tokens: 60_000 - 135 })
      }
    }))

  it.effect("refuses what exceeds it at once, tells when it would pass, and counts nothing on the circuit", () =>
    Effect.gen(function*() {
      const { model, started } = yield* setting(replying(undefined), {
        limits: [RateLimiter.requests(2, "1 minute"), RateLimiter.tokens(90_000, "1 minute")]
      })
      yield* model.complete(hello())
      yield* Stream.runDrain(model.stream(hello()))
      const error = yield* Effect.flip(model.complete(hello()))
      assert.isTrue(error._tag === "RateLimited" && error.bucket === "requests")
      assert.deepStrictEqual(error._tag === "RateLimited" && error.retryAfter, Duration.seconds(30))
      assert.strictEqual(yield* started, 2)
      assert.strictEqual((yield* model.breaker.snapshot).calls, 2)
    }))

  it.effect("passes a request that is estimated above what it ever holds, when it is full", () =>
    Effect.gen(function*() {
      const { limits, model } = yield* setting(replying({ prompt_tokens: 20, completion_tokens: 5 }), tokens(500))
      yield* model.complete(hello({ max_tokens: 100_000 }))
      assert.deepStrictEqual(yield* limits, { tokens: 475 })
      assert.strictEqual((yield* Effect.flip(model.complete(hello({ max_tokens: 100_000 }))))._tag, "RateLimited")
    }))

  it.effect("becomes tighter by what the provider says, never looser", () =>
    Effect.gen(function*() {
      const says = (limit: number, remaining: number) =>
        replying({ prompt_tokens: 0, completion_tokens: 0 }, {
          "x-ratelimit-limit-tokens": `${limit}`,
          "x-ratelimit-remaining-tokens": `${remaining}`,
          "x-ratelimit-reset-tokens": "30s"
        })
      const { limits, model, provider } = yield* setting(says(1_000_000, 900_000), tokens(60_000))
      const capacity = Effect.map(model.rateLimiter!.snapshot, ({ limits }) => limits[0]!.capacity)
      yield* model.complete(hello({ max_tokens: 100 }))
      assert.strictEqual(yield* capacity, 60_000)
      yield* provider.set("m", { outcome: says(30_000, 1200) })
      yield* model.complete(hello({ max_tokens: 100 }))
      assert.strictEqual(yield* capacity, 30_000)
      assert.isAtMost((yield* limits)["tokens"]!, 1200 + bytesOf(hello({ max_tokens: 100 })) + 100)
    }))

  it.effect("hears what the provider says in the head of a stream, and of a failure", () =>
    Effect.gen(function*() {
      const headers = { "x-ratelimit-limit-tokens": "30000" }
      for (const [status, body] of [[200, "data: [DONE]\n\n"], [500, "oops"]] as const) {
        const { model } = yield* setting(Behaviour.respond(status, body, headers), tokens(60_000))
        yield* Effect.exit(Stream.runDrain(model.stream(hello())))
        assert.strictEqual((yield* model.rateLimiter!.snapshot).limits[0]!.capacity, 30_000)
      }
    }))

  it.effect("is drained by a 429 for as long as that asks, and the next model is asked meanwhile", () =>
    Effect.gen(function*() {
      const { make, model, provider, started } = yield* setting(Behaviour.rateLimited("20 seconds"), tokens(60_000))
      assert.strictEqual((yield* Effect.flip(model.complete(hello())))._tag, "ProviderRateLimited")
      yield* provider.set("m", {})
      yield* TestClock.adjust("5 seconds")
      const error = yield* Effect.flip(model.complete(hello()))
      assert.isTrue(error._tag === "RateLimited" && Duration.toSeconds(error.retryAfter!) >= 15)
      const streamed = yield* Effect.flip(Stream.runDrain(model.stream(hello())))
      assert.strictEqual(streamed._tag, "RateLimited")
      const cascade = yield* ModelCascade.make({ models: [{ model }, { model: yield* make({ model: "n" }) }] })
      assert.strictEqual((yield* cascade.complete(hello())).step, "n")
      assert.strictEqual(yield* started, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* model.complete(hello())).step, "m")
    }))
})
