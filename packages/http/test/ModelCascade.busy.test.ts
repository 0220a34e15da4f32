import { assert, describe, it } from "@effect/vitest"
import { Deadline } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatModel, LanguageModels, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import type { LanguageModel } from "effect/ai"
import { ask } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const value = yield* program
    return [value, (yield* Clock.currentTimeMillis) - start] as const
  })

const play = <A, E>(
  models: Record<string, Behaviour.Behaviour>,
  program: Effect.Effect<A, E, ChatClient.ChatClient | SimulatedProvider.SimulatedProvider>
) =>
  Effect.promise(() =>
    Effect.runPromise(VirtualClock.play(program.pipe(
      Effect.provide(
        ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
          Layer.provide(SimulatedProvider.layerHttpClient),
          Layer.provideMerge(SimulatedProvider.layer({ models }))
        )
      )
    )))
  )

const started = (model: string) =>
  Effect.flatMap(
    SimulatedProvider.SimulatedProvider,
    (provider) => Effect.map(provider.stats(model), ({ started }) => started)
  )

const limited = (wait: string) =>
  Behaviour.respond(429, { error: { message: "Rate limit reached", code: "rate_limit_exceeded" } }, {
    "retry-after": wait
  })
const busy: ReadonlyArray<readonly [string, Behaviour.Outcome]> = [
  ["a rate limit that asks for 2 seconds", limited("2")],
  ["a rate limit that asks for 8 seconds", limited("8")],
  ["a rate limit that asks for a minute", limited("60")],
  ["a rate limit that asks for nothing", Behaviour.rateLimited()],
  ["an overload", Behaviour.overloaded],
  ["an outage that asks for 2 seconds", Behaviour.respond(503, { error: { message: "no" } }, { "retry-after": "2" })],
  ["a fault that asks for 2 seconds", Behaviour.respond(500, { error: { message: "no" } }, { "retry-after": "2" })]
]
const healthy = { outcome: Behaviour.ok("Good day") }

const two = (options: Partial<ChatModel.Options> = {}) =>
  Effect.gen(function*() {
    const m = yield* modelOf({ model: "m", ...options })
    const other = yield* modelOf({ model: "other" })
    return { other, cascade: yield* ModelCascade.make({ models: [{ model: m }, { model: other }] }) }
  })

