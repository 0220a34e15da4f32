import { assert, describe, it } from "@effect/vitest"
import { type Cascade, Registry } from "@switchgear/core"
import { Canned, ChatClient, ChatError, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { ask, hello } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

const from = { provider: "openai", model: "gpt-4.1" }

/** A cascade whose models fail with these errors, in order; what it logs, and its health. */
const failing = Effect.fnUntraced(function*(errors: ReadonlyArray<ChatModel.ModelError>, isFloored = true) {
  const lines: Array<string> = []
  const now = [...errors]
  const models = errors.map((_, i) => ({
    model: ChatModel.of<ChatModel.ModelError>({
      name: `model ${i + 1}`,
      complete: () => Effect.suspend(() => Effect.fail(now[i]!))
    })
  })) as unknown as ModelCascade.Options["models"]
  const cascade = yield* ModelCascade.make({
    name: "assistant",
    models,
    ...isFloored && { canned: Canned.sentences }
  })
  const logger = Logger.layer([
    Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${[message].flat().join(" ")}`))
  ])
  return { lines, now, ask: Effect.provide(Effect.exit(cascade.complete(hello)), logger) }
})

const isolated = Effect.provide(Registry.layer())

const causes: ReadonlyArray<readonly [claim: string, error: ChatError.ChatError]> = [
  ["a wrong key", new ChatError.Unauthorized({ ...from, status: 401 })],
  ["a permission", new ChatError.Forbidden({ ...from, status: 403 })],
  ["a wrong name or address", new ChatError.ModelNotFound({ ...from, status: 404 })],
  ["spent money", new ChatError.QuotaExhausted({ ...from, status: 429 })],
  ["a released client", new ChatError.ClientReleased(from)],
  [
    "a host that is not there",
    new ChatError.ConnectFailed({ ...from, host: "h", advice: "Check.", code: "ENOTFOUND" })
  ],
  ["an address of something else", new ChatError.MalformedReply({ ...from, found: "a web page" })]
]

describe("a cascade that is configured wrongly", () => {
  for (const [claim, error] of causes) {
    it.effect(`tells of ${claim} once, when the sentence answers, and is not healthy`, () =>
      Effect.gen(function*() {
        const { ask, lines } = yield* failing([error])
        yield* Effect.repeat(ask, { times: 99 })
        assert.deepStrictEqual(lines, [
          `Warn: Cascade "assistant": model 1 cannot answer, and canned answered instead. ${error.message}`
        ])
        const { reasons, status } = yield* Registry.health
        assert.deepStrictEqual([status, reasons.map(({ name, reason }) => `${name}: ${reason}`)], [
          "degraded",
          ["assistant: canned"]
        ])
      }).pipe(Effect.scoped, isolated))
  }

  it.effect("tells each cause of each model, and again after ten minutes", () =>
    Effect.gen(function*() {
      const [wrong, released] = [causes[0]![1], causes[4]![1]]
      const { ask, lines, now } = yield* failing([wrong, released])
      yield* ask
      assert.strictEqual(lines.length, 2)
      now[0] = released
      yield* ask
      assert.strictEqual(lines.length, 3)
      yield* TestClock.adjust("10 minutes")
      yield* ask
      assert.strictEqual(lines.length, 5)
    }).pipe(Effect.scoped, isolated))

  it.effect("reads the words of the provider, which is dear, only for a line that is written", () =>
    Effect.gen(function*() {
      let reads = 0
      const error = new ChatError.Unauthorized({ ...from, status: 401 })
      for (const field of ["code", "detail", "type"]) {
        Object.defineProperty(error, field, {
          get: () => {
            reads++
            return undefined
          }
        })
      }
      const { ask } = yield* failing([error])
      yield* ask
      const once = reads
      assert.isAbove(once, 0)
      yield* Effect.repeat(ask, { times: 99 })
      assert.strictEqual(reads, once)
    }).pipe(Effect.scoped, isolated))

  it.effect("tells it as well where no sentence answers, and is not healthy either", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* failing([causes[0]![1]], false)
      yield* ask
      assert.match(lines[0]!, /model 1 cannot answer, and no other step did/)
      assert.deepStrictEqual((yield* Registry.health).reasons.map(({ reason }) => reason), ["exhausted"])
    }).pipe(Effect.scoped, isolated))

  it.effect("says nothing of a model that is only overloaded", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* failing([new ChatError.Overloaded(from)])
      yield* ask
      assert.deepStrictEqual(lines, [])
      assert.strictEqual((yield* Registry.health).status, "degraded")
    }).pipe(Effect.scoped, isolated))
})

describe("a cascade that many ask at once", () => {
  const client = (outcome: Behaviour.Behaviour["outcome"]) =>
    ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(SimulatedProvider.layer({ models: { gone: { outcome } } }))
    )
  for (const kind of ["whole", "streamed"] as const) {
    it.effect(`tells why its model cannot answer, where the circuit has rejected every retry: ${kind}`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.layer([
          Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
        ])
        const model = yield* Effect.provide(modelOf({ model: "gone" }), client(Behaviour.htmlError(200)))
        const inner = yield* ModelCascade.make({ name: "inner", models: [{ model }] })
        const cascade = yield* ModelCascade.make({ name: "assistant", models: [{ model: inner }] })
        const request = (i: number) => ask(`question ${i}`)
        const asked = Effect.forEach(
          Array.from({ length: 30 }, (_, i) => i),
          (i): Effect.Effect<unknown, unknown> =>
            Effect.flip(
              kind === "whole"
                ? Effect.asVoid(cascade.complete(request(i)))
                : Effect.asVoid(Effect.scoped(cascade.open(request(i))))
            ),
          { concurrency: "unbounded" }
        )
        const fiber = yield* Effect.forkChild(Effect.provide(asked, logger))
        yield* TestClock.adjust("1 minute")
        const errors = yield* Fiber.join(fiber)
        for (const error of errors) {
          assert.deepStrictEqual(
            (error as Cascade.CascadeExhausted<ChatModel.ModelError>).failures.map(({ error }) => error._tag),
            ["CircuitOpen"]
          )
        }
        for (const name of ["inner", "assistant"]) {
          const told = lines.filter((line) => line.includes(`Cascade "${name}"`) && line.includes("cannot answer"))
          assert.strictEqual(told.length, 1, lines.join("\n"))
          assert.match(told[0]!, /gone cannot answer, and no other step did/)
        }
      }).pipe(Effect.scoped, isolated))
  }
})

it.effect("a model that its circuit rejects is not told to fail as another one whose name its own ends with", () =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push([message].flat().join(" ")))])
    const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(SimulatedProvider.layer({ models: { gpt: { outcome: Behaviour.htmlError(200) } } }))
    )
    const named = (name: string) => Effect.provide(modelOf({ model: "gpt", name, retry: { maxAttempts: 1 } }), client)
    const [gpt, azure] = [yield* named("gpt"), yield* named("azure/gpt")]
    yield* azure.breaker.control.forceOpen
    for (const models of [[{ model: gpt }, { model: azure }], [{ model: azure }, { model: gpt }]] as const) {
      const cascade = yield* ModelCascade.make({ name: `from ${models[0].model.name}`, models })
      yield* Effect.provide(Effect.exit(cascade.complete(hello)), logger)
    }
    assert.strictEqual(lines.length, 2, lines.join("\n"))
    for (const line of lines) assert.include(line, ": gpt cannot answer")
  }).pipe(Effect.scoped, isolated))

it.effect("a registry of nothing but a cascade that answers is up", () =>
  Effect.gen(function*() {
    const model = ChatModel.of<ChatModel.ModelError>({
      name: "m",
      complete: () =>
        Effect.succeed<ChatModel.Answer>({
          step: "m",
          degradation: "none",
          failures: [],
          attempts: 1,
          possiblyBilledAttempts: 1,
          value: { choices: [{ message: { content: "hi" }, finish_reason: "stop" }] }
        })
    })
    const cascade = yield* ModelCascade.make({ models: [{ model }] })
    yield* cascade.complete(hello)
    assert.strictEqual((yield* Registry.health).status, "up")
  }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer()))))
