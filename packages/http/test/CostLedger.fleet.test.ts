/** Ledgers of several nodes whose budgets are one. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { ChatModel, CostLedger } from "@switchgear/http"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { scopedInTime } from "../../core/test/support/scopedInTime.ts"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"
import { answer, ask, ledgerOf, microDollars, modelOf } from "./support/ledgerOf.ts"

const { CurrentPredecessor, ledgerOf: ledgerIn } = await vi.importActual<any>("../src/costLedger/predecessor.ts")

const shared = (micros: number, window: CostLedger.Budget["window"] = "day"): CostLedger.Budget =>
  CostLedger.overall(microDollars(micros), window, { shared: true })

const options = (micros: number, more: Partial<CostLedger.Options> = {}) => ({
  name: "team",
  budgets: [shared(micros)],
  ...more
})

/** A node of the fleet around. */
const node = (options: Cluster.Options = {}) => Layer.build(Layer.fresh(Cluster.layer(options)))

const inFleet = <A, E>(test: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  scopedInTime(Effect.provide(test, ClusterStore.layerMemory))

/** Calls that cost so much, each of which takes as long as the clock is not moved. */
const spend = (ledger: CostLedger.CostLedger, micros: number, tenant = "default", used = micros) =>
  ledger.protect(modelOf(Effect.succeed(answer(used)))).complete(ask(micros)).pipe(CostLedger.withTenant(tenant))

const stateOf = (ledger: CostLedger.CostLedger) =>
  Effect.map(ledger.snapshot, ({ budgets: [state] }) => [state!.spent, state!.reserved])

/** Until all have told what they have to tell. */
const told = TestClock.adjust("12 seconds")

describe("a budget of all nodes", () => {
  it.effect("is spent together, and each node knows what the others have spent", () =>
    inFleet(Effect.gen(function*() {
      const [one, another] = [
        yield* Effect.provide(ledgerOf(options(100)), yield* node()),
        yield* Effect.provide(ledgerOf(options(100)), yield* node())
      ]
      yield* spend(one, 70)
      yield* told
      const refused = yield* Effect.flip(spend(another, 40))
      assert.deepInclude(refused, { _tag: "BudgetExceeded", budget: "all", limit: 100, spent: 70, reserved: 0 })
      assert.strictEqual(Duration.toMillis(refused.retryAfter), 86_400_000 - 12_000)
      yield* spend(another, 30)
      yield* told
      assert.deepStrictEqual([yield* stateOf(one), yield* stateOf(another)], [[100, 0], [100, 0]])
      yield* TestClock.adjust("1 day")
      yield* spend(another, 100)
    })))

  it.effect("is one in whatever words its nodes name its window", () =>
    inFleet(Effect.gen(function*() {
      const windows = ["day", "1 day", "24 hours", 86_400_000, Duration.days(1)] as const
      const ledgers: Array<CostLedger.CostLedger> = []
      for (const window of windows) {
        const budgets = [shared(100, window)]
        ledgers.push(yield* Effect.provide(ledgerOf({ name: "team", budgets }), yield* node()))
      }
      for (const ledger of ledgers) {
        yield* spend(ledger, 20)
        yield* told
      }
      for (const ledger of ledgers) {
        assert.deepInclude(yield* Effect.flip(spend(ledger, 1)), { _tag: "BudgetExceeded", spent: 100 })
      }
    })))

  it.effect("is heard of by a node that only looks at it", () =>
    inFleet(Effect.gen(function*() {
      const [one, another] = [
        yield* Effect.provide(ledgerOf(options(100)), yield* node()),
        yield* Effect.provide(ledgerOf(options(100)), yield* node())
      ]
      yield* spend(one, 70)
      yield* told
      assert.deepStrictEqual(yield* stateOf(another), [0, 0])
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* stateOf(another), [70, 0])
      yield* spend(one, 20)
      yield* told
      assert.deepStrictEqual(yield* stateOf(another), [90, 0])
    })))

  it.effect("is spent to the last micro-dollar, and not beyond, by a thousand calls at once", () =>
    inFleet(Effect.gen(function*() {
      const ledgers = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.flatMap(node(), (context) => Effect.provide(ledgerOf(options(2500)), context))
      )
      const exits = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => ledgers[i % 3]!),
        (ledger) => Effect.exit(spend(ledger, 25)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 100)
    })))

  it.effect("refuses no call that waited for one budget while others took what another one had for it", () =>
    inFleet(Effect.gen(function*() {
      const memory = yield* ClusterStore.ClusterStore
      const slow = { ...memory, budgets: (call: ClusterStore.BudgetCall) => Effect.delay(memory.budgets(call), 5) }
      const context = yield* Effect.provideService(node(), ClusterStore.ClusterStore, slow)
      const budgets = [
        CostLedger.perTenant(1, "day", { shared: true }),
        CostLedger.overall(10, "day", { shared: true })
      ]
      for (let seed = 0; seed < 5; seed++) {
        const ledger = yield* Effect.provide(ledgerOf({ name: `team ${seed}`, budgets }), context)
        const call = (i: number) =>
          Effect.flatMap(Random.next, (share) => {
            const model = modelOf(Effect.delay(Effect.succeed(answer(1)), 3))
            const asked = ask(Math.floor(share ** 4 * 2000) + 1)
            return CostLedger.withTenant(`tenant ${i % 20}`)(ledger.protect(model).complete(asked))
          })
        const fibers = yield* Random.withSeed(
          Effect.forEach(
            Array.from({ length: 1000 }),
            (_, i) => Effect.tap(Effect.forkChild(call(i)), () => TestClock.adjust(1))
          ),
          `seed ${seed}`
        )
        yield* TestClock.adjust("1 second")
        yield* Effect.forEach(fibers, Fiber.join)
      }
    })))

  it.effect("has what a call did not use, and lacks what it used more", () =>
    inFleet(Effect.gen(function*() {
      const [one, another] = [
        yield* Effect.provide(ledgerOf(options(100)), yield* node()),
        yield* Effect.provide(ledgerOf(options(100)), yield* node())
      ]
      yield* spend(one, 90, "default", 10)
      yield* told
      yield* spend(another, 60, "default", 80)
      yield* told
      const refused = yield* Effect.flip(spend(one, 11))
      assert.deepInclude(refused, { spent: 90, reserved: 0 })
      yield* spend(one, 10)
    })))

  it.effect("is one for each tenant, whatever node its calls come to", () =>
    inFleet(Effect.gen(function*() {
      const budgets = [CostLedger.perTenant(microDollars(50), "month", { shared: true })]
      const [one, another] = [
        yield* Effect.provide(ledgerOf(options(0, { budgets })), yield* node()),
        yield* Effect.provide(ledgerOf(options(0, { budgets })), yield* node())
      ]
      yield* spend(one, 50, "acme")
      yield* told
      assert.deepInclude(yield* Effect.flip(spend(another, 1, "acme")), { budget: "tenant", tenant: "acme", spent: 50 })
      yield* spend(another, 50, "globex")
    })))

  it.effect("is that of a process where there is no fleet, and where a tenant's name is too long for one", () =>
    inFleet(Effect.gen(function*() {
      const alone = yield* ledgerOf(options(100))
      yield* spend(alone, 100)
      const other = yield* ledgerOf(options(100))
      yield* spend(other, 100)
      const budgets = [CostLedger.perTenant(microDollars(50), "day", { shared: true })]
      const [one, another] = [
        yield* Effect.provide(ledgerOf(options(0, { budgets })), yield* node()),
        yield* Effect.provide(ledgerOf(options(0, { budgets })), yield* node())
      ]
      const long = "x".repeat(513)
      yield* spend(one, 50, long)
      yield* told
      yield* spend(another, 50, long)
      assert.strictEqual((yield* Effect.flip(spend(another, 1, long)))._tag, "BudgetExceeded")
    })))

  it.effect("that differs between nodes is told with both amounts", () =>
    inFleet(Effect.gen(function*() {
      const context = yield* node()
      const one = yield* Effect.provide(ledgerOf(options(100)), yield* node())
      const another = yield* Effect.provide(ledgerOf(options(80)), context)
      yield* spend(one, 10)
      yield* told
      const fiber = yield* Effect.forkChild(
        another.protect(modelOf(Effect.delay(Effect.succeed(answer(10)), "1 second"))).complete(ask(10))
      )
      yield* TestClock.adjust("500 millis")
      const { budgets, rulesDiffer } = yield* Context.get(context, Cluster.Cluster).status
      assert.deepStrictEqual(rulesDiffer, [["team:all:day:0", "100 micro-dollars, here 80"]])
      assert.deepInclude(budgets, { count: 1, taken: 10, isAway: false })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    })))
})

