/**
 * What goes wrong with a real Redis while a fleet works. A message is executed late where the server runs it after its node has
 * stopped waiting for the answer: the answer has the time of the server.
 */
import { assert, describe, it } from "@effect/vitest"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Deferred, Duration, Effect, Fiber, Layer, Stream } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerRedis, server } from "../clusterStore/redisServer.ts"
import { withServer } from "../support/withServers.ts"
import { redisOnPort } from "../support/redisProcess.ts"
import { answerOf } from "./testClockFleet.ts"
import { all, are, joined, node, nodes, statesOf, until } from "./fleet.ts"

/** The time-out of the nodes, and what clocks and scheduling may add. */
const late = 500 + 250

/** The store, and how many messages were sent and how many of them executed late. */
const watched = Effect.gen(function*() {
  const store = yield* ClusterStore.ClusterStore
  const seen = { sent: 0, late: 0 }
  const circuits: typeof store.circuits = (call) =>
    Effect.suspend(() => {
      seen.sent++
      const at = Date.now()
      return Effect.tap(store.circuits(call), ({ now }) =>
        Effect.sync(() => {
          if (now - at > late) seen.late++
        }))
    })
  return { seen, store: { ...store, circuits } }
})

/** A node that has news all the time, until the scope closes. No call of it waits. */
const busy = (store: ClusterStore.ClusterStore["Service"]) =>
  Effect.gen(function*() {
    const one = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
    const call = Effect.timeout(one.breaker.protect(Effect.void), "400 millis")
    const calls = yield* Effect.forkScoped(Effect.forever(Effect.andThen(call, Effect.sleep("5 millis"))))
    yield* joined([one])
    return { one, calls }
  })

/** How many scripts the server has run. */
const executed = Effect.gen(function*() {
  const stats = yield* (yield* Redis.Redis).send<string>("INFO", "commandstats")
  return ["eval", "evalsha"].reduce((sum, name) => {
    const [, calls = "0", failed = "0"] =
      new RegExp(`cmdstat_${name}:calls=(\\d+).*?failed_calls=(\\d+)`).exec(stats) ?? []
    return sum + Number(calls) - Number(failed)
  }, 0)
})

