import { assert, describe, it } from "@effect/vitest"
import { ChatError, CostLedger } from "@switchgear/http"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { answer, ask, ledgerOf, microDollars, modelOf } from "./support/ledgerOf.ts"

const spend = (ledger: CostLedger.CostLedger, tenant: string, amount = 10) =>
  ledger.protect(modelOf(Effect.succeed(answer(amount)))).complete(ask(amount)).pipe(CostLedger.withTenant(tenant))

const names = (ledger: CostLedger.CostLedger) =>
  Effect.map(ledger.tenants, (tenants) => tenants.map(({ tenant }) => tenant))

const addsUp = (ledger: CostLedger.CostLedger) =>
  Effect.gen(function*() {
    const { others, total } = yield* ledger.snapshot
    const tenants = yield* ledger.tenants
    for (const field of ["replies", "failures", "refused", "cost", "saved"] as const) {
      assert.strictEqual(tenants.reduce((sum, { totals }) => sum + totals[field], others[field]), total[field], field)
    }
  })

describe("the accounts of tenants", () => {
  it.effect("are at most so many, and the one used longest ago is given up for a new one", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ tenants: 2 })
      yield* spend(ledger, "a")
      yield* spend(ledger, "b")
      yield* spend(ledger, "a")
      yield* spend(ledger, "c")
      assert.deepStrictEqual(yield* names(ledger), ["a", "c"])
      yield* addsUp(ledger)
    }))

  it.effect("stay few under twenty thousand made-up names, of which none is refused that spent nothing", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({
        tenants: 1000,
        budgets: [CostLedger.perTenant(microDollars(1000), "1 minute")]
      })
      for (let i = 0; i < 20_000; i++) yield* spend(ledger, `made-up-${i}`)
      const { others, tenants, total } = yield* ledger.snapshot
      assert.deepStrictEqual([tenants, total.cost, others.cost, total.refused], [1000, 200_000, 190_000, 0])
      yield* addsUp(ledger)
    }))

  it.effect("that are made up flush none of those who spent, with an account or without", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({
        tenants: 2,
        budgets: [CostLedger.perTenant(microDollars(100), "1 minute")]
      })
      const spenders = ["a", "b", "c", "d"]
      for (const tenant of spenders) yield* spend(ledger, tenant, 100)
      for (let i = 0; i < 5000; i++) yield* Effect.ignore(spend(ledger, `made-up-${i}`, 1))
      for (const tenant of spenders) {
        const { budget, message } = yield* Effect.flip(spend(ledger, tenant, 1))
        const isShared = tenant === "c" || tenant === "d"
        assert.strictEqual(budget, isShared ? "shared" : "tenant")
        assert.strictEqual(message.includes("raise tenants"), isShared)
      }
      // Without an account nobody has more than one budget, in one call or in many.
      const many = Array.from({ length: 50 }, () => Effect.exit(spend(ledger, "e", 10)))
      const exits = yield* Effect.all(many, { concurrency: "unbounded" })
      assert.isAtMost(exits.filter(({ _tag }) => _tag === "Success").length, 10)
      yield* addsUp(ledger)
    }))

  it.effect("that do not exist are seldom mistaken for each other, also when many have spent all they had", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ tenants: 1, budgets: [CostLedger.perTenant(microDollars(10), "1 minute")] })
      for (let i = 0; i < 100; i++) yield* Effect.ignore(spend(ledger, `spender-${i}`, 10))
      const { total: { refused } } = yield* ledger.snapshot
      for (let i = 0; i < 500; i++) yield* Effect.ignore(spend(ledger, `honest-${i}`, 1))
      // In one row of 1,024 cells a tenth of them would be refused.
      assert.isAtMost((yield* ledger.snapshot).total.refused - refused, 5)
    }))

  it.effect("are not given up while something is spent in a window, which would renew the budget", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({
        tenants: 1,
        idleTimeToLive: "1 second",
        budgets: [CostLedger.perTenant(microDollars(10), "1 minute")]
      })
      yield* spend(ledger, "a")
      yield* TestClock.adjust("30 seconds")
      yield* spend(ledger, "b")
      assert.deepStrictEqual(yield* names(ledger), ["a"])
      for (const tenant of ["a", "b"]) {
        assert.strictEqual((yield* Effect.flip(spend(ledger, tenant, 1))).tenant, tenant)
      }
      yield* spend(ledger, "c")
      yield* TestClock.adjust("30 seconds")
      yield* spend(ledger, "b")
      assert.deepStrictEqual(yield* names(ledger), ["b"])
      yield* addsUp(ledger)
    }))

  it.effect("are not given to those who have spent without one in this window", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({
        tenants: 1,
        budgets: [CostLedger.perTenant(microDollars(10), "1 minute")]
      })
      const release = yield* Deferred.make<never, ChatError.InvalidRequest>()
      const held = yield* Effect.forkChild(
        Effect.exit(ledger.protect(modelOf(Deferred.await(release))).complete(ask(10))).pipe(
          CostLedger.withTenant("a")
        ),
        { startImmediately: true }
      )
      yield* spend(ledger, "b")
      yield* Deferred.fail(release, new ChatError.InvalidRequest({ provider: "test", model: "plain" }))
      yield* Fiber.join(held)
      yield* Effect.flip(spend(ledger, "b"))
      assert.deepStrictEqual(yield* names(ledger), [])
      yield* TestClock.adjust("1 minute")
      yield* spend(ledger, "b")
      assert.deepStrictEqual(yield* names(ledger), ["b"])
    }))

  it.effect("are not given up while a call is in flight", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ tenants: 1, budgets: [CostLedger.perTenant(microDollars(10), "1 minute")] })
      const slow = ledger.protect(modelOf(Effect.as(Effect.sleep("5 minutes"), answer(10)))).complete(ask(10))
      const fiber = yield* Effect.forkChild(slow.pipe(CostLedger.withTenant("a")), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      yield* spend(ledger, "b")
      assert.deepStrictEqual(yield* names(ledger), ["a"])
      yield* TestClock.adjust("3 minutes")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* ledger.tenant("a"))?.totals.cost, 10)
      yield* addsUp(ledger)
    }))

  it.effect("are forgotten when they were idle for long, as others come", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ idleTimeToLive: "1 hour" })
      yield* spend(ledger, "a")
      yield* TestClock.adjust("30 minutes")
      yield* spend(ledger, "b")
      yield* TestClock.adjust("30 minutes")
      yield* spend(ledger, "c")
      assert.deepStrictEqual(yield* names(ledger), ["b", "c"])
      yield* addsUp(ledger)
    }))
})
