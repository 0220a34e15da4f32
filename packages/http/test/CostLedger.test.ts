import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Cascade, CircuitBreaker, Outcome } from "@switchgear/core"
import { ChatError, type ChatModel, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Array as Arr, Cause, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { answer, ask, ledgerOf, microDollars, modelOf, plain } from "./support/ledgerOf.ts"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"

const prices: Pricing.Catalogue = {
  "gpt-4.1": Pricing.price({ input: 2.5, output: 8, cachedInput: 0.5 }),
  "claude-sonnet-4.5": Pricing.price({ input: 3, output: 15 }),
  "deepseek-v3.2": Pricing.price({ input: 0.28, output: 0.42 }),
  "no-input-price": Pricing.price({ output: 1 })
}

const usage = { prompt_tokens: 500, completion_tokens: 300 }

const ofArticle = CostLedger.make({ prices, primary: "gpt-4.1" })

const exhaustedBy = (...errors: Arr.NonEmptyReadonlyArray<unknown>) =>
  new Cascade.CascadeExhausted({ failures: Arr.map(errors, (error, i) => ({ step: `${i}`, error })) })

const billed = (ledger: CostLedger.CostLedger, given: ChatModel.Answer) =>
  Effect.map(ledger.protect(modelOf(Effect.succeed(given))).complete(ask()), ({ bill }) => bill)

describe("a bill", () => {
  it.effect("has the cost of the model that answered, and what that saved against the primary", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const bills = yield* Effect.forEach(
        ["gpt-4.1", "claude-sonnet-4.5", "deepseek-v3.2"],
        (step) => Effect.map(billed(ledger, answer(usage, { step })), ({ cost, saving }) => [cost.total, saving])
      )
      assert.deepStrictEqual(bills, [[3650, 0], [6000, -2350], [266, 3384]])
    }))

  it.effect("of what no model was asked for is 0, and saves what the primary would have cost", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const bill = (options: Partial<ChatModel.Answer>) =>
        Effect.map(
          billed(ledger, answer(usage, options)),
          ({ cost, model, saving }) => [model, cost.total, saving]
        )
      assert.deepStrictEqual(yield* bill({ step: "cache" }), ["cache", 0, 3650])
      assert.deepStrictEqual(yield* bill({ step: "last-good", degradation: "stale" }), ["cache", 0, 3650])
      assert.deepStrictEqual(yield* bill({ step: "canned", degradation: "canned" }), ["canned", 0, 3650])
    }))

  it.effect("of a cascade tells a call from a hit of the cache and from the sentence at the end", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const first = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: modelOf(Effect.succeed(answer(usage)), "gpt-4.1") }],
        canned: { default: "Later, please." }
      })
      const { complete } = ledger.protect(first)
      const called = yield* complete(ask())
      const kept = yield* complete(ask())
      assert.deepStrictEqual([called.bill.model, called.bill.cost.total, called.bill.saving], ["gpt-4.1", 3650, 0])
      assert.deepStrictEqual([kept.bill.model, kept.bill.cost.total, kept.bill.saving], ["cache", 0, 3650])

      const down = yield* ModelCascade.make({
        models: [{ model: modelOf(Effect.fail(new Bulkhead.BulkheadFull({ bulkhead: "m", reason: "queue-full" }))) }],
        canned: { default: "Later, please." }
      })
      const { bill } = yield* ledger.protect(down).complete(ask())
      // The sentence used no tokens, and says so.
      assert.deepStrictEqual([bill.model, bill.cost.total, bill.saving, bill.estimated], ["canned", 0, 0, false])
    }))

  it.effect("counts bytes where there is no usage, or one of zeros", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.make({ prices: { plain }, primary: "plain" })
      const none = yield* billed(ledger, answer(undefined))
      for (const usage of [0, { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost: 0 }]) {
        const zero = yield* billed(yield* CostLedger.make({ prices: { plain }, primary: "plain" }), answer(usage))
        assert.deepStrictEqual([zero.cost.total, zero.used, zero.estimated], [none.cost.total, none.used, true])
      }
      assert.isTrue(none.estimated)
      assert.strictEqual(none.used.input, JSON.stringify(ask()).length)
      assert.isAtLeast(none.used.output, "Good day".length)
      assert.strictEqual(none.cost.total, none.used.input + none.used.output)
      assert.strictEqual((yield* ledger.snapshot).total.estimated, 1)
    }))

  const broken: Readonly<Record<string, () => unknown>> = {
    "throws": () => {
      throw new Error("no tokenizer")
    },
    "throws when it is read": () => ({
      get input(): number {
        throw new Error("no tokenizer")
      },
      output: 1
    }),
    "gives nothing": () => undefined,
    "gives a promise": () => Promise.resolve({ input: 1, output: 1 }),
    "is below zero": () => ({ input: -5, output: -5 }),
    "is without end": () => ({ input: Infinity, output: 1 }),
    "is no number": () => ({ input: NaN, output: 1 }),
    "is a bigint": () => ({ input: 1n, output: 1 })
  }

  it.effect.each(Object.keys(broken))(
    "is made by the ledger's own estimate where a user's %s",
    (how) =>
      Effect.gen(function*() {
        const estimate = broken[how] as NonNullable<CostLedger.Options["estimate"]>
        const fails = modelOf(Effect.fail("503"))
        for (const budgets of [[], [CostLedger.perTenant(1, "day")]]) {
          const options = { prices: { plain }, primary: "plain", budgets }
          const [own, ours] = [yield* CostLedger.make({ ...options, estimate }), yield* CostLedger.make(options)]
          assert.deepStrictEqual(yield* billed(own, answer(undefined)), yield* billed(ours, answer(undefined)))
          for (const ledger of [own, ours]) {
            assert.strictEqual(yield* Effect.flip(ledger.protect(fails).complete(ask())), "503")
          }
          assert.deepStrictEqual(yield* own.snapshot, yield* ours.snapshot)
          assert.deepStrictEqual((yield* own.tenants).map(({ inFlight }) => inFlight), [0])
        }
      })
  )

  it.effect("counts the bytes of characters outside ASCII", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.make({ prices: { plain }, primary: "plain" })
      const inputOf = (content: string) =>
        ledger.protect(modelOf(Effect.succeed(answer(undefined)))).complete({ messages: [{ role: "user", content }] })
          .pipe(Effect.map(({ bill }) => bill.used.input))
      const empty = yield* inputOf("")
      for (const text of ["包裹", "é", "🙂", "a🙂é包"]) {
        assert.strictEqual((yield* inputOf(text)) - empty, new TextEncoder().encode(text).length, text)
      }
    }))

  it.effect("of a model or a part without a price is unknown, and names no saving", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const stranger = yield* billed(ledger, answer(usage, { step: "stranger" }))
      assert.deepStrictEqual([stranger.model, stranger.cost.total, stranger.saving], ["other", "unknown", "unknown"])
      const half = yield* billed(ledger, answer(usage, { step: "no-input-price" }))
      assert.deepStrictEqual([half.cost.total, half.cost.known, half.saving], ["unknown", 300, "unknown"])
      const { total } = yield* ledger.snapshot
      assert.deepStrictEqual([total.replies, total.unpriced, total.cost, total.saved], [2, 2, 300, 0])
    }))

  it.effect("goes by the provider's name for the model where the step has another, its date left out", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const modelBilled = (model: string) =>
        Effect.map(billed(ledger, answer(usage, { step: "first", model })), (bill) => bill.model)
      assert.strictEqual(yield* modelBilled("gpt-4.1-2025-04-14"), "gpt-4.1")
      assert.strictEqual(yield* modelBilled("claude-sonnet-4.5-20250929"), "claude-sonnet-4.5")
      assert.strictEqual(yield* modelBilled("gpt-4.1-mini-2025-04-14"), "other")
      assert.strictEqual(yield* modelBilled("toString"), "other")
    }))

  it.effect("is added up by model and by tenant, to the same total", () =>
    Effect.gen(function*() {
      const ledger = yield* ofArticle
      const bill = (tenant: string, step: string) =>
        billed(ledger, answer(usage, { step })).pipe(CostLedger.withTenant(tenant))
      yield* bill("acme", "gpt-4.1")
      yield* bill("acme", "deepseek-v3.2")
      yield* bill("zenith", "deepseek-v3.2")
      const { models, total } = yield* ledger.snapshot
      const tenants = yield* ledger.tenants
      assert.deepStrictEqual(
        tenants.map(({ tenant, totals }) => [tenant, totals.replies, totals.cost, totals.saved]),
        [["acme", 2, 3916, 3384], ["zenith", 1, 266, 3384]]
      )
      assert.deepStrictEqual([models["gpt-4.1"]?.cost, models["deepseek-v3.2"]?.cost], [3650, 532])
      assert.deepStrictEqual([total.replies, total.cost, total.saved], [3, 4182, 6768])
    }))
})

