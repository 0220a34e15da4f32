import { assert, describe, it } from "@effect/vitest"
import { type CircuitBreaker } from "@switchgear/core"
import { ChatClient, ChatError, ChatModel, ChatSchema } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { modelOf } from "./support/modelOf.ts"

const hello: ChatModel.Request = { messages: [{ role: "user", content: "hello" }] }

/** A model `m` that behaves as told, its guards, and what the provider saw. */
const setting = (behaviour: Behaviour.Behaviour, options: Partial<ChatModel.Options> = {}) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: behaviour } })
    const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
    )
    const model = yield* Effect.provide(
      modelOf({ model: "m", retry: { baseDelay: "100 millis", jitter: "none" }, ...options }),
      client
    )
    return { ask: Effect.exit(model.complete(hello)), model, provider, stats: provider.stats("m") }
  })

/** Runs to the end of all virtual waits. */
const played = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust("5 minutes")
    return yield* Fiber.join(fiber)
  })

const tagOf = (exit: Exit.Exit<ChatModel.Answer, ChatModel.ModelError>): string =>
  Exit.isSuccess(exit) ? ChatSchema.text(exit.value.value) : (Cause.squash(exit.cause) as ChatModel.ModelError)._tag

const twoDecide = {
  window: { _tag: "LastCalls", calls: 2 } as CircuitBreaker.Window,
  minimumCalls: 2,
  openFor: "1 hour"
} as const

