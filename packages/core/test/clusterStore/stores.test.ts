/** Both stores of a fleet say the same of it, and what goes wrong with Redis is told as it is. */
import { assert, describe, it } from "@effect/vitest"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Exit, Layer, type Scope, Stream } from "effect"
import * as Redis from "effect/persistence/Redis"
import { message } from "./messages.ts"
import { layerRedisOf } from "./redisServer.ts"
import { withServers } from "../support/withServers.ts"

const call = (
  node: string,
  more: Partial<ClusterStore.CircuitMessage> = {},
  circuit = "gpt|4"
): ClusterStore.CircuitCall => ({
  node,
  said: 0,
  longestWay: 2000,
  goneAfter: 15_000,
  holdFor: 10_000,
  circuits: [[circuit, { ...message, ...more }]]
})

const failing = { counts: { calls: 10, failures: 10, slow: 0 }, own: { calls: 10, failures: 10, slow: 0 } }

const booking: ClusterStore.BookingMessage = {
  gap: 1000,
  burst: 20,
  ahead: 0,
  want: 15,
  back: 0,
  unused: 0,
  oldest: 0,
  within: 0,
  latest: 0,
  fullAfter: 0,
  terms: "20:1",
  before: "",
  scale: 1
}

const book = (more: Partial<ClusterStore.BookingMessage> = {}): ClusterStore.BookingCall => ({
  said: 0,
  longestWay: 2000,
  limits: [["gpt:requests", { ...booking, ...more }]]
})

const share = (more: Partial<ClusterStore.BudgetMessage> = {}): ClusterStore.BudgetCall => ({
  budgets: [["team:0", {
    limit: 1000,
    want: 400,
    least: 1,
    back: 0,
    over: 0,
    spent: 0,
    heard: { given: 0, returned: 0, spent: 0 },
    keepFor: 60_000,
    ...more
  }]]
})

const laws = (name: string, layer: Layer.Layer<ClusterStore.ClusterStore>) =>
  describe(name, () => {
    const withStore = <A, E>(test: (store: ClusterStore.ClusterStore["Service"]) => Effect.Effect<A, E, Scope.Scope>) =>
      Effect.scoped(
        Effect.flatMap(Layer.build(layer), (context) => test(Context.get(context, ClusterStore.ClusterStore)))
      )

    it.live("a circuit that opens is open for all nodes, and each is told", () =>
      withStore((store) =>
        Effect.gen(function*() {
          const events = yield* store.subscribe
          yield* store.circuits(call("a", { ...failing, wish: "tripped" }))
          const { circuits: [answer], nodes, sequence } = yield* store.circuits(call("b"))
          assert.deepInclude(answer, { _tag: "State", state: "Open", openings: 1 })
          assert.deepStrictEqual([nodes, sequence], [2, 1])
          yield* store.circuits(call("b", { wish: "close" }))
          assert.deepStrictEqual(
            Array.from(yield* Stream.runCollect(Stream.take(events, 2)), ({ circuit, reason, sequence, state }) => [
              circuit,
              state,
              reason,
              sequence
            ]),
            [["gpt|4", "Open", "tripped", 1], ["gpt|4", "Closed", "command", 2]]
          )
        })
      ))

    it.live("of a limit no more turns are booked than there are, and those that come back are booked again", () =>
      withStore((store) =>
        Effect.gen(function*() {
          const granted = (more: Partial<ClusterStore.BookingMessage> = {}) =>
            Effect.map(store.limits(book(more)), ([answer]) => answer!.granted)
          assert.deepStrictEqual(
            [yield* granted(), yield* granted(), yield* granted(), yield* granted({ back: 3, want: 10 })],
            [15, 5, 0, 3]
          )
        })
      ))

    it.live("of a budget no more is out than there is, and what comes back is given out again", () =>
      withStore((store) =>
        Effect.gen(function*() {
          const granted = (more: Partial<ClusterStore.BudgetMessage> = {}) =>
            Effect.map(store.budgets(share(more)), ([answer]) => answer!.granted)
          assert.deepStrictEqual(
            [yield* granted(), yield* granted(), yield* granted({ least: 300 }), yield* granted(), yield* granted()],
            [400, 400, 0, 200, 0]
          )
          assert.deepStrictEqual([yield* granted({ back: 150 }), yield* granted({ over: 50, back: 60 })], [150, 10])
          assert.deepStrictEqual((yield* store.budgets(share({ want: 0, spent: 7, limit: 900 })))[0], {
            granted: 0,
            sums: { given: 1210, returned: 210, spent: 7 },
            otherLimit: 1000
          })
        })
      ))

    it.live("a store that has forgotten a budget knows what a node has heard of it", () =>
      withStore((store) =>
        Effect.gen(function*() {
          const heard = { given: 5000, returned: 4100, spent: 800 }
          const [answer] = yield* store.budgets(share({ heard }))
          assert.deepStrictEqual(answer, {
            granted: 100,
            sums: { given: 5100, returned: 4100, spent: 800 },
            otherLimit: undefined
          })
          const [late] = yield* store.budgets(share({ heard: { given: 4000, returned: 3900, spent: 10 }, want: 0 }))
          assert.deepStrictEqual(late!.sums, answer!.sums)
        })
      ))
  })

