import { assert, describe, it, vi } from "@effect/vitest"
import { ChatModel, CostLedger, Pricing } from "@switchgear/http"
import { Clock, Duration, Effect, Fiber, Schema } from "effect"
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

  it.effect("carries nothing out of windows that were over before its own began", () =>
    Effect.gen(function*() {
      const budgets = (window: CostLedger.Budget["window"]) => [
        CostLedger.overall(2, window),
        CostLedger.perTenant(1, window)
      ]
      const lengths = ["month", "day", "2 days", "5 hours", "1 hour"] as const
      for (const window of lengths) {
        for (const other of lengths.filter((each) => each !== window)) {
          const options = { prices, primary: "gpt-4.1", budgets: budgets(window), tenants: 1 }
          const ledger = yield* CostLedger.make(options)
          yield* spend(ledger, 490, "first")
          // This tenant has no account of its own.
          yield* spend(ledger, 490, "second")
          yield* TestClock.adjust("61 days")
          const next = yield* after(ledger, budgets(other), 1)
          const states = Effect.map(
            Effect.all([next.snapshot, next.tenant("first")]),
            ([all, first]) => [all.budgets[0]!.spent, first!.budgets[0]!.spent]
          )
          assert.deepStrictEqual(yield* states, [0, 0], `${window} to ${other}`)
          yield* spend(next, 1_000_000, "second")
          const refused = yield* Effect.flip(spend(next, 1, "second"))
          assert.deepInclude(refused, { spent: 1_000_000 }, `${window} to ${other}`)
        }
      }
    }))

  it.effect("has spent what was spent in its window also while its budget had other windows, which are over", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 10, 3))
      const budgets = (window: CostLedger.Budget["window"]) => [
        CostLedger.overall(1, window),
        CostLedger.perTenant(1, window)
      ]
      let ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", budgets: budgets("month") })
      let sum = 0
      for (const window of ["day", "5 hours", "month", "1 hour", "day", "1 hour", "month"] as const) {
        for (let i = 0; i < 3; i++) {
          yield* spend(ledger, 10)
          yield* TestClock.adjust("30 hours")
        }
        // It begins before the windows change, and ends after it.
        const late = yield* Effect.forkChild(ask(ledger, 5), { startImmediately: true })
        ledger = yield* after(ledger, budgets(window))
        yield* ledger.snapshot
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(late)
        sum += 35
        if (window !== "month") continue
        const all = yield* ledger.snapshot
        const tenant = yield* ledger.tenant("shop")
        for (const { reserved, spent } of [all.budgets[0]!, tenant!.budgets[0]!]) {
          assert.deepStrictEqual([spent, reserved], [sum, 0])
        }
      }
      yield* TestClock.setTime(Date.UTC(2026, 11, 1))
      assert.strictEqual((yield* ledger.snapshot).budgets[0]!.spent, 0)
    }))

  const step = Schema.Struct({
    window: Schema.Literals(["month", "2 days", "day", "5 hours"]),
    amounts: Schema.Array(few).check(Schema.isMaxLength(3)),
    hours: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
  })

  it.effect.prop(
    "has spent at least what was spent since its budget first had the window that runs, whatever windows it had meanwhile",
    { steps: Schema.Array(step).check(Schema.isMaxLength(12)) },
    ({ steps }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2026, 10, 25))
        const budgets = (window: CostLedger.Budget["window"]) => [CostLedger.overall(1, window)]
        let ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", budgets: budgets("day") })
        let sum = 0
        /** What had been spent before each window was first that of the budget, by its length and its end. */
        const before = new Map<string, number>()
        for (const { amounts, hours, window } of steps) {
          const late = yield* Effect.forkChild(ask(ledger, 7), { startImmediately: true })
          ledger = yield* after(ledger, budgets(window))
          const { budgets: [begun] } = yield* ledger.snapshot
          const now = yield* Clock.currentTimeMillis
          const key = `${window} until ${now + Duration.toMillis(begun!.resetsIn)}`
          before.set(key, before.get(key) ?? sum)
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(late)
          sum += 7
          for (const amount of amounts) {
            yield* spend(ledger, amount)
            sum += amount
          }
          const { budgets: [state] } = yield* ledger.snapshot
          assert.strictEqual(state!.reserved, 0)
          assert.isAtLeast(state!.spent, sum - before.get(key)!, key)
          assert.isAtMost(state!.spent, sum)
          yield* TestClock.adjust(Duration.hours(hours))
        }
      })
  )

  it.effect("finds what was spent where the clock was ahead for a moment when its options changed", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 10, 30, 12))
      const budgets = (window: CostLedger.Budget["window"]) => [
        CostLedger.overall(2, window),
        CostLedger.perTenant(1, window)
      ]
      const options = { prices, primary: "gpt-4.1", budgets: budgets("month"), tenants: 1 }
      const ledger = yield* CostLedger.make(options)
      yield* spend(ledger, 490, "first")
      // This tenant has no account of its own.
      yield* spend(ledger, 1_000_000, "second")
      const daily = yield* after(ledger, budgets("day"), 1)
      yield* TestClock.setTime(Date.UTC(2026, 11, 1, 12))
      assert.strictEqual((yield* daily.snapshot).budgets[0]!.spent, 0)
      yield* TestClock.setTime(Date.UTC(2026, 10, 30, 13))
      assert.strictEqual((yield* daily.snapshot).budgets[0]!.spent, 1_000_490)
      assert.strictEqual((yield* daily.tenant("first"))!.budgets[0]!.spent, 490)
      const refused = yield* Effect.flip(spend(daily, 1, "second"))
      assert.deepInclude(refused, { budget: "shared", spent: 1_000_000 })
      yield* TestClock.setTime(Date.UTC(2026, 11, 1, 13))
      assert.strictEqual((yield* daily.snapshot).budgets[0]!.spent, 0)
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