describe("while the store does not answer", () => {
  const silent: ClusterStore.ClusterStore["Service"] = {
    circuits: () => Effect.never,
    limits: () => Effect.never,
    budgets: () => Effect.never,
    subscribe: Effect.never
  }
  const within = (away: NonNullable<Cluster.Options["away"]>) =>
    Effect.gen(function*() {
      const context = yield* node({ away })
      const ledger = yield* Effect.provide(ledgerOf(options(100)), context)
      const fiber = yield* Effect.forkChild(Effect.exit(spend(ledger, 60)))
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const exit = yield* Fiber.join(fiber)
      return { exit, ledger }
    }).pipe(Effect.provideService(ClusterStore.ClusterStore, silent))

  for (const away of ["local", "open"] as const) {
    it.effect(`a call waits for 50 ms, and the budget is that of the node: ${away}`, () =>
      scopedInTime(Effect.gen(function*() {
        const { exit, ledger } = yield* within(away)
        assert.isTrue(Exit.isSuccess(exit))
        yield* spend(ledger, 40)
        assert.strictEqual((yield* Effect.flip(spend(ledger, 1)))._tag, "BudgetExceeded")
      })))
  }

  it.effect("a budget that is closed then says that the store is away, and when it is tried again", () =>
    scopedInTime(Effect.gen(function*() {
      const { exit } = yield* within("closed")
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) as CostLedger.BudgetExceeded : undefined
      assert.deepInclude(error, {
        _tag: "BudgetExceeded",
        reason: "store-away",
        isRetryable: true,
        blame: "application"
      })
      assert.isAtMost(Duration.toMillis(error!.retryAfter), 300)
      assert.match(
        error!.message,
        /^The budget for all tenants cannot be asked: the store of the fleet does not answer, and this node has too little of it for this call\. When it answered last, \$0\.00 of \$0\.0001 are spent and \$0\.00 reserved\. It is tried again in 2\d\dms\.$/
      )
      const { body, headers, status } = error!.toResponse()
      assert.deepStrictEqual([status, headers["x-should-retry"], JSON.parse(body).error.code], [
        503,
        undefined,
        "budget_unavailable"
      ])
      assert.match(body, /The budget cannot be asked now\. Try again in 2\d\dms\./)
    })))

  it.effect("a budget that was spent before says so, and when it resets", () =>
    scopedInTime(Effect.gen(function*() {
      const memory = yield* Effect.provide(ClusterStore.ClusterStore, ClusterStore.layerMemory)
      let isThere = true
      const store = {
        ...memory,
        budgets: (call: ClusterStore.BudgetCall) => Effect.suspend(() => isThere ? memory.budgets(call) : Effect.never)
      }
      const context = yield* Effect.provideService(node({ away: "closed" }), ClusterStore.ClusterStore, store)
      const ledger = yield* Effect.provide(ledgerOf(options(100)), context)
      yield* spend(ledger, 90)
      yield* TestClock.adjust("1 second")
      isThere = false
      // A heartbeat that nobody answers.
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 5 })
      const [spent, away] = [yield* Effect.flip(spend(ledger, 11)), yield* Effect.flip(spend(ledger, 10))]
      assert.deepInclude(spent, { reason: "exceeded", isRetryable: false })
      assert.match(
        spent.message,
        /does not hold this call: \$0\.00009 of \$0\.0001 are spent and \$0\.00 reserved\. It resets in 1d\.$/
      )
      assert.strictEqual(spent.toResponse().status, 429)
      assert.deepInclude(away, { reason: "store-away" })
    })))
})

