import { assert, describe, it } from "@effect/vitest"
import { Cascade } from "@switchgear/core"
import { Canned, ChatClient, ChatModel, ChatSchema, ChatStream, LanguageModels, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Data, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ask, hello } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

const world = (models: Record<string, Behaviour.Behaviour>) =>
  ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
    Layer.provide(SimulatedProvider.layerHttpClient),
    Layer.provideMerge(SimulatedProvider.layer({ models }))
  )
const says = (text: string) => ({ outcome: Behaviour.ok(text) })
const both = world({ gpt: says("no JSON"), claude: says("{}") })

const started = Effect.flatMap(
  SimulatedProvider.SimulatedProvider,
  (provider) => Effect.map(provider.total, ({ started }) => started)
)

const isJson: ModelCascade.Accept = (reply) => {
  try {
    JSON.parse(ChatSchema.text(reply))
    return true
  } catch {
    return { reason: "no JSON" }
  }
}

const two = (
  options: Partial<ModelCascade.Options> = {},
  steps: ReadonlyArray<Omit<ModelCascade.Step, "model">> = []
) =>
  Effect.gen(function*() {
    const [gpt, claude] = [yield* modelOf({ model: "gpt" }), yield* modelOf({ model: "claude" })]
    const cascade = yield* ModelCascade.make({
      cache: { timeToLive: "5 minutes" },
      models: [{ model: gpt, ...steps[0] }, { model: claude, ...steps[1] }],
      ...options
    })
    return { cascade, claude, gpt }
  })

const told = ({ attempts, failures, step }: Omit<ChatModel.Answer, "value">) => ({
  step,
  attempts,
  failures: failures.map(({ error, step }) => `${step}: ${error.message}`)
})

const refusedBy = (model: string, reason?: string) =>
  `${model}: The answer of ${model} was not accepted${reason === undefined ? "" : ` (${reason})`}. ` +
  "Ask another model, or change the request or the check."