describe("a budget", () => {
  const limited = (limit: number, window: CostLedger.Budget["window"] = "1 minute") =>
    ledgerOf({ budgets: [CostLedger.perTenant(microDollars(limit), window)] })

  const budgetOf = (ledger: CostLedger.CostLedger, tenant = "default") =>
    Effect.map(ledger.tenant(tenant), (snapshot) => [snapshot!.budgets[0]!.spent, snapshot!.budgets[0]!.reserved])

  it.effect("is reserved before a call, and settled with the truth after it", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(100)
      const { complete } = ledger.protect(modelOf(Effect.as(Effect.sleep("1 second"), answer(20))))
      const first = yield* Effect.forkChild(complete(ask(70)), { startImmediately: true })
      assert.deepStrictEqual(yield* budgetOf(ledger), [0, 70])
      assert.strictEqual((yield* Effect.flip(complete(ask(31))))._tag, "BudgetExceeded")
      const second = yield* Effect.forkChild(complete(ask(30)), { startImmediately: true })
      assert.deepStrictEqual(yield* budgetOf(ledger), [0, 100])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* budgetOf(ledger), [40, 0])
    }))

  it.effect("that does not hold a call says whose it is, what is left, and when it resets, and calls nobody", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(100)
      let calls = 0
      const { complete } = ledger.protect(modelOf(Effect.sync(() => {
        calls++
        return answer(80)
      })))
      yield* TestClock.adjust("15 seconds")
      yield* complete(ask(10)).pipe(CostLedger.withTenant("acme"))
      const refused = yield* Effect.flip(complete(ask(21))).pipe(CostLedger.withTenant("acme"))
      assert.deepStrictEqual(
        [refused.tenant, refused.budget, refused.limit, refused.spent, refused.reserved],
        ["acme", "tenant", 100, 80, 0]
      )
      assert.deepStrictEqual(refused.retryAfter, Duration.seconds(45))
      assert.include(refused.message, "$0.00008 of $0.0001 are spent")
      assert.strictEqual(calls, 1)
      assert.strictEqual((yield* ledger.snapshot).total.refused, 1)
      yield* complete(ask(21)).pipe(CostLedger.withTenant("zenith"))
      yield* TestClock.adjust("45 seconds")
      yield* complete(ask(21)).pipe(CostLedger.withTenant("acme"))
    }))

  it.effect("refuses as a rejection: no breaker counts it as a failure and no retry repeats it", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(1)
      const { complete } = ledger.protect(modelOf(Effect.succeed(answer(1))))
      yield* complete(ask(1))
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const exit = yield* Effect.exit(complete(ask(1)).pipe(breaker.protect))
      assert.isTrue(Outcome.isRejected(exit))
      assert.strictEqual((yield* breaker.snapshot).failed, 0)
      const error = yield* Effect.flip(complete(ask(1)))
      assert.isFalse(Outcome.isRetryable(error))
      assert.deepStrictEqual(Outcome.retryAfter(error), Duration.minutes(1))
    }))

  it.effect.each(
    [
      ["a day", "day", Date.UTC(2025, 10, 11, 23, 59), "1 minute"],
      ["a month", "month", Date.UTC(2025, 10, 11), "20 days"],
      ["a month at the end of a year", "month", Date.UTC(2025, 11, 31, 12), "12 hours"],
      ["February of a leap year", "month", Date.UTC(2028, 1, 28), "2 days"],
      ["an hour", "1 hour", Date.UTC(2025, 10, 11, 5, 30), "30 minutes"]
    ] as const
  )("of %s resets at its end", ([, window, now, left]) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(now)
      const ledger = yield* limited(10, window)
      const { complete } = ledger.protect(modelOf(Effect.succeed(answer(10))))
      yield* complete(ask(10))
      const { retryAfter } = yield* Effect.flip(complete(ask(1)))
      assert.strictEqual(Duration.toMillis(retryAfter), Duration.toMillis(left))
      yield* TestClock.adjust(Duration.subtract(retryAfter, Duration.millis(1)))
      yield* Effect.flip(complete(ask(1)))
      yield* TestClock.adjust("1 millis")
      yield* complete(ask(1))
    }))

  it.effect("stays in its window when the clock is set back", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(120_000)
      const ledger = yield* limited(10)
      const { complete } = ledger.protect(modelOf(Effect.succeed(answer(10))))
      yield* complete(ask(10))
      yield* TestClock.setTime(1000)
      assert.strictEqual((yield* Effect.flip(complete(ask(1))))._tag, "BudgetExceeded")
    }))

  it.effect("is given back but for the prompt by a call that may be billed, and whole by one that surely is not", () =>
    Effect.gen(function*() {
      const refused = new ChatError.InvalidRequest({ provider: "test", model: "plain" })
      const late = new ChatError.TimedOut({ provider: "test", model: "plain", phase: "total" })
      const rejected = new Bulkhead.BulkheadFull({ bulkhead: "model", reason: "queue-full" })
      const endings: ReadonlyArray<readonly [Effect.Effect<ChatModel.Answer, unknown>, spent: number]> = [
        [Effect.fail("503"), 60],
        [Effect.die("bug"), 60],
        [Effect.interrupt, 60],
        [Effect.fail(late), 60],
        [Effect.fail(refused), 0],
        [Effect.fail(rejected), 0],
        [Effect.fail(exhaustedBy(refused, rejected)), 0],
        [Effect.fail(exhaustedBy(refused, late)), 60]
      ]
      for (const [ending, spent] of endings) {
        const ledger = yield* limited(100)
        const exit = yield* Effect.exit(ledger.protect(modelOf(ending)).complete(ask(60)))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(yield* budgetOf(ledger), [spent, 0])
        const { total } = yield* ledger.snapshot
        assert.deepStrictEqual([total.failures, total.cost, total.wasted], [1, spent, spent])
        assert.strictEqual(total.estimated, spent === 0 ? 0 : 1)
      }
    }))

  it.effect("is whole after an interrupt at any step of a call, which is billed or not, and never both", () =>
    Effect.gen(function*() {
      let ledger = yield* limited(100)
      let calls = 0
      const steps = yield* interruptAtEveryStep({
        program: () =>
          Effect.gen(function*() {
            calls = 0
            ledger = yield* limited(100)
            const model = modelOf(Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => {
                calls++
                return answer(30)
              })
            ))
            return yield* ledger.protect(model).complete(ask(70))
          }),
        check: (exit, step) =>
          Effect.gen(function*() {
            const { total } = yield* ledger.snapshot
            const tenant = yield* ledger.tenant("default")
            const at = `step ${step}: ${Exit.isSuccess(exit) ? "answered" : Cause.pretty(exit.cause)}`
            assert.strictEqual(tenant?.inFlight ?? 0, 0, at)
            const { reserved, spent } = tenant?.budgets[0] ?? { reserved: 0, spent: 0 }
            // Once the model was asked, a call that is left spends its prompt.
            assert.include([30 * total.replies, 70 * total.failures], spent, at)
            assert.strictEqual(reserved, 0, at)
            assert.isTrue(calls === 0 || spent > 0, at)
            assert.isAtMost(total.replies + total.failures, 1, at)
            if (Exit.isSuccess(exit)) assert.strictEqual(total.replies, 1, at)
            if (total.replies === 1) assert.strictEqual(calls, 1, at)
          })
      })
      assert.isAbove(steps, 10)
    }))

  it.effect("counts a call in the window in which it was let in, and not in the one in which it ends", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(100)
      const { complete } = ledger.protect(modelOf(Effect.as(Effect.sleep("90 seconds"), answer(100))))
      const late = yield* Effect.forkChild(complete(ask(60)), { startImmediately: true })
      yield* TestClock.adjust("70 seconds")
      const early = yield* Effect.forkChild(complete(ask(60)), { startImmediately: true })
      assert.deepStrictEqual(yield* budgetOf(ledger), [0, 60])
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(late)
      assert.deepStrictEqual(yield* budgetOf(ledger), [0, 60])
      assert.strictEqual((yield* ledger.snapshot).total.cost, 100)
      yield* Fiber.interrupt(early)
      assert.deepStrictEqual(yield* budgetOf(ledger), [60, 0])
    }))

  it.effect("lets a call pass alone that is expected to cost more than all of it", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(100)
      const { complete } = ledger.protect(modelOf(Effect.succeed(answer(40))))
      yield* complete(ask(100_000))
      assert.deepStrictEqual(yield* budgetOf(ledger), [40, 0])
      yield* Effect.flip(complete(ask(100_000)))
    }))

  it.effect("keeps what was reserved for a reply whose cost is not known", () =>
    Effect.gen(function*() {
      const ledger = yield* limited(100)
      yield* ledger.protect(modelOf(Effect.succeed(answer(5, { step: "stranger" })))).complete(ask(60))
      assert.deepStrictEqual(yield* budgetOf(ledger), [60, 0])
    }))

  it.effect("for all tenants together is kept beside those of each, and the last to reset is the one that is told", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({
        budgets: [
          CostLedger.overall(microDollars(100), "day"),
          CostLedger.perTenant(microDollars(60), "1 minute"),
          CostLedger.perTenant(microDollars(80), "1 hour")
        ]
      })
      const complete = (tenant: string, tokens: number) =>
        ledger.protect(modelOf(Effect.succeed(answer(tokens)))).complete(ask(tokens)).pipe(
          CostLedger.withTenant(tenant)
        )
      yield* complete("acme", 50)
      const first = yield* Effect.flip(complete("acme", 20))
      assert.deepStrictEqual([first.budget, first.limit, first.retryAfter], ["tenant", 60, Duration.minutes(1)])
      const both = yield* Effect.flip(complete("acme", 40))
      assert.deepStrictEqual([both.budget, both.limit, both.retryAfter], ["tenant", 80, Duration.hours(1)])
      yield* complete("zenith", 50)
      const all = yield* Effect.flip(complete("third", 1))
      assert.deepStrictEqual([all.budget, all.tenant, all.limit, all.spent], ["all", "third", 100, 100])
      assert.deepStrictEqual(all.retryAfter, Duration.hours(24))
      const { budgets } = yield* ledger.snapshot
      assert.deepStrictEqual(budgets.map(({ reserved, spent }) => [spent, reserved]), [[100, 0]])
    }))

  it.effect("is reserved at the highest price of those who may answer, by the bytes of the request and its max_tokens", () =>
    Effect.gen(function*() {
      const { "no-input-price": _, ...complete } = prices
      const reservedBy = (request: ChatModel.Request, models?: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const budgets = [CostLedger.overall(1000, "day")]
          const ledger = yield* CostLedger.make({ prices: complete, primary: "gpt-4.1", budgets, models })
          const call = ledger.protect(modelOf(Effect.never)).complete(request)
          const fiber = yield* Effect.forkChild(call, { startImmediately: true })
          const { budgets: [state] } = yield* ledger.snapshot
          yield* Fiber.interrupt(fiber)
          return state!.reserved
        })
      const request = { messages: [{ role: "user" as const, content: "Hello" }] }
      const bytes = (request: ChatModel.Request) => JSON.stringify(request).length
      assert.strictEqual(yield* reservedBy(request), 3 * bytes(request) + 15 * 4096)
      const short = { ...request, max_tokens: 100 }
      assert.strictEqual(yield* reservedBy(short), 3 * bytes(short) + 15 * 100)
      assert.strictEqual(yield* reservedBy(short, ["gpt-4.1"]), Math.round(2.5 * bytes(short)) + 8 * 100)
      const three = { ...request, max_completion_tokens: 100, max_tokens: 7, n: 3 }
      assert.strictEqual(yield* reservedBy(three), 3 * bytes(three) + 15 * 300)
    }))
})

