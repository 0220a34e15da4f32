/** What one node tells the store of its share of a budget, and what it does without an answer. */
import { assert, describe, it } from "@effect/vitest"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { type BudgetShare, CurrentBudgetFleet } from "@switchgear/core/runtime"
import { Clock, Context, Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { layerRedisOf } from "../clusterStore/redisServer.ts"
import { scopedInTime } from "../support/scopedInTime.ts"
import { withServers } from "../support/withServers.ts"
import { until } from "./fleet.ts"

type Store = ClusterStore.ClusterStore["Service"]
type Budgets = Store["budgets"]

const limit = 10_000

const open = (context: Context.Context<never>, name = "team:0") =>
  Context.get(context, CurrentBudgetFleet)!.open({ name, limit, unit: "cents", start: 0, end: 86_400_000 })!

/** A call: whether it was let in. It is settled by whoever asks. */
const reserve = (share: BudgetShare, amount: number) =>
  Effect.gen(function*() {
    share.asked(amount, limit)
    let hasRoom = amount <= share.room(limit)
    const answered = hasRoom ? undefined : share.awaits(amount, limit)
    if (answered !== undefined) {
      yield* answered
      hasRoom = amount <= share.roomAfterWait(limit)
    }
    if (hasRoom) share.add(0, amount)
    return hasRoom
  })

const node = (budgets: (store: Store) => Budgets, options?: Cluster.Options) =>
  Effect.gen(function*() {
    const memory = yield* ClusterStore.ClusterStore
    const store = Layer.succeed(ClusterStore.ClusterStore, { ...memory, budgets: budgets(memory) })
    return yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer(options)), store))
  })

const statusOf = (context: Context.Context<Cluster.Cluster>) =>
  Effect.map(Context.get(context, Cluster.Cluster).status, ({ budgets }) => budgets)

