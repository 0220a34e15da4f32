/** A run that has lost to a hedge is spent, since it may be billed, and no guard counts it. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient, type ChatModel, ChatSchema, ChatStream, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect } from "effect"
import { microDollars, plain } from "./support/ledgerOf.ts"
import { modelOf } from "./support/modelOf.ts"

const request: ChatModel.Request = { messages: [{ role: "user", content: "x".repeat(100) }], max_tokens: 50 }
const prompt = Pricing.estimateTokens(request).input

const speaks = (firstContentAfter: "100 millis" | "30 seconds"): Behaviour.Behaviour => ({
  outcome: Behaviour.stream({ text: "one two three", chunks: 3, firstContentAfter, pause: "10 millis" })
})

/** A cascade whose first model is slow, and what the ledger and the guards of the models say after one call to it. */
const played = (
  behaviours: { readonly m: Behaviour.Behaviour; readonly n: Behaviour.Behaviour },
  call: (model: CostLedger.BilledModel<unknown>) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: behaviours })
    const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Effect.provide(SimulatedProvider.layerHttpClient),
      Effect.provideService(SimulatedProvider.SimulatedProvider, provider)
    )
    const make = (model: string) =>
      Effect.provideService(
        modelOf({ model, attemptTimeout: "1 minute", retry: { maxAttempts: 1 }, concurrencyLimit: {} }),
        ChatClient.ChatClient,
        client
      )
    const [m, n] = [yield* make("m"), yield* make("n")]
    const cascade = yield* ModelCascade.make({
      models: [{ model: m }, { model: n }],
      hedge: { delay: "1 second", on: "result", budget: { ratio: 1, burst: 100 } }
    })
    const ledger = yield* CostLedger.make({
      prices: { m: plain, n: plain },
      primary: "m",
      budgets: [CostLedger.overall(microDollars(1_000_000), "day")]
    })
    const bill = yield* call(ledger.protect(cascade))
    const { budgets: [budget], total } = yield* ledger.snapshot
    const guards = yield* Effect.forEach([m, n], (model) =>
      Effect.gen(function*() {
        const { failed, inFlight, totals } = yield* model.breaker.snapshot
        const limit = yield* model.concurrencyLimit!.snapshot
        return {
          circuit: [totals.successes, totals.failures, totals.ignored, failed, inFlight],
          limit: [limit.successes, limit.drops, limit.ignored, limit.inFlight]
        }
      }))
    return { bill, spent: budget!.spent, reserved: budget!.reserved, wasted: total.wasted, guards }
  })

const guards = [
  { circuit: [0, 0, 1, 0, 0], limit: [0, 0, 1, 0] },
  { circuit: [1, 0, 0, 0, 0], limit: [1, 0, 0, 0] }
]

const play = <A, E>(program: Effect.Effect<A, E>) => Effect.promise(() => Effect.runPromise(VirtualClock.play(program)))

describe("a model that loses to a hedge", () => {
  it.effect("is spent as what may be billed, and counts for no guard", () =>
    play(Effect.gen(function*() {
      const answered = Behaviour.respond(200, {
        model: "n",
        usage: { prompt_tokens: 20, completion_tokens: 5 },
        choices: [{ message: { content: "Hi" }, finish_reason: "stop" }]
      })
      const { bill, ...told } = yield* played(
        { m: { outcome: Behaviour.hang }, n: { outcome: answered } },
        (model) => Effect.map(model.complete(request), ({ bill }) => bill)
      )
      assert.strictEqual((bill as CostLedger.Bill).cost.total, 25)
      assert.deepStrictEqual(told, { spent: prompt + 25, reserved: 0, wasted: prompt, guards })
    })))

  it.effect("is spent so by a stream as well, of which the first content has decided", () =>
    play(Effect.gen(function*() {
      const { bill, ...told } = yield* played(
        { m: speaks("30 seconds"), n: speaks("100 millis") },
        (model) =>
          Effect.scoped(Effect.gen(function*() {
            const { bill, value } = yield* model.open(request)
            assert.strictEqual(ChatSchema.text(yield* ChatStream.collect(value)), "one two three")
            return yield* bill
          }))
      )
      const total = Number((bill as CostLedger.Bill).cost.total)
      assert.isAbove(total, 0)
      assert.deepStrictEqual(told, { spent: prompt + total, reserved: 0, wasted: prompt, guards })
    })))
})