describe("ChatModel", () => {
  it.effect("answers, and says who did", () =>
    Effect.gen(function*() {
      const { ask } = yield* setting({ outcome: Behaviour.ok("hi") })
      const { value, ...provenance } = yield* yield* ask
      assert.strictEqual(ChatSchema.text(value), "hi")
      assert.deepStrictEqual(provenance, {
        step: "m",
        degradation: "none",
        failures: [],
        attempts: 1,
        possiblyBilledAttempts: 1
      })
    }))

  it.effect("tries a fault again and tells the last error when that does not help", () =>
    Effect.gen(function*() {
      const { ask, stats } = yield* setting({ outcome: Behaviour.serverError })
      assert.strictEqual(tagOf(yield* played(ask)), "ProviderFault")
      assert.strictEqual((yield* stats).started, 2)
    }))

  it.effect("waits as long as a 429 asks before it tries again, and does not hold it against the model", () =>
    Effect.gen(function*() {
      const { ask, model, provider } = yield* setting({ outcome: Behaviour.rateLimited("3 seconds") })
      const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* provider.set("m", { outcome: Behaviour.ok("hi") })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "hi")
      const { calls, failed } = yield* model.breaker.snapshot
      assert.deepStrictEqual({ calls, failed }, { calls: 1, failed: 0 })
    }))

  it.effect("asks an overloaded model once more, however many attempts it has", () =>
    Effect.gen(function*() {
      const { ask, model, stats } = yield* setting(
        { outcome: Behaviour.overloaded },
        { retry: { maxAttempts: 6, baseDelay: "100 millis" } }
      )
      assert.strictEqual(tagOf(yield* played(ask)), "Overloaded")
      assert.strictEqual((yield* stats).started, 2)
      assert.strictEqual((yield* model.breaker.snapshot).failed, 2)
    }))

  const quota = Behaviour.error(429, { message: "You exceeded your current quota", code: "insufficient_quota" })
  const invalid = Behaviour.error(400, { message: "temperature must be at most 2", type: "invalid_request_error" })
  for (
    const [outcome, tag] of [
      [invalid, "InvalidRequest"],
      [Behaviour.unauthorized, "Unauthorized"],
      [quota, "QuotaExhausted"]
    ] as const
  ) {
    it.effect(`neither retries ${tag} nor counts it on the circuit`, () =>
      Effect.gen(function*() {
        const { ask, model, stats } = yield* setting({ outcome })
        assert.strictEqual(tagOf(yield* played(ask)), tag)
        assert.strictEqual((yield* stats).started, 1)
        assert.strictEqual((yield* model.breaker.snapshot).calls, 0)
      }))
  }

  it.effect("counts errors on the circuit as its option says, whole and streamed", () =>
    Effect.gen(function*() {
      const counted = (as: "failure" | "success" | "ignored") =>
        Effect.gen(function*() {
          const countsAs = (error: ChatModel.ModelError) => error._tag === "ProviderFault" ? as : "failure"
          const { ask, model } = yield* setting({ outcome: Behaviour.serverError }, {
            countsAs,
            retry: { maxAttempts: 1 }
          })
          yield* ask
          yield* Effect.exit(Stream.runDrain(model.stream(hello)))
          const { totals: { failures, ignored, successes } } = yield* model.breaker.snapshot
          return { failures, ignored, successes }
        })
      assert.deepStrictEqual(yield* counted("failure"), { failures: 2, ignored: 0, successes: 0 })
      assert.deepStrictEqual(yield* counted("success"), { failures: 0, ignored: 0, successes: 2 })
      assert.deepStrictEqual(yield* counted("ignored"), { failures: 0, ignored: 2, successes: 0 })
    }))

  it.effect("ends a hanging attempt in its time, lets the provider go, and counts it on the circuit", () =>
    Effect.gen(function*() {
      const { ask, model, stats } = yield* setting({ outcome: Behaviour.hang }, { attemptTimeout: "4 seconds" })
      const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "DeadlineExceeded")
      const { aborted, inFlight, started } = yield* stats
      assert.deepStrictEqual({ aborted, inFlight, started }, { aborted: 1, inFlight: 0, started: 1 })
      assert.strictEqual((yield* model.breaker.snapshot).failed, 1)
    }))

  it.effect("counts a time-out on the circuit also when the deadline for all attempts is the nearer one", () =>
    Effect.gen(function*() {
      const { ask, model } = yield* setting({ outcome: Behaviour.hang }, { deadline: "2 seconds" })
      const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "DeadlineExceeded")
      assert.strictEqual((yield* model.breaker.snapshot).failed, 1)
    }))

  it.effect("leaves a model alone that is down: an open circuit answers at once and the provider sees nothing", () =>
    Effect.gen(function*() {
      const { ask, stats } = yield* setting({ outcome: Behaviour.serverError }, { breaker: twoDecide })
      yield* played(ask)
      const before = (yield* stats).started
      for (let i = 0; i < 10; i++) assert.strictEqual(tagOf(yield* ask), "CircuitOpen")
      assert.strictEqual((yield* stats).started, before)
    }))

  it.effect("does not queue calls for a model whose circuit is open", () =>
    Effect.gen(function*() {
      const { ask, model } = yield* setting(
        { outcome: Behaviour.hang },
        { bulkhead: { concurrency: 1, queue: 5 } }
      )
      const hanging = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* model.breaker.control.forceOpen
      assert.strictEqual(tagOf(yield* ask), "CircuitOpen")
      assert.strictEqual((yield* model.bulkhead.snapshot).queued, 0)
      yield* Fiber.interrupt(hanging)
    }))

  it.effect("never has more calls at the provider than its bulkhead allows", () =>
    Effect.gen(function*() {
      const { ask, stats } = yield* setting(
        { latency: Behaviour.constant("1 second") },
        { bulkhead: { concurrency: 3, queue: 2 } }
      )
      const fibers = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => Effect.forkChild(ask, { startImmediately: true })
      )
      yield* TestClock.adjust("2 seconds")
      const tags = (yield* Effect.forEach(fibers, Fiber.join)).map(tagOf)
      assert.strictEqual(tags.filter((tag) => tag === "BulkheadFull").length, 3)
      assert.strictEqual((yield* stats).maxInFlight, 3)
    }))

  it.effect("stops the provider's work when the caller is interrupted, and holds it against nobody", () =>
    Effect.gen(function*() {
      const { ask, model, stats } = yield* setting({ outcome: Behaviour.hang })
      const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* stats).aborted, 1)
      const { calls, inFlight } = yield* model.breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight }, { calls: 0, inFlight: 0 })
    }))

  it.effect("sends what it was asked, all fields, under the name of the model", () =>
    Effect.gen(function*() {
      let sent: unknown
      const client = ChatClient.ChatClient.of({
        provider: "test",
        complete: (request) => {
          sent = request
          return Effect.succeed({ choices: [{ message: { content: "hi" }, finish_reason: "stop" }] })
        },
        stream: () => Stream.empty,
        keys: Effect.succeed([]),
        account: Effect.never
      })
      const model = yield* modelOf({ model: "m", name: "primary" }).pipe(
        Effect.provideService(ChatClient.ChatClient, client)
      )
      const own = { novelty: { deep: true } }
      const { step } = yield* model.complete({ ...hello, model: "other", temperature: 0.2, ...own })
      assert.deepStrictEqual(sent, { ...hello, model: "m", temperature: 0.2, novelty: { deep: true } })
      assert.strictEqual(step, "primary")
    }))

  it.effect("does not wait for a provider that names no end, with nobody else to ask", () =>
    Effect.gen(function*() {
      let asked = 0
      const busy = new ChatError.ProviderRateLimited({
        provider: "test",
        model: "m",
        status: 429,
        retryAfter: Duration.infinity
      })
      const client = ChatClient.ChatClient.of({
        provider: "test",
        complete: () => {
          asked++
          return Effect.fail(busy)
        },
        stream: () => Stream.empty,
        keys: Effect.succeed([]),
        account: Effect.never
      })
      const model = yield* modelOf({ model: "m", deadline: "1 day" }).pipe(
        Effect.provideService(ChatClient.ChatClient, client)
      )
      const fiber = yield* Effect.forkChild(Effect.flip(model.complete(hello)), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.strictEqual(asked, 1)
    }))

  it.effect("refuses nonsense options, naming the field", () =>
    Effect.gen(function*() {
      const nonsense: ReadonlyArray<readonly [Partial<ChatModel.Options>, string]> = [
        [{ model: "" }, "ChatModel.make: model"],
        [{ breaker: { failureRate: 2 } }, "ChatModel.make: breaker.failureRate"],
        [{ bulkhead: { concurrency: 0 } }, "ChatModel.make: bulkhead.concurrency"],
        [{ retry: { maxAttempts: 0 } }, "ChatModel.make: retry.maxAttempts"],
        [{ attemptTimeout: -1 }, "ChatModel.make: attemptTimeout"],
        [{ deadline: Duration.zero }, "ChatModel.make: deadline"]
      ]
      for (const [options, message] of nonsense) {
        const exit = yield* Effect.exit(setting({}, options))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.include((defect as RangeError).message, message)
      }
    }))
})
