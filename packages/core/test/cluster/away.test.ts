/** What a node says of a store that is away, in the log and in its status, and what it keeps meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { CurrentBudgetFleet } from "@switchgear/core/runtime"
import { Context, Effect, Layer, Logger, Random, Stream } from "effect"
import { TestClock } from "effect/testing"

const failed = (
  operation: "circuits" | "limits" | "budgets",
  cause: unknown = new Error("NOPERM User fleet at redis://fleet:hunter2@redis.test has no permissions")
) =>
() => Effect.fail(new ClusterStore.StoreFailed({ operation, reason: "failed", cause }))

const limit = 10_000

/** A node with a limiter and a budget that are used all the time, over a store of which each part can be taken away. */
const scene = Effect.gen(function*() {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  const memory = yield* ClusterStore.ClusterStore
  const way = { circuits: memory.circuits, limits: memory.limits, budgets: memory.budgets }
  const store = Layer.succeed(ClusterStore.ClusterStore, {
    ...memory,
    circuits: (call) => Effect.suspend(() => way.circuits(call)),
    limits: (call) => Effect.suspend(() => way.limits(call)),
    budgets: (call) => Effect.suspend(() => way.budgets(call))
  })
  const context = yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer()), store)).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
  )
  const limits = [RateLimiter.requests(100, "1 second")]
  const limiter = yield* Effect.provide(RateLimiter.make({ name: "model", limits, shared: true }), context)
  const window = { name: "team:0", limit, unit: "cents", start: 0, end: 86_400_000 }
  const share = Context.get(context, CurrentBudgetFleet)!.open(window)!
  const status = Context.get(context, Cluster.Cluster).status
  /** So many seconds of calls that cost a unit each. */
  const seconds = (count: number) =>
    Effect.repeat(
      Effect.gen(function*() {
        yield* Effect.forkChild(Effect.exit(limiter.protect(Effect.void)))
        share.asked(1, limit)
        if (share.room(limit) >= 1) share.add(1, 0)
        yield* TestClock.adjust("100 millis")
      }),
      { times: 10 * count - 1 }
    )
  yield* seconds(2)
  return { lines, memory, share, status, seconds, way }
})

const inFleet = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.provide(test, ClusterStore.layerMemory)).pipe(Random.withSeed("away"))

describe("the log of a node", () => {
  const coded = Object.assign(new Error("connect ECONNREFUSED redis.test:6379"), { code: "ECONNREFUSED" })
  for (
    const [what, answer, why] of [
      ["hangs", () => () => Effect.never, "timed out"],
      ["fails", failed, "failed with NOPERM"],
      ["is not there", (part) => failed(part, coded), "refused the connection, ECONNREFUSED"],
      ["fails by an error without a code", (part) => failed(part, new TypeError("hunter2")), "failed with TypeError"],
      [
        "says nonsense",
        (operation) => () => Effect.fail(new ClusterStore.StoreFailed({ operation, reason: "nonsense" })),
        "said what no store says"
      ],
      ["answers something else", () => () => Effect.succeed({ circuits: [1] }), "said what no store says"],
      ["has a fault", () => () => Effect.die(new Error("hunter2")), "has a fault"]
    ] as ReadonlyArray<[string, (part: Parameters<typeof failed>[0]) => () => Effect.Effect<any, any>, string]>
  ) {
    it.effect(`has one line each way of a store that ${what}, whatever is shared, with the reason`, () =>
      inFleet(Effect.gen(function*() {
        const { lines, memory, seconds, way } = yield* scene
        for (let i = 0; i < 2; i++) {
          lines.length = 0
          for (const part of ["circuits", "limits", "budgets"] as const) way[part] = answer(part) as never
          yield* seconds(40)
          Object.assign(way, memory)
          yield* seconds(30)
          assert.deepStrictEqual(lines, [
            `The store of the fleet does not answer (${why}): shared circuits, limits and budgets go on by themselves.`,
            "The store of the fleet answers again."
          ])
        }
      })))
  }

  for (
    const [what, gone, back] of [["a second", 20, 1], ["three seconds", 20, 3], [
      "a tenth of a second",
      20,
      0.1
    ]] as const
  ) {
    it.effect(`has few lines of a store that comes back for ${what} again and again, and one once it stays`, () =>
      inFleet(Effect.gen(function*() {
        const { lines, memory, seconds, way } = yield* scene
        for (let i = 0; i < 20; i++) {
          for (const part of ["circuits", "limits", "budgets"] as const) way[part] = failed(part) as never
          yield* seconds(gone)
          Object.assign(way, memory)
          yield* seconds(back)
        }
        assert.isAtMost(lines.length, 4)
        const before = lines.filter((line) => line.includes("does not answer")).length
        yield* seconds(15)
        assert.strictEqual(lines.at(-1), "The store of the fleet answers again.")
        assert.lengthOf(lines.filter((line) => line.includes("does not answer")), before)
      })))
  }

  for (
    const [what, parts] of [
      ["budgets", ["budgets"]],
      ["limits", ["limits"]],
      ["limits and budgets", ["limits", "budgets"]]
    ] as const
  ) {
    it.effect(`says which part a store does not answer for, where that lasts, and that it answers again: ${what}`, () =>
      inFleet(Effect.gen(function*() {
        const { lines, memory, seconds, way } = yield* scene
        const take = () => parts.forEach((part) => way[part] = failed(part) as never)
        take()
        yield* seconds(3)
        Object.assign(way, memory)
        yield* seconds(10)
        assert.deepStrictEqual(lines, [])
        take()
        yield* seconds(60)
        const line =
          `The store of the fleet answers for circuits, and not for ${what} (failed with NOPERM): they go on by themselves. Look at its log and what its user may do.`
        assert.deepStrictEqual(lines, [line])
        Object.assign(way, memory)
        yield* seconds(12)
        assert.deepStrictEqual(lines, [line, "The store of the fleet answers again for limits and budgets."])
      })))
  }
})