const inFleet = <A, E>(test: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  scopedInTime(Effect.provide(test, ClusterStore.layerMemory))

describe("a node that shares a budget", () => {
  it.effect("takes what the first call needs, and more for the next ones", () =>
    inFleet(Effect.gen(function*() {
      const wants: Array<number> = []
      const context = yield* node(({ budgets }) => (call) => {
        wants.push(call.budgets[0]![1].want)
        return budgets(call)
      })
      const share = open(context)
      assert.isTrue(yield* reserve(share, 100))
      yield* TestClock.adjust("300 millis")
      assert.isTrue(yield* reserve(share, 100))
      assert.isTrue(yield* reserve(share, 100))
      assert.deepStrictEqual(wants.filter((want) => want > 0).slice(0, 2), [100, 297])
    })))

  it.effect("takes no store for away that answers just in time, however the messages and the calls meet", () =>
    inFleet(Effect.gen(function*() {
      let [refused, longest, wasAway] = [0, 0, 0]
      for (const trip of [30, 45]) {
        const delayed = ({ budgets }: Store): Budgets => (call) => Effect.delay(budgets(call), trip)
        const context = yield* node(delayed, { away: "closed" })
        const share = open(context, `team:${trip}`)
        const calls: Array<Fiber.Fiber<void>> = []
        for (let i = 0; i < 400; i++) {
          const began = yield* Clock.currentTimeMillis
          const call = Effect.gen(function*() {
            if (!(yield* reserve(share, 5))) refused++
            longest = Math.max(longest, (yield* Clock.currentTimeMillis) - began)
          })
          calls.push(yield* Effect.forkChild(call, { startImmediately: true }))
          const pause = 1 + Math.floor(20 * (yield* Random.next))
          yield* Effect.repeat(TestClock.adjust("1 millis"), { times: pause - 1 })
          if ((yield* statusOf(context)).isAway) wasAway++
        }
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 200 })
        yield* Effect.forEach(calls, Fiber.join)
      }
      assert.deepStrictEqual([refused, wasAway], [0, 0])
      // Those that came while a message was under way waited for that and for their own.
      assert.isAbove(longest, 50)
      assert.isAtMost(longest, 2 * 45 + 5)
    })).pipe(Random.withSeed("just in time")))

  it.effect("asks for budgets of which more are waited for than a message has in the order in which they were first waited for", () =>
    inFleet(Effect.gen(function*() {
      const trip = 20
      const asked: Array<string> = []
      const context = yield* node(({ budgets }) => (call) => {
        asked.push(...call.budgets.flatMap(([name, { want }]) => want > 0 ? [name] : []))
        return Effect.delay(budgets(call), trip)
      }, { interval: "10 minutes", heartbeat: "10 minutes" })
      // A message is under way when they come.
      yield* Effect.forkChild(reserve(open(context, "first"), 1), { startImmediately: true })
      yield* TestClock.adjust("1 millis")
      const names = Array.from({ length: 200 }, (_, i) => `team:${i}`)
      const waits: Array<number> = []
      const began = yield* Clock.currentTimeMillis
      for (const [i, name] of names.entries()) {
        const call = Effect.gen(function*() {
          assert.isTrue(yield* reserve(open(context, name), 1))
          waits[i] = (yield* Clock.currentTimeMillis) - began
        })
        yield* Effect.forkChild(call, { startImmediately: true })
      }
      // Whoever comes later for another budget is behind all of them.
      const late = yield* Effect.delay(Effect.exit(reserve(open(context, "late"), 1)), 5).pipe(Effect.forkChild)
      yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 10 * trip })
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(late)))
      assert.deepStrictEqual(asked, ["first", ...names, "late"])
      for (const [i, wait] of waits.entries()) assert.isAtMost(wait, trip * (1 + Math.ceil((i + 1) / 64)), `${i}`)
      assert.isAbove(waits.at(-1)!, 4 * trip)
    })))

  it.effect("has one message under way, and tells what it owes once there is an answer", () =>
    inFleet(Effect.gen(function*() {
      let [underWay, most] = [0, 0]
      const overs: Array<number> = []
      const context = yield* node(({ budgets }) => (call) =>
        Effect.suspend(() => {
          most = Math.max(most, ++underWay)
          overs.push(call.budgets[0]![1].over)
          return Effect.delay(budgets(call), "20 millis")
        }).pipe(Effect.ensuring(Effect.sync(() => underWay--)))
      )
      const share = open(context)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => Effect.forkChild(reserve(share, 100), { startImmediately: true })
      )
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), Array.from({ length: 10 }, () => true))
      for (let i = 0; i < 10; i++) share.add(300, -100)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(most, 1)
      assert.deepStrictEqual([share.spent, share.reserved], [3000, 0])
      assert.isAbove(overs.reduce((a, b) => a + b), 0)
    })))

  it.effect("tells a debt again of which it does not know that it was heard", () =>
    inFleet(Effect.gen(function*() {
      let fails = false
      const context = yield* node(({ budgets }) => (call) =>
        fails ? Effect.fail(new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed" })) : budgets(call)
      )
      const share = open(context)
      yield* reserve(share, 100)
      fails = true
      share.add(900, -100)
      yield* TestClock.adjust("2 seconds")
      fails = false
      yield* TestClock.adjust("20 seconds")
      const other = open(yield* node(({ budgets }) => budgets))
      assert.isFalse(yield* reserve(other, limit - 899))
      assert.isTrue(yield* reserve(other, limit - 900))
      assert.deepStrictEqual([other.spent, other.reserved], [900, limit - 900])
    })))

  it.effect("tells a debt again that was on its way when the node ended", () =>
    inFleet(Effect.gen(function*() {
      const scope = yield* Scope.make()
      let owed = 0
      const making = node(({ budgets }) => (call) => {
        owed = call.budgets[0]![1].over
        return Effect.andThen(Effect.sleep("30 millis"), budgets(call))
      })
      const share = open(yield* Effect.provideService(making, Scope.Scope, scope))
      const call = yield* Effect.forkChild(reserve(share, 100))
      yield* TestClock.adjust("300 millis")
      assert.isTrue(yield* Fiber.join(call))
      share.add(900, -100)
      while (owed === 0) yield* TestClock.adjust("1 millis")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(closing)
      const other = open(yield* node(({ budgets }) => budgets))
      assert.isFalse(yield* reserve(other, limit - 899))
      assert.deepStrictEqual([other.spent, other.reserved], [900, 0])
    })))

  it.effect("sends nobody to the store at once again while that hangs", () =>
    inFleet(Effect.gen(function*() {
      const context = yield* node(() => () => Effect.never, { away: "closed" })
      const share = open(context)
      const call = yield* Effect.forkChild(reserve(share, 100))
      yield* TestClock.adjust("100 millis")
      assert.isFalse(yield* Fiber.join(call))
      for (let i = 0; i < 100; i++) {
        assert.isAbove(share.retryAfter!, 0, `after ${i * 200} ms`)
        yield* TestClock.adjust("200 millis")
      }
    })))

  it.effect("keeps nothing of windows that are over while the store does not answer, and all of the one that is not", () =>
    inFleet(Effect.gen(function*() {
      let fails = true
      const context = yield* node(({ budgets }) => (call) =>
        fails ? Effect.fail(new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed" })) : budgets(call)
      )
      const { open } = Context.get(context, CurrentBudgetFleet)!
      const minute = 60_000
      const windowAt = (i: number) => ({
        name: `team:${i}`,
        limit,
        unit: "cents",
        start: i * minute,
        end: (i + 1) * minute
      })
      for (let i = 0; i < 100; i++) {
        const share = open(windowAt(i))!
        assert.isTrue(yield* reserve(share, 100))
        share.add(100, -100)
        yield* TestClock.adjust(minute)
      }
      assert.isAtMost((yield* statusOf(context)).count, 3)
      fails = false
      yield* TestClock.adjust("10 seconds")
      const other = open(windowAt(99))!
      other.looked(limit)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(other.spent, 100)
    })))

  it.effect("gives back what it holds when it leaves", () =>
    inFleet(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(node(({ budgets }) => budgets), scope)
      const share = open(context)
      for (let i = 0; i < 5; i++) {
        yield* reserve(share, 1000)
        share.add(100, -1000)
        yield* TestClock.adjust("300 millis")
      }
      assert.isAbove((yield* statusOf(context)).held, 0)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(yield* reserve(open(yield* node(({ budgets }) => budgets)), limit - 500))
    })))

  it.effect("gives back what a message asks for that is under way when it leaves, and tells no debt of it twice", () =>
    inFleet(Effect.gen(function*() {
      const slow = ({ budgets }: Store): Budgets => (call) =>
        Effect.andThen(Effect.sleep("5 millis"), Effect.tap(budgets(call), Effect.sleep("5 millis")))
      const another = yield* node(({ budgets }) => budgets)
      for (let leaves = 0; leaves < 40; leaves++) {
        const name = `team:${leaves}`
        const scope = yield* Scope.make()
        const share = open(yield* Scope.provide(node(slow), scope), name)
        const calls = Effect.gen(function*() {
          for (const [amount, spent] of [[1000, 1500], [200, 100], [3000, 2500], [300, 900]] as const) {
            if (yield* reserve(share, amount)) share.add(spent, -amount)
          }
        })
        const calling = yield* Effect.forkChild(calls)
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: leaves })
        yield* Fiber.interrupt(calling)
        const ends = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 100 })
        assert.isDefined(ends.pollUnsafe())
        const rest = open(another, name)
        rest.looked(limit)
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual(rest.reserved, 0, `left after ${leaves} ms`)
        assert.isTrue(yield* reserve(rest, limit - rest.spent))
      }
    })))

  it.effect("tells what was spent while the store was away when it leaves, also before it has tried the store again", () =>
    inFleet(Effect.gen(function*() {
      for (
        const fault of [
          Effect.never,
          Effect.fail(new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed" }))
        ]
      ) {
        const name = `team:${fault === Effect.never}`
        let isThere = true
        const scope = yield* Scope.make()
        const context = yield* Scope.provide(
          node(({ budgets }) => (call) => isThere ? budgets(call) : fault, { away: "open" }),
          scope
        )
        const share = open(context, name)
        yield* reserve(share, 1000)
        isThere = false
        yield* TestClock.adjust("6 seconds")
        assert.isTrue((yield* statusOf(context)).isAway)
        assert.isTrue(yield* reserve(share, 5000))
        share.add(5500, -6000)
        isThere = true
        const ends = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("50 millis")
        assert.isDefined(ends.pollUnsafe())
        const another = open(yield* node(({ budgets }) => budgets), name)
        another.looked(limit)
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual(another.spent, 5500)
        assert.isFalse(yield* reserve(another, 5000))
      }
    })))

  it.effect("gives back in one time-out what it holds of more budgets than a message has, also where one message fails", () =>
    inFleet(Effect.gen(function*() {
      const names = Array.from({ length: 200 }, (_, i) => `team:${i}`)
      const memory = yield* ClusterStore.ClusterStore
      let isEnding = false
      let [isConnected, failures] = [true, 0]
      const slow = (): Budgets => (call) =>
        !isEnding
          ? memory.budgets(call)
          : failures++ === 0
          ? Effect.fail(new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed" }))
          : Effect.flatMap(Effect.sleep("30 millis"), () => isConnected ? memory.budgets(call) : Effect.never)
      const scope = yield* Scope.make()
      yield* Scope.addFinalizer(scope, Effect.sync(() => isConnected = false))
      const context = yield* Scope.provide(node(slow), scope)
      const shares = names.map((name) => open(context, name))
      yield* Effect.forEach(shares, (share) => reserve(share, 1000), { concurrency: "unbounded" })
      for (const share of shares) share.add(100, -1000)
      isEnding = true
      const ends = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("50 millis")
      assert.isDefined(ends.pollUnsafe())
      const another = yield* node(() => memory.budgets)
      const passed = yield* Effect.forEach(names, (name) => reserve(open(another, name), limit - 100), {
        concurrency: "unbounded"
      })
      assert.strictEqual(passed.filter((has) => has).length, 200 - 64)
    })))

  it.effect("gives it back before what is made before it ends, also where the fiber that ends it is interrupted", () =>
    inFleet(Effect.gen(function*() {
      let isConnected = true
      const delayed = ({ budgets }: Store): Budgets => (call) =>
        Effect.flatMap(Effect.sleep("5 millis"), () => isConnected ? budgets(call) : Effect.never)
      const using = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.sync(() => isConnected = false))
        const share = open(yield* node(delayed))
        for (let i = 0; i < 5; i++) {
          yield* reserve(share, 1000)
          share.add(100, -1000)
        }
        return yield* Effect.never
      })
      const ends = yield* Effect.forkChild(Effect.scoped(using))
      yield* Effect.repeat(TestClock.adjust("5 millis"), { times: 100 })
      yield* Effect.forkChild(Fiber.interrupt(ends))
      yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 20 })
      assert.isDefined(ends.pollUnsafe())
      assert.isTrue(yield* reserve(open(yield* node(({ budgets }) => budgets)), limit - 500))
    })))

  for (
    const [fault, budgets] of [
      ["throws", () => {
        throw new Error("bug")
      }],
      ["dies", () => Effect.die("bug")],
      ["answers too little", () => Effect.succeed([])]
    ] as ReadonlyArray<readonly [string, Budgets]>
  ) {
    it.effect(`goes on with a store that ${fault}, and is back with it`, () =>
      inFleet(Effect.gen(function*() {
        let isSound = false
        const context = yield* node((store) => (call) => isSound ? store.budgets(call) : budgets(call), {
          away: "open"
        })
        const share = open(context)
        assert.isTrue(yield* reserve(share, 9000))
        assert.isFalse(yield* reserve(share, 2000))
        assert.isTrue((yield* statusOf(context)).isAway)
        isSound = true
        yield* TestClock.adjust("10 seconds")
        assert.isFalse((yield* statusOf(context)).isAway)
        assert.isFalse(yield* reserve(open(yield* node((store) => store.budgets)), 2000))
      })))
  }

  it.effect("asks no more while it knows that the fleet has nothing, and hears when there is something again", () =>
    inFleet(Effect.gen(function*() {
      let messages = 0
      const context = yield* node(({ budgets }) => (call) => {
        messages++
        return budgets(call)
      })
      const share = open(context)
      const other = open(yield* node(({ budgets }) => budgets))
      assert.isTrue(yield* reserve(other, limit))
      for (let i = 0; i < 1000; i++) {
        assert.isFalse(yield* reserve(share, 10))
        yield* TestClock.adjust("20 millis")
      }
      assert.isAtMost(messages, 20 * 0.5)
      other.add(0, -limit)
      yield* TestClock.adjust("5500 millis")
      assert.isTrue(yield* reserve(share, 10))
    })))
})

