/** The time of a caller is shared among the language models of a cascade. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Deadline } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient, type ChatModel, LanguageModels } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Effect, Fiber, Layer, Schema, Stream } from "effect"
import type { LanguageModel } from "effect/ai"
import { modelOf } from "./support/modelOf.ts"

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

const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const value = yield* program
    return [value, (yield* Clock.currentTimeMillis) - start] as const
  })

const hangs = { outcome: Behaviour.hang }
const answers = (latency: "1 second" | "3 seconds" | "20 seconds") => ({
  latency: Behaviour.constant(latency),
  outcome: Behaviour.stream({ text: "{\"day\":\"good\"}", chunks: 3, pause: 10 })
})

const patient = { attemptTimeout: "30 seconds", deadline: "1 minute", retry: { maxAttempts: 1 } } as const

/** Chat models as language models in one cascade. */
const setting = (
  names: ReadonlyArray<string>,
  options?: LanguageModels.CascadeOptions,
  steps: ReadonlyArray<Partial<LanguageModels.Step>> = []
) =>
  Effect.gen(function*() {
    const made = yield* Effect.forEach(names, (model) => modelOf({ model, ...patient }))
    const models = yield* Effect.forEach(made, (model, i) =>
      Effect.map(LanguageModels.make(model), (language): LanguageModels.Step => ({
        name: names[i]!,
        model: language,
        ...steps[i]
      })))
    return { made, model: yield* LanguageModels.cascade(models as never, options) }
  })

const hello = { prompt: "Hello" }
const stepOf = (content: Parameters<typeof LanguageModels.provenance>[0]) => LanguageModels.provenance(content)?.step
const schema = Schema.Struct({ day: Schema.String })

type Ask = (model: LanguageModel.LanguageModel) => Effect.Effect<string | undefined, unknown>
const ways: ReadonlyArray<readonly [string, Ask]> = [
  ["whole", (model) => Effect.map(model.generateText(hello), ({ content }) => stepOf(content))],
  ["streamed", (model) => Effect.map(Stream.runCollect(model.streamText(hello)), stepOf)],
  ["as an object", (model) =>
    Effect.map(model.generateObject({ ...hello, schema }), ({ content, value }) => {
      assert.deepStrictEqual(value, { day: "good" })
      return stepOf(content)
    })]
]

for (const [way, ask] of ways) {
  describe(`${way}: a language model that hangs`, () => {
    const isFailed = (model: ChatModel.GuardedModel | undefined) =>
      Effect.map(model!.breaker.snapshot, ({ failed }) => failed === 1)

    it.effect("leaves time for the next one under the deadline of the caller, and its circuit counts a failure", () =>
      play(
        { m: hangs, other: answers("1 second") },
        Effect.gen(function*() {
          const { made: [m, other], model } = yield* setting(["m", "other"])
          const [step, millis] = yield* timed(ask(model).pipe(Deadline.within("10 seconds")))
          assert.deepStrictEqual([step, Math.floor(millis / 100)], ["other", 60])
          assert.deepStrictEqual([yield* isFailed(m), yield* isFailed(other)], [true, false])
          assert.strictEqual((yield* (yield* SimulatedProvider.SimulatedProvider).total).inFlight, 0)
        })
      ))

    it.effect("is overtaken after the share of its step, with a deadline and without", () =>
      play(
        { m: hangs, other: answers("1 second") },
        Effect.gen(function*() {
          const { model } = yield* setting(["m", "other"], { share: "none" }, [{ share: "2 seconds" }])
          for (const limit of [Deadline.within("10 seconds"), <A>(call: A) => call]) {
            const [step, millis] = yield* timed(limit(ask(model)) as ReturnType<Ask>)
            assert.deepStrictEqual([step, Math.floor(millis / 100)], ["other", 30])
          }
        })
      ))

    it.effect("has all of the time without a deadline, where no share is wanted, and when no attempt is left", () =>
      play(
        { m: answers("20 seconds"), other: answers("1 second") },
        Effect.gen(function*() {
          const { model } = yield* setting(["m", "other"])
          const { model: without } = yield* setting(["m", "other"], { share: "none" })
          const within = Deadline.within("25 seconds")
          const calls = [ask(model), within(ask(without)), within(ask(model)).pipe(Attempts.within(1))]
          for (const call of calls) {
            const [step, millis] = yield* timed(call)
            assert.deepStrictEqual([step, Math.floor(millis / 1000)], ["m", 20])
          }
          assert.strictEqual((yield* (yield* SimulatedProvider.SimulatedProvider).stats("other")).started, 0)
        })
      ))

    it.effect("has all but what the next one usually needs, once that is known", () =>
      play(
        { m: hangs, other: answers("3 seconds") },
        Effect.gen(function*() {
          const { made: [m], model } = yield* setting(["m", "other"])
          const provider = yield* SimulatedProvider.SimulatedProvider
          yield* m!.breaker.control.forceOpen
          for (let i = 0; i < 20; i++) yield* ask(model)
          yield* m!.breaker.control.reset
          yield* provider.set("other", answers("1 second"))
          const [step, millis] = yield* timed(ask(model).pipe(Deadline.within("20 seconds")))
          assert.deepStrictEqual([step, Math.round(millis / 1000)], ["other", 18])
          assert.strictEqual((yield* provider.total).inFlight, 0)
        })
      ))
  })
}

it.effect("leaves no call at a provider, whenever its caller leaves", () =>
  play(
    { m: hangs, other: answers("3 seconds"), last: hangs },
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.SimulatedProvider
      const { made, model } = yield* setting(["m", "other", "last"])
      for (const [, ask] of ways) {
        for (let at = 0; at <= 10_000; at += 500) {
          const fiber = yield* Effect.forkChild(Effect.exit(ask(model).pipe(Deadline.within("9 seconds"))))
          yield* Effect.sleep(at)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual((yield* provider.total).inFlight, 0, `after ${at} ms`)
          for (const { bulkhead } of made) assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
          yield* Effect.forEach(made, ({ breaker }) => breaker.control.reset)
        }
      }
    })
  ), 60_000)

it("shares that make no sense are refused by name", () => {
  const model = {} as LanguageModel.LanguageModel
  const refused = (step: Partial<LanguageModels.Step>, options?: object) =>
    Effect.runSync(Effect.flip(Effect.sandbox(LanguageModels.cascade([{ name: "m", model, ...step }], options))))
      .reasons
      .map((reason) => String((reason as { readonly defect: Error }).defect.message))[0]!
  assert.match(
    refused({ share: 0 }),
    /^LanguageModels\.cascade: steps\[0\]\.share must be a finite duration above zero/
  )
  assert.match(
    refused({}, { share: "half" }),
    /^LanguageModels\.cascade: share must be one of measured, even, none, got "half"/
  )
})