describe("once its node has left the fleet", () => {
  for (const when of ["before it is used", "before the first call has begun to ask", "after calls"]) {
    it.effect(`a budget is that of the node, and no call waits for the fleet: ${when}`, () =>
      inFleet(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const ledger = yield* Effect.provide(ledgerOf(options(100)), yield* Scope.provide(node(), scope))
        if (when === "before the first call has begun to ask") yield* ledger.snapshot
        if (when === "after calls") {
          yield* spend(ledger, 30)
          yield* told
        }
        yield* Scope.close(scope, Exit.void)
        yield* spend(ledger, 40)
        assert.strictEqual((yield* Effect.flip(spend(ledger, 90)))._tag, "BudgetExceeded")
      })))
  }
})

describe("a ledger that goes on with another", () => {
  const after = (before: CostLedger.CostLedger, given: Partial<CostLedger.Options>) =>
    Effect.provideService(ledgerOf(given), CurrentPredecessor, ledgerIn(before))

  it.effect("has the same budget of the fleet, with another amount", () =>
    inFleet(Effect.gen(function*() {
      const context = yield* node()
      const other = yield* Effect.provide(ledgerOf(options(100)), yield* node())
      const before = yield* Effect.provide(ledgerOf(options(100)), context)
      yield* spend(before, 40)
      yield* spend(other, 30)
      yield* told
      const ledger = yield* Effect.provide(after(before, options(80)), context)
      assert.strictEqual((yield* Effect.flip(spend(ledger, 11))).limit, 80)
      yield* spend(ledger, 10)
      yield* told
      assert.deepStrictEqual([yield* stateOf(ledger), yield* stateOf(other)], [[80, 0], [80, 0]])
    })))

  it.effect("tells the others of the other amount, also where it is only looked at", () =>
    inFleet(Effect.gen(function*() {
      const [context, others] = [yield* node(), yield* node()]
      const before = yield* Effect.provide(ledgerOf(options(100)), context)
      const other = yield* Effect.provide(ledgerOf(options(100)), others)
      yield* before.snapshot
      yield* spend(other, 10)
      yield* told
      const ledger = yield* Effect.provide(after(before, options(80)), context)
      const changed = yield* Effect.provide(
        Effect.provideService(ledgerOf(options(80)), CurrentPredecessor, ledgerIn(other)),
        others
      )
      for (let i = 0; i < 20; i++) {
        yield* Effect.andThen(ledger.snapshot, spend(changed, 1))
        yield* TestClock.adjust("5 seconds")
      }
      assert.deepStrictEqual((yield* Context.get(others, Cluster.Cluster).status).rulesDiffer, [])
    })))

  it.effect("tells the fleet what was spent before its budget was shared, of each node", () =>
    inFleet(Effect.gen(function*() {
      const budgets = [CostLedger.overall(microDollars(100), "day")]
      const nodes = yield* Effect.forEach([30, 20], (spent) =>
        Effect.gen(function*() {
          const context = yield* node()
          const before = yield* Effect.provide(ledgerOf({ budgets }), context)
          yield* spend(before, spent)
          const ledger = yield* Effect.provide(after(before, options(100)), context)
          yield* ledger.snapshot
          return { ledger, cluster: Context.get(context, Cluster.Cluster) }
        }))
      yield* told
      const ledgers = nodes.map(({ ledger }) => ledger)
      assert.deepInclude(yield* Effect.flip(spend(ledgers[0]!, 51)), { spent: 50 })
      yield* spend(ledgers[0]!, 50)
      for (const { cluster } of nodes) assert.deepStrictEqual((yield* cluster.status).rulesDiffer, [])
    })))

  it.effect("and gets back the window of before tells the fleet what was spent meanwhile, once", () =>
    inFleet(Effect.gen(function*() {
      const context = yield* node()
      const other = yield* Effect.provide(ledgerOf(options(1000)), yield* node())
      const within = (window: CostLedger.Budget["window"]) => ({ name: "team", budgets: [shared(1000, window)] })
      let ledger = yield* Effect.provide(ledgerOf(within("day")), context)
      const begin = (used: number, lasts: Duration.Input) =>
        Effect.forkChild(
          ledger.protect(modelOf(Effect.delay(Effect.succeed(answer(used)), lasts))).complete(ask(100))
        )
      const calls = [yield* begin(50, "1 minute")]
      yield* spend(ledger, 40)
      for (const [i, window] of (["month", "day", "month", "day"] as const).entries()) {
        yield* told
        ledger = yield* Effect.provide(after(ledger, within(window)), context)
        assert.deepStrictEqual(yield* stateOf(ledger), [40 + i, 100 * (i + 1)], window)
        calls.push(yield* begin(20, "1 hour"))
        yield* spend(ledger, 1)
      }
      yield* TestClock.adjust("2 hours")
      yield* Effect.forEach(calls, Fiber.join)
      yield* told
      const spent = 40 + 50 + 4 * 21
      assert.deepStrictEqual(yield* stateOf(ledger), [spent, 0])
      yield* other.snapshot
      yield* told
      assert.deepStrictEqual(yield* stateOf(other), [spent, 0])
      yield* spend(other, 1000 - spent)
      ledger = yield* Effect.provide(after(ledger, within("month")), context)
      yield* spend(ledger, 1000 - spent)
      assert.strictEqual((yield* Effect.flip(spend(ledger, 1)))._tag, "BudgetExceeded")
    })))

  it.effect(
    "has spent what its calls have spent, whatever windows its budget had before",
    () =>
      Effect.gen(function*() {
        for (let run = 0; run < 60; run++) {
          const play = inFleet(Effect.gen(function*() {
            const context = yield* node()
            const pick = <A>(all: ReadonlyArray<A>) =>
              Effect.map(Random.nextIntBetween(0, all.length - 1), (i) => all[i]!)
            const within = (window: CostLedger.Budget["window"]) => ({
              name: "team",
              budgets: [shared(1_000_000, window)]
            })
            let ledger = yield* Effect.provide(ledgerOf(within("day")), context)
            let spent = 0
            const calls: Array<Fiber.Fiber<unknown, unknown>> = []
            for (let step = 0; step < 25; step++) {
              const [kind, used] = [yield* Random.nextIntBetween(0, 3), yield* Random.nextIntBetween(1, 200)]
              if (kind === 0) {
                const window = yield* pick(["day", "month", "12 hours"] as const)
                ledger = yield* Effect.provide(after(ledger, within(window)), context)
                yield* ledger.snapshot
              } else {
                spent += used
                const lasts = yield* pick([0, 500, 60_000, 600_000])
                const model = modelOf(Effect.delay(Effect.succeed(answer(used)), lasts))
                calls.push(
                  yield* Effect.forkChild(ledger.protect(model).complete(ask(100)), { startImmediately: true })
                )
              }
              yield* TestClock.adjust(yield* pick([0, 100, 1000, 20_000]))
            }
            yield* TestClock.adjust("15 minutes")
            yield* Effect.forEach(calls, Fiber.join)
            assert.deepStrictEqual(yield* stateOf(ledger), [spent, 0], `run ${run}`)
            const seen: Array<CostLedger.CostLedger> = []
            for (const window of ["day", "month", "12 hours"] as const) {
              seen.push(yield* Effect.provide(ledgerOf(within(window)), yield* node()))
            }
            yield* Effect.forEach(seen, (ledger) => ledger.snapshot)
            yield* told
            const all = yield* Effect.forEach(seen, stateOf)
            assert.include(all.map(([spent]) => spent), spent, `run ${run}`)
            for (const [other] of all) assert.isAtMost(other!, spent, `run ${run}`)
          }))
          yield* Random.withSeed(play, `run ${run}`).pipe(Effect.provide(TestClock.layer()))
        }
      }),
    60_000
  )

  it.effect(
    "has spent in a month what was spent on all of its days while each of them had the budget",
    () =>
      Effect.gen(function*() {
        const pick = <A>(all: ReadonlyArray<A>) => Effect.map(Random.nextIntBetween(0, all.length - 1), (i) => all[i]!)
        const within = (window: CostLedger.Budget["window"]) => ({ name: "team", budgets: [shared(1_000_000, window)] })
        for (let run = 0; run < 20; run++) {
          const play = inFleet(Effect.gen(function*() {
            // Two minutes before midnight.
            yield* TestClock.setTime(86_400_000 - 120_000)
            const contexts = [yield* node(), yield* node()]
            const ledgers = yield* Effect.forEach(
              contexts,
              (context) => Effect.provide(ledgerOf(within("month")), context)
            )
            yield* Effect.forEach(ledgers, (ledger) => ledger.snapshot)
            let spent = 0
            const calls: Array<Fiber.Fiber<unknown, unknown>> = []
            const change = (i: number, window: CostLedger.Budget["window"]) =>
              Effect.map(
                Effect.provide(after(ledgers[i]!, within(window)), contexts[i]!),
                (ledger) => void (ledgers[i] = ledger)
              )
            for (let step = 0; step < 20; step++) {
              const i = yield* pick([0, 1])
              if ((yield* Random.next) < 0.2) yield* change(i, yield* pick(["day", "month", "12 hours"] as const))
              else {
                const used = yield* Random.nextIntBetween(1, 200)
                spent += used
                const lasts = yield* pick([0, "10 seconds", "2 minutes"] as const)
                const model = modelOf(Effect.delay(Effect.succeed(answer(used)), lasts))
                calls.push(
                  yield* Effect.forkChild(ledgers[i]!.protect(model).complete(ask(100)), { startImmediately: true })
                )
              }
              yield* TestClock.adjust("20 millis")
              yield* TestClock.adjust(yield* pick([0, "10 seconds", "40 seconds"] as const))
            }
            yield* TestClock.adjust("3 minutes")
            yield* Effect.forEach(calls, Fiber.join)
            for (const i of [0, 1]) yield* change(i, "month")
            const all = [...ledgers, yield* Effect.provide(ledgerOf(within("month")), yield* node())]
            yield* Effect.forEach(all, (ledger) => ledger.snapshot)
            yield* told
            for (const ledger of all) assert.deepStrictEqual(yield* stateOf(ledger), [spent, 0], `run ${run}`)
          }))
          yield* Random.withSeed(play, `run ${run}`).pipe(Effect.provide(TestClock.layer()))
        }
      }),
    60_000
  )

  it.effect("tells nothing of a day that is over, where it has a month meanwhile", () =>
    inFleet(Effect.gen(function*() {
      const memory = yield* ClusterStore.ClusterStore
      const asked: Array<string> = []
      const store = Layer.succeed(ClusterStore.ClusterStore, {
        ...memory,
        budgets: (call) => {
          asked.push(...call.budgets.map(([name]) => name))
          return memory.budgets(call)
        }
      })
      const context = yield* Effect.provide(node(), store)
      const within = (window: "day" | "month") => ({ name: "team", budgets: [shared(1000, window)] })
      const daily = yield* Effect.provide(ledgerOf(within("day")), context)
      yield* spend(daily, 40)
      yield* told
      const monthly = yield* Effect.provide(after(daily, within("month")), context)
      yield* spend(monthly, 20)
      assert.includeMembers(asked, ["team:all:day:0", "team:all:month:0"])
      yield* TestClock.adjust("1 day")
      asked.length = 0
      yield* spend(monthly, 30)
      yield* told
      assert.deepStrictEqual([...new Set(asked)], ["team:all:month:0"])
      assert.deepStrictEqual(yield* stateOf(monthly), [90, 0])
    })))

  it.effect("is not told of twice where the node joins its fleet anew, with calls in flight", () =>
    inFleet(Effect.gen(function*() {
      const scope = yield* Effect.scope
      const first = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
        const before = yield* Effect.provide(ledgerOf(options(100)), yield* node())
        yield* spend(before, 40)
        const call = yield* Effect.forkIn(
          before.protect(modelOf(Effect.delay(Effect.succeed(answer(5)), "1 minute"))).complete(ask(20)),
          scope
        )
        yield* Effect.sleep("6 seconds")
        return { before, call }
      })))
      // In steps: in one, the clock passes the end of the node before the call has begun.
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 6 })
      const { before, call } = yield* Fiber.join(first)
      const ledger = yield* Effect.provide(after(before, options(100)), yield* node())
      assert.strictEqual((yield* Effect.flip(spend(ledger, 41)))._tag, "BudgetExceeded")
      yield* spend(ledger, 30)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(call)
      yield* told
      assert.strictEqual((yield* stateOf(ledger))[0], 75)
      yield* spend(ledger, 25)
      assert.strictEqual((yield* Effect.flip(spend(ledger, 1)))._tag, "BudgetExceeded")
    })))
})