describe("health and metrics", () => {
  const numbersOf = (context: Context.Context<Cluster.Cluster>) =>
    Effect.map(Context.get(context, Cluster.Cluster).status, (status) =>
      Object.fromEntries(
        (typeof Cluster.kind.metrics === "function" ? [] : Cluster.kind.metrics ?? []).flatMap((series) =>
          series.id.includes("budget") ? [[series.id.replace("switchgear_cluster_", ""), series.read(status)]] : []
        )
      ))
  const reasonsOf = (context: Context.Context<Cluster.Cluster>) =>
    Effect.map(
      Context.get(context, Cluster.Cluster).status,
      (status) => Cluster.kind.health!(status).conditions.filter(({ count }) => count > 0).map(({ reason }) => reason)
    )

  it.effect("tell what a node has taken and given back, that the store is away, and that amounts differ", () =>
    inFleet(Effect.gen(function*() {
      let fails = false
      const context = yield* node(({ budgets }) => (call) => fails ? Effect.never : budgets(call))
      const share = open(context)
      assert.isTrue(yield* reserve(share, 1000))
      share.add(100, -1000)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* numbersOf(context), {
        budgets: 1,
        budgets_away: 0,
        budget_taken_total: 1000,
        budget_given_back_total: 900
      })
      assert.deepStrictEqual(yield* reasonsOf(context), [])
      const other = open(yield* node(({ budgets }) => budgets))
      other.asked(10, 77)
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(yield* reasonsOf(context), ["rules-differ"])
      fails = true
      yield* TestClock.adjust("6 seconds")
      assert.include(yield* reasonsOf(context), "away")
      assert.deepInclude(yield* numbersOf(context), { budgets_away: 1 })
    })))
})

