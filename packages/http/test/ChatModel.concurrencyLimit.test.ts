/** A model with a limit that finds the number of calls by itself: what it is told of the calls. */
import { assert, describe, it } from "@effect/vitest"
import type { ConcurrencyLimit } from "@switchgear/core"
import { ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { modelOf } from "./support/modelOf.ts"

const hello: ChatModel.Request = { messages: [{ role: "user", content: "hello" }] }
const long: ChatModel.Request = { messages: [{ role: "user", content: "hello ".repeat(300) }] }

type Outcomes = ReadonlyArray<readonly [model: string, behaviour: Behaviour.Behaviour]>

const clientOf = (models: Outcomes) =>
  Effect.map(
    SimulatedProvider.make({ models: Object.fromEntries(models) }),
    (provider) =>
      ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
        Layer.provide(SimulatedProvider.layerHttpClient),
        Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
      )
  )

const setting = (behaviour: Behaviour.Behaviour, options: Partial<ChatModel.Options> = {}) =>
  Effect.gen(function*() {
    const client = yield* clientOf([["m", behaviour]])
    return yield* Effect.provide(
      modelOf({
        model: "m",
        retry: { maxAttempts: 1 },
        concurrencyLimit: { initial: 10, min: 1, minimumCalls: 3, window: 1 },
        ...options
      }),
      client
    )
  })

/** Runs the call until it has ended. */
const played = (call: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
    yield* Effect.repeat(TestClock.adjust("100 millis"), { times: 400 })
    yield* Fiber.join(fiber)
  })

const snapshotOf = ({ concurrencyLimit }: ChatModel.GuardedModel): Effect.Effect<ConcurrencyLimit.Snapshot> =>
  concurrencyLimit!.snapshot

const streamed = (model: ChatModel.GuardedModel, request = hello) => Stream.runDrain(model.stream(request))