describe("one node in a fleet", () => {
  const kinds = ["Answer", "Answer", "Answer", "Failure", "Left"] as const

  /** What comes of the same calls, and what the ledger says after each. */
  const play = (ledger: CostLedger.CostLedger) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let i = 0; i < 60; i++) {
        const [expected, share, lasting, tenant, kind] = yield* Effect.all([
          Random.nextIntBetween(0, 60),
          Random.next,
          Random.nextIntBetween(0, 40),
          Random.nextIntBetween(0, 3),
          Random.nextIntBetween(0, kinds.length)
        ])
        const used = Math.round(expected * 2 * share)
        const work: Effect.Effect<ChatModel.Answer, string> = kinds[kind] === "Failure"
          ? Effect.fail("503")
          : Effect.succeed(answer(used))
        const call = ledger.protect(modelOf(Effect.andThen(Effect.sleep(lasting), work))).complete(ask(expected)).pipe(
          CostLedger.withTenant("abc"[tenant]!),
          Effect.exit,
          Effect.map((exit) => {
            const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
            lines.push(
              `${i} ${
                // Of two budgets that refuse, a fleet tells the one that it need not ask about.
                failure instanceof CostLedger.BudgetExceeded ? "refused" : exit._tag}`
            )
          })
        )
        const fiber = yield* Effect.forkChild(call, { startImmediately: true })
        fibers.push(fiber)
        // Until the store has answered.
        yield* Effect.repeat(Effect.yieldNow, { times: 50 })
        yield* TestClock.adjust(1)
        if (kinds[kind] === "Left") yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust(yield* Random.nextIntBetween(0, 12))
        const { budgets, total } = yield* ledger.snapshot
        const tenants = yield* ledger.tenants
        lines.push(JSON.stringify({ budgets, total, tenants }))
      }
      yield* Effect.forEach(fibers, Fiber.interrupt)
      return lines
    })

  const runs = Number(process.env.SWITCHGEAR_RUNS ?? 50)

  it.effect("spends its budgets as a ledger of its own does", () =>
    Effect.gen(function*() {
      let refused = 0
      for (let run = 0; run < runs; run++) {
        const given = (shared: boolean) =>
          ledgerOf({
            name: "team",
            budgets: [
              CostLedger.perTenant(microDollars(150), 200, { shared }),
              CostLedger.overall(microDollars(300), 300, { shared })
            ]
          })
        const seeded = Random.withSeed(`run ${run}`)
        const alone = yield* seeded(Effect.flatMap(given(false), play)).pipe(Effect.provide(TestClock.layer()))
        const one = yield* inFleet(
          Effect.flatMap(node(), (context) => seeded(Effect.flatMap(Effect.provide(given(true), context), play)))
        ).pipe(Effect.provide(TestClock.layer()))
        const at = one.findIndex((line, i) => line !== alone[i])
        assert.deepStrictEqual(one[at], alone[at], `run ${run}, line ${at}`)
        assert.strictEqual(one.length, alone.length)
        refused += alone.filter((line) => /^\d+ refused/.test(line)).length
      }
      assert.isAbove(refused, runs)
    }), 60_000)

  it.effect("leaves nothing reserved by a call that is left at any step, also while it waits for the store", () =>
    inFleet(Effect.gen(function*() {
      const context = yield* node()
      let i = 0
      let ledger = yield* Effect.provide(ledgerOf(options(1000)), context)
      const steps = yield* interruptAtEveryStep({
        program: () =>
          Effect.gen(function*() {
            ledger = yield* Effect.provide(ledgerOf(options(1000, { name: `team ${i++}` })), context)
            return yield* spend(ledger, 1000, "default", 300)
          }),
        check: (exit, step) =>
          Effect.gen(function*() {
            yield* told
            const [spent, reserved] = yield* stateOf(ledger)
            const at = `step ${step}: ${Exit.isSuccess(exit) ? "answered" : Cause.pretty(exit.cause)}`
            assert.strictEqual(reserved, 0, at)
            assert.include([0, 300, 1000], spent, at)
            // Nothing is kept for a call that is gone.
            if (spent === 0) yield* Effect.orDie(spend(ledger, 1000))
          })
      })
      assert.isAbove(steps, 20)
    })))
})