describe("a reservation by hand", () => {
  it.effect("is settled once, and refunded by the end of its scope if it was not", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(100), "day")] })
      const state = Effect.map(ledger.snapshot, ({ budgets: [budget] }) => [budget!.spent, budget!.reserved])
      yield* Effect.scoped(Effect.gen(function*() {
        const { settle } = yield* ledger.reserve(ask(50))
        assert.deepStrictEqual(yield* state, [0, 50])
        assert.strictEqual((yield* settle(answer(20))).cost.total, 20)
        yield* settle(answer(20))
        assert.deepStrictEqual(yield* state, [20, 0])
      }))
      yield* Effect.scoped(
        Effect.andThen(ledger.reserve(ask(50)), Effect.map(state, (held) => assert.deepStrictEqual(held, [20, 50])))
      )
      assert.deepStrictEqual(yield* state, [20, 0])
      const { total } = yield* ledger.snapshot
      assert.deepStrictEqual([total.replies, total.failures], [1, 1])
    }))
})

describe("a ledger is not made", () => {
  const tiered = (...tiers: ReadonlyArray<number | Pricing.Tier>): Partial<CostLedger.Options> => ({
    prices: { plain: { ...plain, tiers: tiers.map((tier) => typeof tier === "number" ? { above: tier } : tier) } }
  })
  const wrong = (options: Partial<CostLedger.Options>) => Effect.flip(ledgerOf(options))

  it.effect.each(
    [
      ["a budget of zero", { budgets: [CostLedger.perTenant(0, "day")] }, "budgets[0].dollars must be", "got 0"],
      ["a negative budget", { budgets: [CostLedger.overall(-1, "day")] }, "budgets[0].dollars must be", "got -1"],
      ["an infinite budget", { budgets: [CostLedger.overall(Infinity, "day")] }, "budgets[0].dollars", "Infinity"],
      ["no window", { budgets: [CostLedger.overall(1, 0)] }, "budgets[0].window must be day, month or", "got 0"],
      ["another window", { budgets: [CostLedger.overall(1, "week" as never)] }, "budgets[0].window", "got \"week\""],
      ["no tenants", { tenants: 0 }, "tenants must be a whole number of at least 1", "got 0"],
      ["half a token", { assumedOutput: 0.5 }, "assumedOutput must be a whole number", "got 0.5"],
      ["a negative price", { prices: { plain: { input: -1 } } }, "prices[\"plain\"].input must be", "got -1"],
      ["no time", { idleTimeToLive: 0 }, "idleTimeToLive must be a finite duration", "got 0"],
      ["an alias to nothing", { aliases: { default: "plan" } }, "aliases[\"default\"] must be a model", "got \"plan\""],
      [
        "an alias of a model",
        { prices: { plain, other: plain }, aliases: { other: "plain" } },
        "aliases[\"other\"]",
        "plain"
      ],
      ["tiers out of order", tiered(200_000, 100_000), "prices[\"plain\"].tiers[1].above must be", "got 100000"],
      ["a tier twice", tiered(200_000, 200_000), "tiers[1].above must be a whole number of tokens above", "got 200000"],
      ["a tier from nothing", tiered(0), "prices[\"plain\"].tiers[0].above must be", "got 0"],
      ["half a tier", tiered(1.5), "prices[\"plain\"].tiers[0].above must be a whole number", "got 1.5"],
      ["a negative price in a tier", tiered({ above: 1, input: -1 }), "prices[\"plain\"].tiers[0].input", "got -1"]
    ] as const
  )("with %s, and says why", ([, options, field, got]) =>
    Effect.gen(function*() {
      const error = yield* wrong(options as never)
      assert.strictEqual(error._tag, "InvalidOption")
      assert.include(error.message, field)
      assert.include(error.message, got)
    }))

  it.effect("for a model that has no prices, or not those that a budget needs", () =>
    Effect.gen(function*() {
      const unknown = yield* wrong({ primary: "gpt-5" })
      assert.deepStrictEqual([unknown._tag, unknown.message.includes("\"gpt-5\"")], ["UnknownModel", true])
      assert.strictEqual((yield* wrong({ models: ["gpt-5"] }))._tag, "UnknownModel")
      const budgets = [CostLedger.overall(1, "day")]
      const missing = yield* wrong({ prices: { plain, ...Pricing.article }, budgets })
      assert.deepStrictEqual([missing._tag, missing.message.includes("input of \"gpt-4.1\"")], ["PriceMissing", true])
      yield* ledgerOf({ prices: { plain, ...Pricing.article }, budgets, models: ["plain"] })
    }))

  it.effect("from what is written, by the same rules, and is made from what is right", () =>
    Effect.gen(function*() {
      const read = Schema.decodeUnknownEffect(CostLedger.OptionsSchema)
      const right = {
        prices: { plain: { input: 1, output: 1 } },
        primary: "plain",
        budgets: [{ per: "tenant", dollars: 0.0001, window: "month" }, { per: "all", dollars: 5, window: "2 hours" }],
        tenants: 5
      }
      const options = yield* read(right)
      assert.deepStrictEqual(options, {
        prices: { plain },
        primary: "plain",
        budgets: [CostLedger.perTenant(0.0001, "month"), CostLedger.overall(5, "2 hours")],
        tenants: 5
      })
      yield* CostLedger.make(options)
      const reason = (change: object) =>
        Effect.map(Effect.flip(read({ ...right, ...change })), ({ message }) => message)
      assert.include(yield* reason({ budgets: [{ per: "all", dollars: 0, window: "day" }] }), "budgets[0].dollars")
      assert.include(yield* reason({ budgets: [{ per: "you", dollars: 1, window: "day" }] }), "one of tenant, all")
      assert.include(yield* reason({ primary: "gpt-5" }), "no model \"gpt-5\"")
      assert.include(yield* reason({ tenant: 5 }), "tenant")
      assert.include(yield* reason({ prices: { plain: { input: -1 } } }), "got -1")
      assert.include(yield* reason({ aliases: { m: "gpt-5" } }), "aliases[\"m\"] must be a model of prices")
      const tiers = [{ above: 9, input: 1 }, { above: 9, input: 2 }]
      assert.include(yield* reason({ prices: { plain: { input: 1, tiers } } }), "tiers[1].above")
    }))
})