laws("in memory", ClusterStore.layerMemory)

withServers("is looked at on a real server", (program) => {
  laws("in Redis", Layer.provide(ClusterStore.layerRedis({ fleet: "prod" }), layerRedisOf(program)).pipe(Layer.orDie))

  describe("in Redis", () => {
    const both = Layer.provideMerge(ClusterStore.layerRedis({ fleet: "prod" }), layerRedisOf(program))
    const test = <A, E>(
      program: Effect.Effect<A, E, ClusterStore.ClusterStore | Redis.Redis>
    ) => Effect.provide(program, both)

    it.live("scripts that Redis has forgotten are sent again, whole and once", () =>
      test(Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const store = yield* ClusterStore.ClusterStore
        yield* store.limits(book())
        yield* redis.send("SCRIPT", "FLUSH")
        assert.deepInclude((yield* store.limits(book()))[0], { granted: 5 })
        yield* store.circuits(call("a", failing))
        yield* redis.send("SCRIPT", "FLUSH")
        assert.deepInclude((yield* store.circuits(call("b"))).circuits[0], { _tag: "Closed" })
      })))

    it.live("all keys are below the tag of the fleet, and other fleets know nothing of them", () =>
      test(
        Effect.gen(function*() {
          const redis = yield* Redis.Redis
          const store = yield* ClusterStore.ClusterStore
          yield* store.circuits(call("a", { wish: "forceOpen" }))
          yield* store.limits(book())
          yield* store.budgets(share())
          const keys = yield* redis.send<Array<string>>("KEYS", "*")
          assert.deepStrictEqual(keys.sort(), [
            "{sg1:prod:0}:b:team:0",
            "{sg1:prod:0}:c:gpt|4",
            "{sg1:prod:0}:l:gpt:requests",
            "{sg1:prod:0}:nodes",
            "{sg1:prod:0}:seq"
          ])
          const other = yield* Layer.build(ClusterStore.layerRedis({ fleet: "other" }))
          const { circuits } = yield* Context.get(other, ClusterStore.ClusterStore).circuits(call("a"))
          assert.deepInclude(circuits[0], { _tag: "Closed" })
        }).pipe(Effect.scoped)
      ))

    it.live("a user who may do no more than the documentation says can do all of it", () =>
      test(Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const store = yield* ClusterStore.ClusterStore
        const may = "+eval +evalsha +publish +subscribe +unsubscribe +time +get +set +del +incr +zadd +zcard" +
          " +zremrangebyscore +pexpire +ping +auth"
        yield* redis.send(
          "ACL",
          "SETUSER",
          "fleet",
          "on",
          ">secret",
          "~{sg1:prod:0}:*",
          "&{sg1:prod:0}:*",
          ...may.split(" ")
        )
        yield* redis.send("AUTH", "fleet", "secret")
        yield* store.circuits(call("a", { ...failing, wish: "tripped" }))
        yield* store.limits(book())
        yield* store.limits(book({ back: 1000, want: 0 }))
        yield* store.budgets(share())
        const refused = yield* Effect.exit(redis.send("GET", "{sg1:other:0}:seq"))
        assert.isTrue(Exit.isFailure(refused))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(redis.send("FLUSHALL"))))
      })))

    it.live("what somebody else has written is told as nonsense or as a failure, and as nothing else", () =>
      test(Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const store = yield* ClusterStore.ClusterStore
        const rubbish = [
          "1 2 3 -4",
          "9".repeat(20) + " 0 0 1",
          "",
          "rubbish",
          "\x93\x01\x02",
          "\x99\xff\xff",
          "9".repeat(400),
          "nan",
          "-inf",
          "1e999"
        ]
        for (const text of rubbish) {
          yield* redis.send("SET", "{sg1:prod:0}:c:gpt|4", text)
          yield* redis.send("SET", "{sg1:prod:0}:l:gpt:requests", text)
          yield* redis.send("SET", "{sg1:prod:0}:b:team:0", text)
          yield* redis.send("SET", "{sg1:prod:0}:seq", text)
          for (const asked of [store.circuits(call("a", failing)), store.limits(book()), store.budgets(share())]) {
            const exit = yield* Effect.exit(asked as Effect.Effect<unknown, ClusterStore.StoreFailed>)
            if (Exit.isFailure(exit)) assert.match(String(exit.cause), /StoreFailed/)
          }
        }
      })))

    it.live("an event that is none of ours ends the events with an error", () =>
      test(
        Effect.gen(function*() {
          const redis = yield* Redis.Redis
          const store = yield* ClusterStore.ClusterStore
          const events = yield* store.subscribe
          yield* redis.send("PUBLISH", "{sg1:prod:0}:events", "1|O|-5|1|rates|1|{sg1:prod:0}:c:gpt")
          assert.deepInclude(yield* Effect.flip(Stream.runDrain(events)), {
            _tag: "StoreFailed",
            operation: "events",
            reason: "nonsense"
          })
        }).pipe(Effect.scoped)
      ))
  })
})