describe("accept", () => {
  it.effect("moves on from an answer that is refused, tells it as such, and keeps it nowhere", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two({ accept: isJson })
      const answer = yield* cascade.complete(hello)
      assert.deepStrictEqual(told(answer), { step: "claude", attempts: 2, failures: [refusedBy("gpt", "no JSON")] })
      const { error } = answer.failures[0]!
      assert.instanceOf(error, ChatModel.AnswerRefused)
      assert.deepInclude(error, { _tag: "AnswerRefused", model: "gpt", isRetryable: false, blame: "provider" })
      const again = yield* cascade.complete(hello)
      assert.deepStrictEqual([again.step, ChatSchema.text(again.value), yield* started], ["cache", "{}", 2])
    }).pipe(Effect.provide(both)))

  it.effect("is asked once about an answer, with the request, and not about what comes from the cache or is a sentence", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const accept: ModelCascade.Accept = (reply, request) => {
        seen.push(`${ChatSchema.text(reply)} to ${String(request.messages[0]?.content)}`)
        return seen.length < 2
      }
      const { cascade } = yield* two({ accept, canned: Canned.sentences } as never)
      yield* cascade.complete(hello)
      yield* cascade.complete(hello)
      const { degradation } = yield* cascade.complete(ask("again"))
      assert.deepStrictEqual(seen, ["no JSON to hello", "no JSON to again", "{} to again"])
      assert.strictEqual(degradation, "canned")
    }).pipe(Effect.provide(both)))

  it.effect("of a step holds for that step alone, and besides that of the cascade", () =>
    Effect.gen(function*() {
      const never = () => false
      const one = yield* two({}, [{ accept: never }])
      assert.deepStrictEqual(told(yield* one.cascade.complete(hello)).failures, [refusedBy("gpt")])
      const both = yield* two({ accept: isJson }, [{}, { accept: () => ({ reason: "too short" }) }])
      const error = yield* Effect.flip(both.cascade.complete(hello))
      assert.instanceOf(error, Cascade.CascadeExhausted)
      assert.deepStrictEqual(error.failures.map(({ error }) => (error as ChatModel.AnswerRefused).reason), [
        "no JSON",
        "too short"
      ])
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(both)))

  it.effect("leaves the stale answer, which was accepted when it was kept", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two({ accept: isJson })
      yield* cascade.complete(hello)
      yield* TestClock.adjust("1 hour")
      yield* (yield* SimulatedProvider.SimulatedProvider).set("claude", says("neither"))
      const { degradation, value } = yield* cascade.complete(hello)
      assert.deepStrictEqual([degradation, ChatSchema.text(value)], ["stale", "{}"])
    }).pipe(Effect.provide(both)))

  it.effect("is counted on the circuit of the model as the check says", () =>
    Effect.gen(function*() {
      for (const countsAs of ["success", "failure", undefined] as const) {
        const { cascade, gpt } = yield* two({ accept: (reply) => isJson(reply, hello) === true || { countsAs } })
        for (let i = 0; i < 10; i++) yield* cascade.complete(ask(`question ${i}`))
        const { calls, failureRate } = yield* gpt.breaker.snapshot
        if (countsAs === "failure") assert.strictEqual(yield* gpt.breaker.state, "Open")
        else assert.deepStrictEqual({ calls, failureRate }, { calls: 10, failureRate: 0 })
        // A refused answer is not asked for again at the same model.
        assert.strictEqual((yield* gpt.bulkhead.snapshot).inFlight, 0)
      }
    }).pipe(Effect.provide(both)))

  class Bad extends Data.TaggedError("Bad")<{}> {}
  const broken: ReadonlyArray<readonly [string, ModelCascade.Accept, string | undefined]> = [
    ["an effect of false", () => Effect.succeed(false), undefined],
    ["an effect of a refusal", () => Effect.succeed({ reason: "not in French" }), "not in French"],
    ["an effect that fails", () => Effect.fail(new Bad()), "the check failed"],
    ["an effect that dies", () => Effect.die(new Error("secret")), "the check threw an error"],
    ["a throw", () => {
      throw new Error("secret")
    }, "the check threw an error"],
    ["a refusal that throws", () => ({
      get reason(): string {
        throw new Error("secret")
      }
    }), "the check threw an error"],
    ["an interrupt of its own", () => Effect.interrupt, "the check was interrupted"],
    [
      "a fiber that was interrupted",
      () =>
        Effect.flatMap(
          Effect.forkChild(Effect.never),
          (fiber) => Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber))
        ),
      "the check was interrupted"
    ],
    ["a promise", (async () => true) as never, "the check returned a promise; it must return a value or an Effect"],
    [
      "a promise that rejects",
      (async () => {
        throw new Error("secret")
      }) as never,
      "the check returned a promise; it must return a value or an Effect"
    ],
    ["nothing", (() => undefined) as never, "the check returned neither true nor false"],
    ["a text", (() => "yes") as never, "the check returned neither true nor false"],
    ["a long reason", () => ({ reason: "x".repeat(1000) }), "x".repeat(100)]
  ]

  it.effect.each(broken)("refuses by %s, and tells the reason", ([, accept, reason]) =>
    Effect.gen(function*() {
      const { cascade } = yield* two({}, [{ accept }])
      const { failures, step } = told(yield* cascade.complete(hello))
      assert.deepStrictEqual([step, failures], ["claude", [refusedBy("gpt", reason)]])
    }).pipe(Effect.provide(both)))

  it.effect("judges a stream before its first chunk is told: it is asked for whole", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two({ accept: isJson })
      const answer = yield* Effect.scoped(Effect.gen(function*() {
        const { value, ...answer } = yield* cascade.open({ ...hello, stream: true })
        return { ...told(answer), texts: (yield* Stream.runCollect(value)).map(ChatStream.text) }
      }))
      assert.deepStrictEqual(answer, {
        step: "claude",
        attempts: 2,
        failures: [refusedBy("gpt", "no JSON")],
        texts: ["{}", "", ""]
      })
      assert.strictEqual((yield* cascade.complete(hello)).step, "cache")
    }).pipe(Effect.provide(both)))

  it.effect("of a cascade outside is asked inside, where another model can answer, and nothing is kept there", () =>
    Effect.gen(function*() {
      const { cascade: inner } = yield* two({ name: "eu" })
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "all",
        models: [{ model: inner }],
        accept: isJson
      })
      const answer = yield* outer.complete(hello)
      assert.deepStrictEqual(told(answer), {
        step: "eu/claude",
        attempts: 2,
        failures: [`eu/${refusedBy("gpt", "no JSON")}`]
      })
      const kept = yield* inner.complete(hello)
      assert.deepStrictEqual([kept.step, ChatSchema.text(kept.value)], ["cache", "{}"])
    }).pipe(Effect.provide(both)))

  it.effect("passes over what the cascade inside has kept for others and it refuses, fresh and stale", () =>
    Effect.gen(function*() {
      const { cascade: inner } = yield* two({ name: "eu" })
      assert.strictEqual((yield* inner.complete(hello)).step, "gpt")
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "all",
        models: [{ model: inner }],
        accept: isJson
      })
      assert.deepStrictEqual(told(yield* outer.complete(hello)), {
        step: "eu/claude",
        attempts: 2,
        failures: [`eu/${refusedBy("gpt", "no JSON")}`]
      })
      assert.strictEqual((yield* inner.complete(hello)).step, "cache")
      yield* inner.complete(ask("again"))
      const provider = yield* SimulatedProvider.SimulatedProvider
      for (const model of ["gpt", "claude"]) yield* provider.set(model, { outcome: Behaviour.unauthorized })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Effect.flip(outer.complete(ask("again"))))._tag, "CascadeExhausted")
      assert.strictEqual((yield* inner.complete(ask("again"))).degradation, "stale")
    }).pipe(Effect.provide(both)))

  it.effect("is asked once about an answer, however many cascades it passes", () =>
    Effect.gen(function*() {
      let asked = 0
      const counting = () => ++asked > 0
      const { cascade: inner } = yield* two({ name: "eu" })
      const middle = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "world",
        models: [{ model: inner }]
      })
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "all",
        models: [{ model: middle }],
        accept: counting
      })
      const texts = [ChatSchema.text((yield* outer.complete(hello)).value)]
      texts.push(ChatSchema.text(yield* ChatStream.collect(outer.stream(ask("streamed")))))
      assert.deepStrictEqual([texts, asked], [["no JSON", "no JSON"], 2])
    }).pipe(Effect.provide(both)))

  it.effect("of one cascade outside refuses no answer of the callers of another, who ask for the same", () =>
    Effect.gen(function*() {
      const slow = ChatModel.of({
        name: "slow",
        complete: (request) => Effect.delay(gpt.complete(request), "1 second")
      })
      const { claude, gpt } = yield* two()
      const inner = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "eu",
        models: [{ model: slow }, { model: claude }]
      })
      const strict = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "strict",
        models: [{ model: inner }],
        accept: isJson
      })
      const plain = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "plain",
        models: [{ model: inner }]
      })
      for (const order of [[strict, plain], [plain, strict]] as const) {
        const request = ask(order[0].name)
        const fibers = yield* Effect.forEach(order, ({ complete }) => Effect.forkChild(complete(request)))
        yield* TestClock.adjust("1 minute")
        const answers = yield* Fiber.joinAll(fibers)
        const steps = order.map(({ name }, i) => `${name} ${answers[i]!.step}`).sort()
        assert.deepStrictEqual(steps, ["plain eu/slow/gpt", "strict eu/claude"])
      }
    }).pipe(Effect.provide(both)))

  it.effect("changes nothing in the answer that it judges, nor in what another check is given", () =>
    Effect.gen(function*() {
      const spoils: ModelCascade.Accept = (reply) => {
        const { choices } = reply as unknown as { choices: Array<{ message: { content: string } }> }
        choices[0]!.message.content = "spoilt"
        choices.length = 0
        return true
      }
      const texts: Array<string> = []
      const sees: ModelCascade.Accept = (reply) => texts.push(ChatSchema.text(reply)) > 0
      const { cascade } = yield* two({ accept: sees }, [{ accept: spoils }])
      for (let i = 0; i < 2; i++) texts.push(ChatSchema.text((yield* cascade.complete(hello)).value))
      texts.push(ChatSchema.text(yield* ChatStream.collect(cascade.stream(ask("streamed")))))
      assert.deepStrictEqual([...new Set(texts)], ["no JSON"])
    }).pipe(Effect.provide(both)))

  it.effect("that hangs ends with its caller, and is no refusal", () =>
    Effect.gen(function*() {
      let left = 0
      const accept = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => left++))
      const { cascade } = yield* two({ accept })
      const fiber = yield* Effect.forkChild(cascade.complete(hello))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(left, 1)
    }).pipe(Effect.provide(both)))

  it.effect("is an invalid output to programs that ask a LanguageModel", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two({ accept: () => ({ reason: "too short" }) })
      const model = yield* LanguageModels.make(ChatModel.of({
        name: "one",
        complete: (request) =>
          Effect.mapError(cascade.complete(request), (error) =>
            error instanceof Cascade.CascadeExhausted ? error.failures[0].error : error)
      }))
      const { reason } = yield* Effect.flip(model.generateText({ prompt: "Hello" }))
      assert.strictEqual(reason._tag, "InvalidOutputError")
      assert.isFalse(reason.isRetryable)
    }).pipe(Effect.provide(both)))
})

