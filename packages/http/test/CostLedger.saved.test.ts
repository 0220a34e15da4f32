/** What was spent stays spent in another process. */
import { Registry, SavedState } from "@switchgear/core"
import { CostLedger, Pricing } from "@switchgear/http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { answer, ask, modelOf } from "./support/ledgerOf.ts"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const made = (budgets: ReadonlyArray<CostLedger.Budget>, tenants = 100) =>
  CostLedger.make({ prices: { model: Pricing.price({ input: 1, output: 1 }) }, primary: "model", budgets, tenants })

/** A call of a tenant that costs so many micro-dollars. */
const spend = (ledger: CostLedger.CostLedger, tenant: string, tokens: number) => {
  const reply = answer({ prompt_tokens: tokens, completion_tokens: 0 }, { step: "model" })
  return Effect.exit(CostLedger.withTenant(tenant)(ledger.protect(modelOf(Effect.succeed(reply))).complete(ask())))
}

const Step = Schema.Struct({
  tenant: Schema.Literals(["a", "b", "c"]),
  tokens: Schema.Literals([10, 400, 3000]),
  wait: Schema.Literals([0, 0, 1000, 3_600_000, 40_000_000])
})

const budgets = [CostLedger.perTenant(0.012, "day"), CostLedger.overall(0.02, "1 hour"), CostLedger.overall(1, "month")]

const play = (ledger: CostLedger.CostLedger) => ({ tenant, tokens, wait }: typeof Step.Type) =>
  Effect.andThen(TestClock.adjust(wait), Effect.map(spend(ledger, tenant, tokens), ({ _tag }) => _tag))

const seen = (ledger: CostLedger.CostLedger) =>
  Effect.gen(function*() {
    const { budgets } = yield* ledger.snapshot
    const tenants = yield* Effect.forEach(["a", "b", "c"], (tenant) => ledger.tenant(tenant))
    // Nobody without an account has spent anything.
    return JSON.stringify([budgets, tenants.map((tenant) => tenant?.budgets.map(({ spent }) => spent) ?? [0])])
  })

describe("a restored ledger", () => {
  it.effect.prop("has spent what a ledger that lived on has spent, and refuses the same calls", {
    before: Schema.Array(Step),
    after: Schema.Array(Step),
    age: Schema.Literals([0, 1000, 3_600_000, 90_000_000, 1e11])
  }, ({ after, age, before }) =>
    Effect.gen(function*() {
      const lived = yield* inProcess(Effect.gen(function*() {
        const ledger = yield* made(budgets)
        yield* TestClock.setTime(1_790_000_000_000)
        yield* Effect.forEach(before, play(ledger))
        const text = JSON.stringify(yield* SavedState.save)
        const at = 1_790_000_000_000 + before.reduce((sum, { wait }) => sum + wait, 0)
        yield* TestClock.setTime(at + age)
        return {
          text,
          at,
          saw: yield* seen(ledger),
          ended: yield* Effect.forEach(after, play(ledger)),
          last: yield* seen(ledger)
        }
      }))
      const restored = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(lived.at + age)
        const ledger = yield* made(budgets)
        const { ignored } = yield* SavedState.restore(JSON.parse(lived.text))
        assert.deepStrictEqual(ignored, [])
        return {
          saw: yield* seen(ledger),
          ended: yield* Effect.forEach(after, play(ledger)),
          last: yield* seen(ledger)
        }
      }))
      assert.strictEqual(restored.saw, lived.saw)
      assert.deepStrictEqual(restored.ended, lived.ended)
      assert.strictEqual(restored.last, lived.last)
    }), { arbitrary: { runs: 200 } })

  it.effect("counts what a call in flight had reserved as spent: the provider may bill it", () =>
    Effect.gen(function*() {
      const { held, text } = yield* inProcess(Effect.gen(function*() {
        const ledger = yield* made([CostLedger.overall(1, "day")])
        yield* ledger.reserve(ask())
        const { budgets } = yield* ledger.snapshot
        return { held: budgets[0]!.reserved, text: JSON.stringify(yield* SavedState.save) }
      }))
      const { reserved, spent } = yield* inProcess(Effect.gen(function*() {
        const ledger = yield* made([CostLedger.overall(1, "day")])
        yield* SavedState.restore(JSON.parse(text))
        return (yield* ledger.snapshot).budgets[0]!
      }))
      assert.isAbove(held, 0)
      assert.deepStrictEqual({ spent, reserved }, { spent: held, reserved: 0 })
    }))

  it.effect("is not one that has seen calls, has no budget of that length, or gets windows that the calendar has not", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        const ledger = yield* made([CostLedger.perTenant(1, "day")])
        yield* spend(ledger, "a", 400)
        return JSON.stringify(yield* SavedState.save)
      }))
      const reason = (budget: CostLedger.Budget, saved: string, used: boolean) =>
        inProcess(Effect.gen(function*() {
          const ledger = yield* made([budget])
          if (used) yield* spend(ledger, "b", 10)
          return (yield* SavedState.restore(JSON.parse(saved))).ignored.map(({ reason }) => reason)
        }))
      const day = CostLedger.perTenant(1, "day")
      assert.deepStrictEqual(yield* reason(day, text, true), ["in-use"])
      assert.deepStrictEqual(yield* reason(CostLedger.perTenant(1, "month"), text, false), ["other-options"])
      assert.deepStrictEqual(yield* reason(day, text.replace("\"start\":0", "\"start\":1"), false), ["malformed"])
      assert.deepStrictEqual(yield* reason(day, text, false), [])
    }))

  it.effect("is refused by name where any place of it is changed, or counts what it says and lets calls through again", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(1_790_000_000_000)
        const ledger = yield* made(budgets)
        yield* spend(ledger, "a", 400)
        yield* spend(ledger, "b", 3000)
        return JSON.stringify(yield* SavedState.save)
      }))
      const strange: ReadonlyArray<unknown> = [
        null,
        -1,
        0.5,
        1e21,
        1e300,
        "",
        "__proto__",
        "x".repeat(1_000_000),
        [],
        {}
      ]
      const saved: unknown = JSON.parse(text)
      for (const path of places(saved)) {
        for (const by of strange) {
          yield* inProcess(Effect.gen(function*() {
            yield* TestClock.setTime(1_790_000_000_000)
            const ledger = yield* made(budgets)
            const result = yield* Effect.result(SavedState.restore(put(saved, path, by)))
            if (Result.isFailure(result)) assert.strictEqual(result.failure._tag, "InvalidSavedState")
            else {
              for (const { reason } of result.success.ignored) {
                assert.include(["malformed", "other-options", "other-name", "not-registered"], reason)
              }
            }
            const { budgets: states } = yield* ledger.snapshot
            assert.isTrue(states.every(({ spent }) => Number.isFinite(spent) && spent >= 0))
            // Every window is over then.
            yield* TestClock.adjust("32 days")
            assert.strictEqual((yield* spend(ledger, "a", 10))._tag, "Success")
          }))
        }
      }
    }))
})

/** Every place in a value, as the keys that lead to it. */
const places = (value: unknown, path: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> => [
  path,
  ...(typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, inside]) => places(inside, [...path, key]))
    : [])
]

const put = (json: unknown, [key, ...rest]: ReadonlyArray<string>, by: unknown): unknown => {
  if (key === undefined || typeof json !== "object" || json === null) return by
  const entries = Object.entries(json).map(([name, value]) =>
    [name, name === key ? put(value, rest, by) : value] as const
  )
  return Array.isArray(json) ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}