describe("a fleet", () => {
  for (const fleet of ["", "a{b", "b}", "\ud800", "x".repeat(101), 1 as never]) {
    it.effect(`is not named ${JSON.stringify(fleet).slice(0, 20)}`, () =>
      Effect.gen(function*() {
        const redis = Layer.mock(Redis.Redis, { eval: () => () => Effect.die("not asked") })
        const exit = yield* Effect.exit(Layer.build(Layer.provide(ClusterStore.layerRedis({ fleet }), redis)))
        assert.match(
          String(exit),
          /ClusterStore\.layerRedis: fleet must be a well-formed text of 1 to 100 characters without braces/
        )
      }).pipe(Effect.scoped))
  }

  for (const rest of ["", "{0}", "x".repeat(101)]) {
    it.effect(`is not named by the address of a Redis, which is not shown: ${JSON.stringify(rest).slice(0, 20)}`, () =>
      Effect.gen(function*() {
        const redis = Layer.mock(Redis.Redis, { eval: () => () => Effect.die("not asked") })
        const fleet = `redis://user:hunter2@redis.test:6379/${rest}`
        const exit = yield* Effect.exit(Layer.build(Layer.provide(ClusterStore.layerRedis({ fleet }), redis)))
        assert.match(String(exit), /fleet must be .* and no address, got an address \(not shown\)/)
        assert.notInclude(String(exit), "hunter2")
      }).pipe(Effect.scoped))
  }
})