withServer("redis-server", "faults of a real server are tried", () => {
  // Each has a server of its own, and waits for it.
  describe.concurrent("of a fleet on a real server", () => {
    const store = Layer.provideMerge(ClusterStore.layerRedis({ fleet: "test" }), layerRedis)

    for (
      const [what, stop] of [
        [
          "a pause of 2 s",
          Effect.gen(function*() {
            yield* (yield* Redis.Redis).send("CLIENT", "PAUSE", "2000", "ALL")
            yield* Effect.sleep("2 seconds")
          })
        ],
        ["a stop of its process for 3 s", Effect.flatMap(server, ({ frozen }) => frozen(Effect.sleep("3 seconds")))]
      ] as const
    ) {
      it.live(`${what} has one message executed late at most, and no call waits for it`, () =>
        Effect.gen(function*() {
          const { seen, store } = yield* watched
          const { calls, one } = yield* busy(store)
          const before = seen.sent
          yield* stop
          assert.isAtMost(seen.sent - before, 4)
          yield* joined([one])
          yield* until(Effect.sync(() => seen.sent > before + 6))
          assert.isAtMost(seen.late, 1)
          assert.isUndefined(calls.pollUnsafe())
          yield* Fiber.interrupt(calls)
        }).pipe(Effect.scoped, Effect.provide(store)), 60_000)
    }

    it.live("a kill and a start with nothing have no message executed late", () =>
      Effect.gen(function*() {
        const { seen, store } = yield* watched
        const { calls, one } = yield* busy(store)
        const { kill, start } = yield* server
        yield* kill
        yield* are([one], "away")
        const before = seen.sent
        yield* start
        // Whatever was sent to the server that is gone is not run by this one.
        yield* joined([one])
        assert.isAtMost(yield* executed, seen.sent - before)
        assert.strictEqual(seen.late, 0)
        assert.isUndefined(calls.pollUnsafe())
        yield* Fiber.interrupt(calls)
      }).pipe(Effect.scoped, Effect.provide(store)), 60_000)
  })

  describe.concurrent("a replica that knows of an older state and takes over", () => {
    const serverOf = (more: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        const { port, ...process } = yield* redisOnPort(more)
        const context = yield* Layer.build(Layer.fresh(Layer.provideMerge(
          ClusterStore.layerRedis({ fleet: "test" }),
          NodeRedis.layer({ socket: { host: "127.0.0.1", port }, disableOfflineQueue: true })
        )))
        return {
          port,
          process,
          send: Context.get(context, Redis.Redis).send,
          store: Context.get(context, ClusterStore.ClusterStore)
        }
      })

    it.live(
      "has the epoch and the rest of the opening by the first message of a node that knew them",
      () =>
        Effect.gen(function*() {
          const first = yield* serverOf([])
          const replica = yield* serverOf([
            "--replicaof",
            "127.0.0.1",
            String(first.port),
            "--repl-diskless-sync-delay",
            "0"
          ])
          const switched = yield* Deferred.make<void>()
          const present = Effect.map(Deferred.isDone(switched), (isDone) => (isDone ? replica : first).store)
          const store: ClusterStore.ClusterStore["Service"] = {
            circuits: (call) => Effect.flatMap(present, ({ circuits }) => circuits(call)),
            limits: (call) => Effect.flatMap(present, ({ limits }) => limits(call)),
            budgets: (call) => Effect.flatMap(present, ({ budgets }) => budgets(call)),
            subscribe: Effect.flatMap(
              present,
              ({ subscribe }) =>
                Effect.map(subscribe, (events) => Stream.interruptWhen(events, Deferred.await(switched)))
            )
          }
          const withStore = Effect.provideService(ClusterStore.ClusterStore, store)
          const fleet = yield* withStore(nodes(3))
          yield* joined(fleet)
          yield* until(
            Effect.map(replica.send<string>("INFO", "replication"), (info) => info.includes("master_link_status:up"))
          )
          yield* fleet[0]!.cluster.control("model")!.trip("1 minute")
          yield* all(fleet, "Open")
          yield* fleet[0]!.cluster.control("model")!.close
          yield* all(fleet, "Closed")
          const closed = yield* answerOf(first.store)
          assert.deepInclude(closed, { state: "Closed" })
          yield* until(Effect.map(replica.send<string>("GET", "{sg1:test:0}:seq"), (seq) => Number(seq) >= 2))
          yield* replica.send("REPLICAOF", "NO", "ONE")
          yield* fleet[0]!.cluster.control("model")!.trip("2 minutes")
          yield* all(fleet, "Open")
          const opened = yield* answerOf(first.store)
          // The replica heard nothing of it.
          const { otherTerms: _, ...same } = closed
          assert.deepInclude(yield* answerOf(replica.store), same)
          const at = performance.now()
          yield* first.process.kill
          yield* Deferred.succeed(switched, undefined)
          yield* until(
            Effect.map(answerOf(replica.store), (answer) => answer._tag === "State" && answer.state === "Open")
          )
          const told = yield* answerOf(replica.store)
          if (told._tag !== "State" || opened._tag !== "State") return assert.fail("It is not known to the replica")
          assert.deepStrictEqual([told.epoch, told.openings], [opened.epoch, opened.openings])
          assert.approximately(told.remaining, opened.remaining - (performance.now() - at), 2000)
          const newcomer = yield* withStore(node)
          yield* all([newcomer], "Open")
          const { nextRetry } = yield* newcomer.breaker.snapshot
          assert.approximately(Duration.toMillis(nextRetry!), opened.remaining - (performance.now() - at), 2000)
          assert.deepStrictEqual(yield* statesOf(fleet), ["Open", "Open", "Open"])
        }).pipe(Effect.scoped),
      60_000
    )
  })
})