withServers("a budget is looked at on a real server", (program) => {
  it.live(
    "a budget on a real server is spent together, and once, also where the server loses it",
    () =>
      Effect.gen(function*() {
        const nodes = yield* Effect.forEach(
          Array.from({ length: 5 }),
          () =>
            Layer.build(
              Layer.fresh(
                Cluster.layer({ timeout: "1 second", interval: "1 second", heartbeat: "1 second", away: "closed" })
              )
            )
        )
        const shares = nodes.map((context) => open(context))
        const { server } = yield* Effect.promise(() => import("../clusterStore/redisServer.ts"))
        const { restart } = yield* server
        const reserved = () =>
          Effect.map(
            Effect.forEach(
              Array.from({ length: 100 }, (_, i) => shares[i % 5]!),
              (share) => reserve(share, 100),
              { concurrency: "unbounded" }
            ),
            (passed) => passed.filter((passed) => passed).length
          )
        const first = yield* Effect.forEach(shares, (share) => reserve(share, 1000))
        assert.deepStrictEqual(first, [true, true, true, true, true])
        yield* until(Effect.sync(() => shares.every(({ reserved }) => reserved === 5000)))
        yield* restart
        // Until the server is back, calls are refused.
        let passed = 0
        yield* until(Effect.map(reserved(), (more) => (passed += more) >= 50))
        assert.strictEqual(passed, 50)
        assert.strictEqual(yield* reserved(), 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.provideMerge(ClusterStore.layerRedis({ fleet: "prod" }), layerRedisOf(program)))
      ),
    60_000
  )
})
