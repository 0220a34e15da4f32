import { assert, describe, it, vi } from "@effect/vitest"
import { ChatModel, CostLedger, Pricing } from "@switchgear/http"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

interface Predecessor {
  readonly CurrentPredecessor: any
  readonly ledgerOf: (made: object) => unknown
}
const { CurrentPredecessor, ledgerOf } = await vi.importActual<Predecessor>("../src/costLedger/predecessor.ts")

const prices = { "gpt-4.1": Pricing.price({ input: 1, output: 1 }) }

/** A ledger with other options, which goes on with one that was made before. */
const after = (before: CostLedger.CostLedger, budgets: ReadonlyArray<CostLedger.Budget>, tenants = 10_000) =>
  Effect.provideService(
    CostLedger.make({ prices, primary: "gpt-4.1", budgets, tenants }),
    CurrentPredecessor,
    ledgerOf(before)
  )

/** Each call costs so many micro-dollars, and takes a second. */
const model = (tokens: number) =>
  ChatModel.of({
    name: "gpt-4.1",
    complete: () =>
      Effect.delay(
        Effect.succeed({
          step: "gpt-4.1",
          degradation: "none" as const,
          failures: [],
          attempts: 1,
          possiblyBilledAttempts: 1,
          value: {
            choices: [{ message: { role: "assistant" as const, content: "Hello" }, finish_reason: "stop" as const }],
            usage: { prompt_tokens: tokens - 1, completion_tokens: 1 }
          }
        }),
        "1 second"
      )
  })

const ask = (ledger: CostLedger.CostLedger, tokens: number, tenant = "shop") =>
  CostLedger.withTenant(tenant)(
    ledger.protect(model(tokens)).complete({ messages: [{ role: "user", content: "" }], max_tokens: 1 })
  )

const spend = (ledger: CostLedger.CostLedger, tokens: number, tenant?: string) =>
  Effect.gen(function*() {
    const call = yield* Effect.forkChild(ask(ledger, tokens, tenant))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(call)
  })

const few = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))

/** How much is spent, and over which windows the budgets go after it; they may change again before anybody asks. */
const change = Schema.Struct({
  amount: few,
  windows: Schema.Array(Schema.Literals(["day", "month", "2 days"])).check(Schema.isMaxLength(3))
})

describe("a ledger with other options that goes on with another one", () => {
  it.effect.prop(
    "has spent what was spent before, however often the options and the windows change, and by the calls that were in flight",
    { changes: Schema.Array(change).check(Schema.isMaxLength(6)) },
    ({ changes }) =>
      Effect.gen(function*() {
        const budgets = (dollars: number, window: "day" | "month" | "2 days" = "day") => [
          CostLedger.overall(dollars, window),
          CostLedger.perTenant(dollars, window)
        ]
        let ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", budgets: budgets(1) })
        let [sum, limit] = [0, 1]
        for (const [i, { amount, windows }] of changes.entries()) {
          yield* spend(ledger, amount)
          // This one is begun before the options change, and ends after it.
          const late = yield* Effect.forkChild(ask(ledger, amount), { startImmediately: true })
          for (const window of windows) ledger = yield* after(ledger, budgets(2 + i, window))
          if (windows.length > 0) limit = 2 + i
          if (i % 2 === 0) {
            // What is held for the call is told as well.
            assert.isAbove((yield* ledger.snapshot).budgets[0]!.reserved, 0)
          }
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(late)
          sum += 2 * amount
          const { budgets: [all], total } = yield* ledger.snapshot
          const tenant = yield* ledger.tenant("shop")
          assert.deepStrictEqual(
            [all!.spent, all!.reserved, all!.limit, total.cost, tenant!.budgets[0]!.spent, tenant!.totals.cost],
            [sum, 0, limit * 1_000_000, sum, sum, sum]
          )
        }
      })
  )

  it.effect("refuses what is above the new limit by what was spent under the old one", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.make({
        prices,
        primary: "gpt-4.1",
        budgets: [CostLedger.overall(0.0005, "day")]
      })
      yield* spend(ledger, 490)
      const lower = yield* after(ledger, [CostLedger.overall(0.0004, "day")])
      assert.strictEqual(((yield* Effect.flip(spend(lower, 1))) as CostLedger.BudgetExceeded).spent, 490)
      const higher = yield* after(lower, [CostLedger.overall(0.001, "day")])
      yield* spend(higher, 1)
      assert.strictEqual((yield* higher.snapshot).budgets[0]!.spent, 491)
    }))

  it.effect("carries what was spent into windows of another length, once", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", budgets: [CostLedger.overall(1, "day")] })
      yield* spend(ledger, 490)
      const monthly = yield* after(ledger, [CostLedger.overall(1, "month")])
      yield* spend(monthly, 10)
      assert.strictEqual((yield* monthly.snapshot).budgets[0]!.spent, 500)
      yield* TestClock.adjust("32 days")
      assert.strictEqual((yield* monthly.snapshot).budgets[0]!.spent, 0)
    }))

  it.effect("forgets nothing of tenants that had no account of their own", () =>
    Effect.gen(function*() {
      const budgets = (dollars: number) => [CostLedger.perTenant(dollars, "day")]
      const ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", budgets: budgets(0.0005), tenants: 1 })
      yield* spend(ledger, 10, "first")
      yield* spend(ledger, 490, "second")
      const next = yield* after(ledger, budgets(0.0004), 1)
      assert.isTrue((yield* Effect.flip(spend(next, 1, "second"))) instanceof CostLedger.BudgetExceeded)
      yield* spend(next, 1, "first")
    }))
})