describe("a busy model", () => {
  it.effect.each(busy)(
    "is left at once beside another model after %s",
    ([, outcome]) =>
      play(
        { m: { outcome }, other: healthy },
        Effect.gen(function*() {
          const { cascade } = yield* two()
          const [{ step }, millis] = yield* timed(cascade.complete(ask("Hello")))
          assert.deepStrictEqual([step, millis, yield* started("m")], ["other", 0, 1])
          const [streamed, wait] = yield* timed(Effect.scoped(cascade.open(ask("again"))))
          assert.deepStrictEqual([streamed.step, wait, yield* started("m")], ["other", 0, 2])
        })
      )
  )

  it.effect("is asked again after its wait when it is the last one, alone and in a cascade", () =>
    play(
      { m: { outcome: limited("2") } },
      Effect.gen(function*() {
        const m = yield* modelOf({ model: "m" })
        const [, alone] = yield* timed(Effect.flip(m.complete(ask("Hello"))))
        assert.deepStrictEqual([alone, yield* started("m")], [2000, 2])
        const cascade = yield* ModelCascade.make({ models: [{ model: m }], canned: Canned.sentences })
        const [{ step }, last] = yield* timed(cascade.complete(ask("Hello")))
        assert.deepStrictEqual([step, last, yield* started("m")], ["canned", 2000, 4])
      })
    ))

  it.effect("is asked again after its wait while the circuit of the other is open, or no attempt is left for it", () =>
    play(
      { m: { outcome: limited("2") }, other: healthy },
      Effect.gen(function*() {
        const { cascade, other } = yield* two()
        yield* other.breaker.control.forceOpen
        const [, millis] = yield* timed(Effect.flip(cascade.complete(ask("Hello"))))
        assert.deepStrictEqual([millis, yield* started("m")], [2000, 2])
      })
    ))

  it.effect("is asked again when its wait is shorter than the other's answer, once that is known", () =>
    play(
      { m: healthy, other: { ...healthy, latency: Behaviour.constant("5 seconds") } },
      Effect.gen(function*() {
        const { cascade } = yield* two()
        const provider = yield* SimulatedProvider.SimulatedProvider
        yield* provider.set("m", { outcome: Behaviour.unauthorized })
        for (let i = 0; i < 20; i++) yield* cascade.complete(ask(`question ${i}`))
        const asked = yield* started("m")
        yield* provider.set("m", { outcome: limited("2") })
        assert.strictEqual((yield* timed(cascade.complete(ask("Hello"))))[1], 7000)
        assert.strictEqual((yield* started("m")) - asked, 2)
        yield* provider.set("m", { outcome: limited("6") })
        assert.strictEqual((yield* timed(cascade.complete(ask("Hello again"))))[1], 5000)
      })
    ))

  it.effect("is left at once as the last model of a cascade inside of another one", () =>
    play(
      { m: { outcome: limited("2") }, other: healthy },
      Effect.gen(function*() {
        const inner = yield* ModelCascade.make({
          name: "eu",
          models: [{ model: yield* modelOf({ model: "m" }) }],
          canned: Canned.sentences
        })
        const outer = yield* ModelCascade.make({
          models: [{ model: inner }, { model: yield* modelOf({ model: "other" }) }]
        })
        const [{ step }, millis] = yield* timed(outer.complete(ask("Hello")))
        assert.deepStrictEqual([step, millis, yield* started("m")], ["other", 0, 1])
      })
    ))

  it.effect("that fails for a moment is asked once more, as alone, unless that takes longer than another model", () =>
    play(
      { m: { outcome: Behaviour.serverError }, other: healthy },
      Effect.gen(function*() {
        const { cascade } = yield* two()
        assert.strictEqual((yield* cascade.complete(ask("Hello"))).step, "other")
        assert.strictEqual(yield* started("m"), 2)
        const slow = yield* two({ retry: { baseDelay: "3 seconds", jitter: "none" } })
        assert.strictEqual((yield* timed(slow.cascade.complete(ask("Hello"))))[1], 0)
        assert.strictEqual(yield* started("m"), 3)
      })
    ))

  it.effect("is not waited for longer than any of its callers waits", () =>
    play(
      { m: { outcome: limited("9") } },
      Effect.gen(function*() {
        const cascade = yield* ModelCascade.make({
          cache: { timeToLive: "5 minutes" },
          models: [{ model: yield* modelOf({ model: "m" }) }],
          canned: Canned.sentences
        })
        const short = cascade.complete(ask("Hello")).pipe(Deadline.within("8 seconds"))
        const [{ step }, millis] = yield* timed(short)
        assert.deepStrictEqual([step, millis, yield* started("m")], ["canned", 0, 1])
        yield* (yield* SimulatedProvider.SimulatedProvider).set("m", {
          outcome: limited("9"),
          latency: Behaviour.constant("1 second")
        })
        const shared = yield* Effect.forkChild(timed(short))
        const long = yield* Effect.forkChild(timed(cascade.complete(ask("Hello"))))
        const [left, after] = yield* Fiber.join(shared)
        assert.deepStrictEqual([left.step, after, left.attempts], ["canned", 8000, 1])
        // One second, the wait of nine, and one second more.
        assert.deepStrictEqual([(yield* Fiber.join(long))[1], yield* started("m")], [11_000, 3])
      })
    ))
})