describe("the log of a node whose store answers for circuits", () => {
  const refusal = new ClusterStore.StoreFailed({ operation: "events", reason: "failed", cause: new Error("NOPERM") })

  /** A node that listens for as long as `mayListen`. */
  const listener = Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const memory = yield* ClusterStore.ClusterStore
    const user = { mayListen: true }
    const check = Effect.delay(Effect.suspend(() => user.mayListen ? Effect.void : refusal), "1 second")
    const store = Layer.succeed(ClusterStore.ClusterStore, {
      ...memory,
      subscribe: Effect.map(
        memory.subscribe,
        (events) => Stream.merge(events, Stream.drain(Stream.fromEffect(Effect.forever(check))))
      )
    })
    const context = yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer()), store)).pipe(
      Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
    )
    const breaker = yield* Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
    yield* TestClock.adjust("1 second")
    return { breaker, lines, user }
  })

  it.effect("has one line where their changes are not heard for longer, with the reason, and one when they are again", () =>
    inFleet(Effect.gen(function*() {
      const { breaker, lines, user } = yield* listener
      for (let i = 0; i < 2; i++) {
        lines.length = 0
        for (const millis of [100, 1000, 2500, 4000]) {
          user.mayListen = false
          yield* TestClock.adjust(millis)
          user.mayListen = true
          for (let passed = 0; passed < 20_000; passed += 100) {
            yield* Effect.exit(breaker.protect(Effect.void))
            yield* TestClock.adjust("100 millis")
          }
        }
        assert.deepStrictEqual(lines, [])
        user.mayListen = false
        yield* TestClock.adjust("1 minute")
        user.mayListen = true
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(lines, [
          "The store of the fleet answers for circuits, and their changes are not heard (failed with NOPERM): this node learns of them later. Look at its log and what its user may do.",
          "Changes of circuits of the fleet are heard again."
        ])
      }
    })))
})

describe("a budget whose store is away", () => {
  it.effect("is told with what is held and what is owed, neither below zero", () =>
    inFleet(Effect.gen(function*() {
      const { memory, seconds, share, status, way } = yield* scene
      way.budgets = failed("budgets")
      share.add(5000, 0)
      yield* seconds(2)
      const away = (yield* status).budgets
      assert.isTrue(away.isAway)
      assert.strictEqual(away.held, 0)
      assert.isAtLeast(away.owed, 4000)
      Object.assign(way, memory)
      yield* seconds(12)
      const back = (yield* status).budgets
      assert.deepInclude(back, { isAway: false, owed: 0 })
      assert.isAtLeast(back.held, 0)
    })))

  it.effect("loses nothing of what calls give back meanwhile", () =>
    inFleet(Effect.gen(function*() {
      const { memory, seconds, share, way } = yield* scene
      // A call that is in flight when the store goes, and uses nothing of what it has reserved.
      yield* Effect.forkChild(Effect.andThen(share.awaits(4000, limit)!, Effect.sync(() => share.add(0, 4000))))
      yield* seconds(1)
      way.budgets = failed("budgets")
      yield* seconds(1)
      for (let i = 0; i < 8; i++) {
        share.add(0, -500)
        yield* seconds(6)
      }
      Object.assign(way, memory)
      yield* TestClock.adjust("1 minute")
      yield* seconds(1)
      const [answer] = yield* memory.budgets({
        budgets: [["team:0", {
          limit,
          want: 0,
          least: 1,
          back: 0,
          over: 0,
          spent: 0,
          heard: { given: 0, returned: 0, spent: 0 },
          keepFor: 1000
        }]]
      })
      const { given, returned } = answer!.sums
      // What the calls have spent, and what is held for those to come.
      assert.isAtMost(given - returned, 1500)
    })))
})
