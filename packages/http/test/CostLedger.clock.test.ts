/** Budgets under a clock that jumps: each window of the calendar has its budget once. */
import { assert, describe, it } from "@effect/vitest"
import { CostLedger } from "@switchgear/http"
import { Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { answer, ask, ledgerOf, microDollars, modelOf } from "./support/ledgerOf.ts"

const day = 86_400_000
const now = Date.UTC(2026, 10, 28, 12)
const later = Date.UTC(2036, 0, 1)

const budgeted = (window: CostLedger.Budget["window"], options: Partial<CostLedger.Options> = {}) =>
  Effect.gen(function*() {
    const ledger = yield* ledgerOf({ budgets: [CostLedger.perTenant(microDollars(20), window)], ...options })
    const { complete } = ledger.protect(modelOf(Effect.succeed(answer(10))))
    const spend = (tenant = "a") => complete(ask(10)).pipe(CostLedger.withTenant(tenant))
    return { ledger, spend, spendAll: Effect.andThen(spend(), spend()) }
  })

describe("a clock that is wrong for a moment", () => {
  it.effect.each(["day", "month", "1 hour"] as const)(
    "locks nobody out for long: %s",
    (window) =>
      Effect.gen(function*() {
        const { spend, spendAll } = yield* budgeted(window)
        yield* TestClock.setTime(now)
        yield* spendAll
        yield* TestClock.setTime(later)
        yield* spendAll
        yield* TestClock.setTime(now + 60_000)
        const { retryAfter } = yield* Effect.flip(spend())
        assert.isAtMost(Duration.toMillis(retryAfter), 31 * day)
        yield* TestClock.setTime(now + 60_000 + Duration.toMillis(retryAfter))
        yield* spendAll
        yield* TestClock.setTime(now + 40 * day)
        yield* spendAll
      })
  )

  it.effect("grants nothing anew when it comes back, or jumps there again", () =>
    Effect.gen(function*() {
      const { spend, spendAll } = yield* budgeted("day")
      yield* TestClock.setTime(now)
      yield* spendAll
      yield* TestClock.setTime(later)
      yield* spendAll
      for (let i = 0; i < 20; i++) {
        yield* TestClock.setTime(now + i * 60_000)
        yield* Effect.flip(spend())
        yield* TestClock.setTime(later + i * 60_000)
        yield* Effect.flip(spend())
      }
    }))

  it.effect("does so for tenants without an account, too", () =>
    Effect.gen(function*() {
      const { spend } = yield* budgeted("day", { tenants: 1 })
      yield* TestClock.setTime(now)
      yield* spend("a")
      for (const at of [now, later]) {
        yield* TestClock.setTime(at)
        yield* Effect.andThen(spend("b"), spend("b"))
      }
      for (const at of [now, later, now + 60_000, later + 60_000]) {
        yield* TestClock.setTime(at)
        assert.strictEqual((yield* Effect.flip(spend("b"))).budget, "shared")
      }
      yield* TestClock.setTime(now + day)
      yield* spend("b")
    }))

  it.effect("that goes back before all that was spent grants nothing anew", () =>
    Effect.gen(function*() {
      const { spend, spendAll } = yield* budgeted("day")
      yield* TestClock.setTime(later)
      yield* spendAll
      yield* TestClock.setTime(now)
      yield* Effect.flip(spend())
      yield* TestClock.setTime(now + day)
      yield* spendAll
    }))

  it.effect("settles a call in the window in which it was let in, and leaves nothing reserved", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(20), "day")] })
      const state = Effect.map(ledger.snapshot, ({ budgets: [budget] }) => [budget!.spent, budget!.reserved])
      yield* TestClock.setTime(now)
      const jumps = modelOf(Effect.as(TestClock.setTime(later), answer(5)))
      yield* ledger.protect(jumps).complete(ask(10))
      assert.deepStrictEqual(yield* state, [0, 0])
      yield* TestClock.setTime(now)
      assert.deepStrictEqual(yield* state, [5, 0])
    }))
})

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

it.effect.prop(
  "no window is granted twice, wherever the clock jumps, while something is spent in as many as are remembered",
  {
    jumps: Schema.Array(whole(0, 9)).check(Schema.isMinLength(40), Schema.isMaxLength(80)),
    tenants: Schema.Literals([1, 10])
  },
  ({ jumps, tenants }) =>
    Effect.gen(function*() {
      const { ledger, spend } = yield* budgeted("day", { tenants })
      yield* TestClock.setTime(now)
      if (tenants === 1) yield* spend("who has the account")
      const spent = new Map<number, number>()
      for (const jump of jumps) {
        yield* TestClock.setTime(now + jump * day)
        // The clock is looked at in many windows, and something is spent in a few.
        yield* ledger.tenants
        if (jump > 3) {
          yield* Effect.ignore(ledger.protect(modelOf(Effect.fail("503"))).complete(ask(0)))
          continue
        }
        const exit = yield* Effect.exit(spend())
        if (exit._tag === "Success") spent.set(jump, (spent.get(jump) ?? 0) + 10)
        assert.isAtMost(spent.get(jump) ?? 0, 20)
      }
    }),
  { arbitrary: { runs: 200 } }
)