describe("a busy model behind a LanguageModel", () => {
  const lm = (
    when?: LanguageModels.Step["when"],
    between: (model: LanguageModel.LanguageModel) => Guarded = Effect.succeed
  ) =>
    Effect.gen(function*() {
      const step = (model: string) =>
        Effect.map(
          Effect.flatMap(Effect.flatMap(modelOf({ model }), LanguageModels.make), between),
          (made): LanguageModels.Step => ({ name: model, model: made, when })
        )
      return yield* LanguageModels.cascade([yield* step("m"), yield* step("other")])
    })
  type Guarded = Effect.Effect<LanguageModel.LanguageModel>
  const guarded = (model: LanguageModel.LanguageModel): Guarded =>
    LanguageModels.protect(model, { protect: (call) => call })
  const stepOf = (content: Parameters<typeof LanguageModels.provenance>[0]) => LanguageModels.provenance(content)?.step
  const prompt = { prompt: "Hello" }

  it.effect.each(busy)("is left at once beside another one after %s", ([, outcome]) =>
    play(
      { m: { outcome }, other: healthy },
      Effect.gen(function*() {
        for (const between of [Effect.succeed<LanguageModel.LanguageModel>, guarded]) {
          const before = yield* started("m")
          const model = yield* lm(undefined, between)
          const [{ content }, millis] = yield* timed(model.generateText(prompt))
          assert.deepStrictEqual([stepOf(content), millis, (yield* started("m")) - before], ["other", 0, 1])
          const [parts, wait] = yield* timed(Stream.runCollect(model.streamText(prompt)))
          assert.deepStrictEqual([stepOf(parts), wait, (yield* started("m")) - before], ["other", 0, 2])
        }
      })
    ))

  it.effect("is asked again after its wait when it is the last one", () =>
    play(
      { m: { outcome: limited("2") }, other: { outcome: limited("2") } },
      Effect.gen(function*() {
        const model = yield* lm()
        const [, millis] = yield* timed(Effect.flip(model.generateText(prompt)))
        assert.deepStrictEqual([millis, yield* started("m"), yield* started("other")], [2000, 1, 2])
      })
    ))

  it.effect("is asked again after its wait where its errors do not move on, whatever says so", () =>
    play(
      { m: { outcome: limited("2") }, other: healthy },
      Effect.gen(function*() {
        const throwing = () => {
          throw new Error("bug")
        }
        for (const when of [() => false, throwing]) {
          const before = yield* started("m")
          const [, millis] = yield* timed(Effect.flip((yield* lm(when)).generateText(prompt)))
          assert.deepStrictEqual([millis, (yield* started("m")) - before], [2000, 2])
        }
        assert.strictEqual(yield* started("other"), 0)
      })
    ))

  it.effect("is left at once as the last model of a cascade of chat models inside", () =>
    play(
      { m: { outcome: limited("2") }, other: healthy },
      Effect.gen(function*() {
        const inner = yield* ModelCascade.make({ name: "eu", models: [{ model: yield* modelOf({ model: "m" }) }] })
        const model = yield* LanguageModels.cascade([
          { name: "eu", model: yield* LanguageModels.make(inner) },
          { name: "us", model: yield* LanguageModels.make(yield* modelOf({ model: "other" })) }
        ])
        const [{ content }, millis] = yield* timed(model.generateText(prompt))
        assert.deepStrictEqual([stepOf(content), millis, yield* started("m")], ["us/other", 0, 1])
      })
    ))
})

describe("while of a model's retry", () => {
  it.effect("forbids attempts that would be made", () =>
    play(
      { m: { outcome: Behaviour.serverError } },
      Effect.gen(function*() {
        const seen: Array<string> = []
        const m = yield* modelOf({
          model: "m",
          retry: {
            maxAttempts: 5,
            baseDelay: 0,
            while: (error, attempts) => {
              seen.push(`${error._tag} ${attempts}`)
              return attempts < 2
            }
          }
        })
        yield* Effect.flip(m.complete(ask("Hello")))
        assert.deepStrictEqual([yield* started("m"), seen], [2, ["ProviderFault 1", "ProviderFault 2"]])
      })
    ))

  it.effect("allows none that the table of errors forbids, and a throw forbids", () =>
    play(
      { m: { outcome: Behaviour.unauthorized }, down: { outcome: Behaviour.serverError } },
      Effect.gen(function*() {
        const m = yield* modelOf({ model: "m", retry: { maxAttempts: 5, baseDelay: 0, while: () => true } })
        yield* Effect.flip(m.complete(ask("Hello")))
        assert.strictEqual(yield* started("m"), 1)
        const throwing = yield* modelOf({
          model: "down",
          retry: {
            maxAttempts: 5,
            baseDelay: 0,
            while: () => {
              throw new Error("bug")
            }
          }
        })
        assert.strictEqual((yield* Effect.flip(throwing.complete(ask("Hello"))))._tag, "ProviderFault")
        assert.strictEqual(yield* started("down"), 1)
      })
    ))
})