describe("a model with a concurrency limit", () => {
  it.effect("measures the first content of its streams, by effort and by the length of the prompt", () =>
    Effect.gen(function*() {
      const model = yield* setting({
        outcome: Behaviour.stream({ text: "one two three", chunks: 3, firstContentAfter: 700, pause: 1000 })
      })
      for (let n = 0; n < 3; n++) yield* played(streamed(model))
      for (let n = 0; n < 3; n++) yield* played(streamed(model, { ...long, reasoning_effort: "high" }))
      for (let n = 0; n < 3; n++) yield* played(streamed(model, { ...hello, reasoning_effort: "made up" }))
      const { baselines } = yield* snapshotOf(model)
      assert.deepStrictEqual(baselines, [
        { class: "short prompt", sample: "firstToken", millis: 700 },
        { class: "long prompt, high effort", sample: "firstToken", millis: 700 },
        { class: "short prompt, another effort", sample: "firstToken", millis: 700 }
      ])
    }))

  it.effect("measures the time per token of whole replies, apart from its streams", () =>
    Effect.gen(function*() {
      const model = yield* setting({ latency: Behaviour.constant(900), outcome: Behaviour.ok("hi") })
      for (let n = 0; n < 3; n++) yield* played(model.complete(hello))
      for (let n = 0; n < 3; n++) yield* played(streamed(model))
      const { baselines } = yield* snapshotOf(model)
      assert.deepStrictEqual(baselines.map(({ sample }) => sample), ["perToken", "firstToken"])
      // Two bytes of text are told as one token.
      assert.approximately(baselines[0]!.millis, 900 / 41, 1)
    }))

  const ends: ReadonlyArray<
    readonly [end: string, outcome: Behaviour.Outcome, told: "successes" | "drops" | "ignored", options?: object]
  > = [
    ["an answer", Behaviour.ok("hi"), "successes"],
    ["an overload", Behaviour.overloaded, "drops"],
    ["a 503", Behaviour.unavailable, "drops"],
    ["an attempt that took too long", Behaviour.hang, "drops"],
    ["a rate limit", Behaviour.rateLimited("1 second"), "ignored"],
    ["a quota that is spent", Behaviour.quotaExhausted, "ignored"],
    ["a fault", Behaviour.serverError, "ignored"],
    ["a key that is wrong", Behaviour.unauthorized, "ignored"],
    ["a connection that was cut", Behaviour.cut("mid-body"), "ignored"]
  ]

  for (const [end, outcome, told] of ends) {
    it.effect(`takes ${end} for one of its ${told}`, () =>
      Effect.gen(function*() {
        const model = yield* setting({ outcome })
        yield* played(model.complete(hello))
        const { drops, ignored, successes } = yield* snapshotOf(model)
        assert.deepStrictEqual({ drops, ignored, successes }, { drops: 0, ignored: 0, successes: 0, [told]: 1 })
      }))
  }

  it.effect("judges a stream that has begun by its end", () =>
    Effect.gen(function*() {
      const script = { text: "one two three", chunks: 3 }
      const ended = yield* setting({ outcome: Behaviour.stream(script) })
      const stalled = yield* setting({ outcome: Behaviour.stream({ ...script, end: Behaviour.stallAfter(2) }) })
      const cut = yield* setting({ outcome: Behaviour.stream({ ...script, end: Behaviour.cutAfter(2) }) })
      for (const model of [ended, stalled, cut]) yield* played(streamed(model))
      const seen = yield* Effect.forEach([ended, stalled, cut], snapshotOf)
      assert.deepStrictEqual(seen.map(({ drops, ignored, successes }) => [successes, drops, ignored]), [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1]
      ])
    }))

  it.effect("hears nothing from a reader that leaves, and holds its slot until then", () =>
    Effect.gen(function*() {
      const model = yield* setting({ outcome: Behaviour.stream({ text: "one two", chunks: 2, pause: 60_000 }) })
      const reader = yield* Effect.forkChild(streamed(model), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* snapshotOf(model)).inFlight, 1)
      yield* Fiber.interrupt(reader)
      const { drops, ignored, inFlight } = yield* snapshotOf(model)
      assert.deepStrictEqual({ drops, ignored, inFlight }, { drops: 0, ignored: 1, inFlight: 0 })
    }))

  it.effect("takes a call for a drop that a cascade did not wait for", () =>
    Effect.gen(function*() {
      const client = yield* clientOf([["slow", { outcome: Behaviour.hang }], ["fast", { outcome: Behaviour.ok("hi") }]])
      const cascade = yield* Effect.provide(
        Effect.gen(function*() {
          const slow = yield* modelOf({
            model: "slow",
            concurrencyLimit: {},
            attemptTimeout: "1 minute",
            deadline: "1 minute"
          })
          const fast = yield* modelOf({ model: "fast" })
          const cascade = yield* ModelCascade.make({
            models: [{ model: slow }, { model: fast }],
            deadline: "10 seconds"
          })
          return { cascade, slow }
        }),
        client
      )
      yield* played(cascade.cascade.complete(hello))
      const { drops } = yield* snapshotOf(cascade.slow)
      assert.strictEqual(drops, 1)
    }))

  it.effect("takes an answer that was not accepted for a success: it came in time", () =>
    Effect.gen(function*() {
      const client = yield* clientOf([["m", { outcome: Behaviour.ok("no") }]])
      const model = yield* Effect.provide(modelOf({ model: "m", concurrencyLimit: {} }), client)
      const cascade = yield* ModelCascade.make({
        models: [{ model }],
        accept: () => false,
        canned: { default: "later" }
      })
      yield* played(cascade.complete(hello))
      const { drops, ignored, successes } = yield* snapshotOf(model)
      assert.deepStrictEqual({ drops, ignored, successes }, { drops: 0, ignored: 0, successes: 1 })
    }))

  it.effect("refuses options that are none by name, and a bulkhead beside it", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [options: object, message: string]> = [
        [{ concurrencyLimit: { min: 300 } }, "concurrencyLimit.min must be at most max, which is 200, got 300"],
        [
          { concurrencyLimit: { window: "1" } },
          "concurrencyLimit.window must be a finite duration above zero, got \"1\""
        ],
        [{ concurrencyLimit: 40 }, "concurrencyLimit must be an object with options, got 40"],
        [
          { concurrencyLimit: {}, bulkhead: {} },
          "concurrencyLimit must be left out beside a bulkhead: a model has one of them, got {}"
        ]
      ]
      for (const [options, message] of wrong) {
        const exit = yield* Effect.exit(setting({ outcome: Behaviour.ok("hi") }, options))
        assert.include(
          String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
          `RangeError: ChatModel.make: ${message}`
        )
      }
      const read = Schema.decodeUnknownExit(ChatModel.OptionsSchema)
      const written = { model: "m", concurrencyLimit: { algorithm: "aimd", max: 50, maxWait: "2 seconds" } }
      assert.isTrue(Exit.isSuccess(read(written)))
      assert.isTrue(Exit.isFailure(read({ ...written, concurrencyLimit: { algorithm: "guess" } })))
    }))

  it.effect("is a bulkhead for everybody who reads one", () =>
    Effect.gen(function*() {
      const model = yield* setting({ outcome: Behaviour.ok("hi") })
      assert.strictEqual(model.bulkhead, model.concurrencyLimit)
      const plain = yield* setting({ outcome: Behaviour.ok("hi") }, { concurrencyLimit: undefined })
      assert.isUndefined(plain.concurrencyLimit)
    }))
})
