import { Hedge, Registry } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, type ChatModel, ChatSchema, ChatStream, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Clock, Effect, Exit } from "effect"
import { claude, gpt, hello, setting } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

const play = <A, E>(program: Effect.Effect<A, E>) => Effect.promise(() => Effect.runPromise(VirtualClock.play(program)))

/** Says its first word after this time. */
const speaksAfter = (
  firstContentAfter: "100 millis" | "3 seconds" | "9 seconds",
  text: string
): Behaviour.Behaviour => ({
  outcome: Behaviour.stream({ text, chunks: 3, firstContentAfter, pause: "1 second" })
})
const hangs: Behaviour.Behaviour = { outcome: Behaviour.hang }

const hedge: ModelCascade.HedgeOptions = { delay: "1 second", budget: { ratio: 1, burst: 100 } }

const opened = <E>(model: ChatModel.ChatModel<E>) =>
  Effect.scoped(Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    const { attempts, degradation, possiblyBilledAttempts, step, value } = yield* model.open(hello)
    const millis = (yield* Clock.currentTimeMillis) - begin
    const said = ChatSchema.text(yield* Effect.orDie(ChatStream.collect(value)))
    return { step, degradation, attempts, possiblyBilledAttempts, millis, said }
  }))

describe("a cascade of models with a hedge", () => {
  it.effect("asks the next model when the first is slow to say its first word, and goes on with the first that speaks", () =>
    play(Effect.gen(function*() {
      const { asked, cascade } = yield* setting(
        { [gpt]: speaksAfter("3 seconds", "slow"), [claude]: speaksAfter("100 millis", "quick words") },
        { hedge }
      )
      const { millis, said, ...told } = yield* opened(cascade)
      // The first call was begun, and may be billed.
      assert.deepStrictEqual(told, { step: claude, degradation: "fallback", attempts: 2, possiblyBilledAttempts: 2 })
      assert.isAtMost(Math.abs(millis - 1100), 5)
      assert.strictEqual(said, "quick words")
      assert.deepStrictEqual(yield* asked, [1, 1, 0, 0])
    })))

  it.effect("goes on with the first model once that has spoken, however slowly it speaks", () =>
    play(Effect.gen(function*() {
      const { asked, cascade } = yield* setting(
        { [gpt]: speaksAfter("100 millis", "slow but first"), [claude]: speaksAfter("100 millis", "quick") },
        { hedge }
      )
      const { millis, said, step } = yield* opened(cascade)
      assert.deepStrictEqual([step, said], [gpt, "slow but first"])
      assert.isAtMost(millis, 110)
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    })))

  it.effect("counts the loser on no circuit while it has had less than its share, and as a failure after that", () =>
    play(
      Effect.gen(function*() {
        const failures = (behaviour: Behaviour.Behaviour) =>
          Effect.gen(function*() {
            const { cascade } = yield* setting({ [gpt]: hangs, [claude]: behaviour }, { hedge, deadline: "12 seconds" })
            const { step } = yield* opened(cascade)
            assert.strictEqual(step, claude)
            const circuits = yield* Registry.snapshots
            const first = circuits.filter(({ id, kind }) => kind === "CircuitBreaker" && id.startsWith(gpt)).at(-1)
            return (first!.snapshot as { readonly totals: { readonly failures: number; readonly ignored: number } })
              .totals
          })
        const early = yield* Effect.provide(
          Effect.scoped(failures(speaksAfter("100 millis", "quick"))),
          Registry.layer()
        )
        assert.deepStrictEqual([early.failures, early.ignored], [0, 1])
        // Four models have three seconds each.
        const late = yield* Effect.provide(Effect.scoped(failures(speaksAfter("3 seconds", "late"))), Registry.layer())
        assert.deepStrictEqual([late.failures, late.ignored], [1, 0])
      })
    ))

  it.effect("has spent a hedge on a model that was asked, also where a guard refuses its retry", () =>
    play(
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({
          models: { m: speaksAfter("9 seconds", "slow"), n: { outcome: Behaviour.serverError } }
        })
        const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
          Effect.provide(SimulatedProvider.layerHttpClient),
          Effect.provideService(SimulatedProvider.SimulatedProvider, provider)
        )
        const make = (model: string) =>
          modelOf({ model, breaker: { minimumCalls: 1 }, retry: { maxAttempts: 2, baseDelay: 10, maxDelay: 10 } }).pipe(
            Effect.provideService(ChatClient.ChatClient, client)
          )
        const cascade = yield* ModelCascade.make({
          models: [{ model: yield* make("m") }, { model: yield* make("n") }],
          hedge,
          name: "retries"
        })
        assert.strictEqual((yield* opened(cascade)).step, "m")
        assert.strictEqual((yield* provider.stats("n")).started, 1)
        const { hedges, lost, notStarted } = yield* (yield* Registry.find(Hedge.kind, "retries"))!.snapshot
        assert.deepStrictEqual([hedges, lost, notStarted.refused], [1, 1, 0])
      }).pipe(Effect.scoped, Effect.provide(Registry.layer()))
    ))

  it.effect("hedges no whole answer but with on: result", () =>
    play(Effect.gen(function*() {
      const slow: Behaviour.Behaviour = { latency: Behaviour.constant("3 seconds") }
      const behaviours = { [gpt]: slow, [claude]: {} }
      const streamsOnly = yield* setting(behaviours, { hedge })
      assert.strictEqual((yield* streamsOnly.cascade.complete(hello)).step, gpt)
      const all = yield* setting(behaviours, { hedge: { ...hedge, on: "result" } })
      assert.strictEqual((yield* all.cascade.complete(hello)).step, claude)
    })))

  it.effect("shows its hedge by its name in the registry, with a class for each model", () =>
    play(
      Effect.gen(function*() {
        const { cascade } = yield* setting(
          { [gpt]: speaksAfter("3 seconds", "slow"), [claude]: speaksAfter("100 millis", "quick") },
          { hedge, name: "answers" }
        )
        yield* opened(cascade)
        const { classes, hedges, won } = yield* (yield* Registry.find(Hedge.kind, "answers"))!.snapshot
        assert.deepStrictEqual([hedges, won], [1, 1])
        assert.deepStrictEqual(classes.map((of) => of.class).sort(), [claude, gpt])
      }).pipe(Effect.scoped, Effect.provide(Registry.layer()))
    ))

  it.effect("refuses a delay that its deadline does not leave, and a hedge without a budget, by name", () =>
    Effect.gen(function*() {
      const refused = (options: object) =>
        Effect.map(
          Effect.exit(setting({}, options)),
          (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
        )
      assert.include(
        yield* refused({ hedge: { delay: "10 seconds" }, deadline: "5 seconds" }),
        "hedge.delay must be below the deadline of the cascade, 5s, got \"10 seconds\""
      )
      assert.include(yield* refused({ hedge: { budget: false } }), "hedge.budget must be { ratio, burst }")
      assert.include(yield* refused({ hedge: { dely: 1 } }), "dely")
    }))
})