describe("options", () => {
  const refused = (given: Partial<CostLedger.Options>) =>
    Effect.map(Effect.flip(ledgerOf(given)), (error) => error.message)

  it.effect("that make no budget of a fleet are told by name", () =>
    Effect.gen(function*() {
      const budgets = [shared(100)]
      assert.deepStrictEqual(
        [
          yield* refused({ budgets }),
          yield* refused({ budgets, name: "" }),
          yield* refused({ budgets, name: "x".repeat(101) }),
          yield* refused({ budgets, name: "a\ud800" }),
          yield* refused({ name: "team", budgets: [...budgets, shared(50, "1 hour"), shared(50, 3_600_000)] }),
          yield* refused({ name: "team", budgets: [...budgets, shared(50, "24 hours")] }),
          yield* refused({ name: "team", budgets: [{ ...budgets[0]!, shared: "yes" as never }] })
        ],
        [
          "CostLedger.make: name must be given where a budget is shared, got undefined",
          "CostLedger.make: name must be a well-formed text of 1 to 100 characters, got \"\"",
          `CostLedger.make: name must be a well-formed text of 1 to 100 characters, got "${"x".repeat(101)}"`,
          "CostLedger.make: name must be a well-formed text of 1 to 100 characters, got \"a\\ud800\"",
          "CostLedger.make: budgets[2].window must be another one than that of budgets[1], which is shared, got 3600000",
          "CostLedger.make: budgets[1].window must be another one than that of budgets[0], which is shared, got \"24 hours\"",
          "CostLedger.make: budgets[0].shared must be true or false, got \"yes\""
        ]
      )
    }))
})