describe("the cache mode of the calls inside", () => {
  it.effect("asks for another answer and keeps it, or keeps nothing", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two()
      const provider = yield* SimulatedProvider.SimulatedProvider
      const by = (mode: "use" | "refresh" | "bypass") =>
        Effect.map(
          Effect.provideService(cascade.complete(hello), ModelCascade.CurrentCacheMode, mode),
          ({ step, value }) => `${step}: ${ChatSchema.text(value)}`
        )
      assert.strictEqual(yield* by("use"), "gpt: no JSON")
      yield* provider.set("gpt", says("another"))
      assert.strictEqual(yield* by("use"), "cache: no JSON")
      assert.strictEqual(yield* by("bypass"), "gpt: another")
      assert.strictEqual(yield* by("use"), "cache: no JSON")
      assert.strictEqual(yield* by("refresh"), "gpt: another")
      assert.strictEqual(yield* by("use"), "cache: another")
      yield* provider.set("gpt", { outcome: Behaviour.stream({ text: "a third", chunks: 2 }) })
      const streamed = (mode: "refresh" | "bypass") =>
        Effect.provideService(
          Effect.map(ChatStream.collect(cascade.stream(hello)), ChatSchema.text),
          ModelCascade.CurrentCacheMode,
          mode
        )
      assert.strictEqual(yield* streamed("bypass"), "a third")
      assert.strictEqual(yield* by("use"), "cache: another")
      assert.strictEqual(yield* streamed("refresh"), "a third")
      assert.strictEqual(yield* by("use"), "cache: a third")
    }).pipe(Effect.provide(both)))

  it.effect("that passes the cache by serves nothing stale", () =>
    Effect.gen(function*() {
      const { cascade } = yield* two()
      yield* cascade.complete(hello)
      const provider = yield* SimulatedProvider.SimulatedProvider
      for (const model of ["gpt", "claude"]) yield* provider.set(model, { outcome: Behaviour.unauthorized })
      const by = (mode: "refresh" | "bypass") =>
        Effect.exit(Effect.provideService(cascade.complete(hello), ModelCascade.CurrentCacheMode, mode))
      assert.strictEqual((yield* by("bypass"))._tag, "Failure")
      const refreshed = yield* yield* by("refresh")
      assert.deepStrictEqual([refreshed.step, refreshed.degradation], ["cache", "stale"])
    }).pipe(Effect.provide(both)))
})
