/** Who leads a circuit: the fleet, or the node alone where the fleet cannot. In virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Outcome } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Clock, Context, Duration, Effect, Exit, Layer, PubSub, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { MemoryTable } from "../clusterStore/histories.ts"
import { answerOf, type Node, node } from "./testClockFleet.ts"

const fails = ({ breaker }: Pick<Node, "breaker">, count = 20) =>
  Effect.repeat(Effect.exit(breaker.protect(Effect.fail("503"))), { times: count - 1 })

const states = (all: ReadonlyArray<Node>) => Effect.forEach(all, ({ breaker }) => breaker.state)

const memory = Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))

/** Time passes in small steps, in each of which a message is sent and answered. */
const pass = (millis: number) => Effect.repeat(TestClock.adjust("10 millis"), { times: Math.ceil(millis / 10) - 1 })

/** The same, with calls of all nodes that the target answers. */
const served = (all: ReadonlyArray<Pick<Node, "breaker">>, millis: number) =>
  Effect.repeat(
    Effect.andThen(
      Effect.forEach(all, ({ breaker }) => Effect.forkChild(Effect.exit(breaker.protect(Effect.void)))),
      pass(100)
    ),
    { times: Math.ceil(millis / 100) - 1 }
  )

const stateIn = (store: ClusterStore.ClusterStore["Service"]) =>
  Effect.map(answerOf(store), (answer) => answer._tag === "State" ? answer.state : "Closed")

describe("a circuit of a fleet", () => {
  it.effect.prop(
    "is what the store says soon after that is back, whenever it was away for how long",
    {
      from: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 14_000 })),
      awayFor: Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 10_000 }))
    },
    ({ awayFor, from }) =>
      Effect.gen(function*() {
        const store = yield* memory
        let isAway = false
        const all = yield* Effect.all([node(), node()]).pipe(
          Effect.provideService(ClusterStore.ClusterStore, {
            ...store,
            circuits: (call) =>
              Effect.suspend(() =>
                isAway
                  ? Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
                  : store.circuits(call)
              )
          })
        )
        yield* fails(all[0]!)
        yield* pass(from % 3 * 100)
        // The first probe of the fleet.
        yield* TestClock.adjust(10_000 + from % 700)
        yield* served(all.slice(0, 1), 100)
        yield* pass(from / 100)
        isAway = true
        yield* served(all, awayFor)
        isAway = false
        yield* pass(6000)
        yield* served(all, 3000)
        assert.deepStrictEqual([yield* stateIn(store), ...yield* states(all)], ["Closed", "Closed", "Closed"])
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 30 } }
  )

  it.effect("that the fleet has opened is not alone where an older answer comes later", () =>
    Effect.gen(function*() {
      const store = yield* memory
      let way = 0
      const one = yield* Effect.provideService(node(), ClusterStore.ClusterStore, {
        ...store,
        circuits: (call) => Effect.tap(store.circuits(call), () => Effect.sleep(way))
      })
      const other = yield* Effect.provideService(node(), ClusterStore.ClusterStore, store)
      yield* Effect.repeat(Effect.exit(other.breaker.protect(Effect.void)), { times: 20 })
      yield* TestClock.adjust("400 millis")
      way = 30
      yield* fails(one)
      yield* TestClock.adjust("10 millis")
      yield* other.cluster.control("model")!.trip("1 minute")
      yield* pass(100)
      assert.deepStrictEqual(yield* states([one, other]), ["Open", "Open"])
      assert.deepStrictEqual((yield* one.cluster.status).dissent, [])
    }).pipe(Effect.scoped))

  it.effect("opens for no longer than maxRetryAfter, whatever wait its target asks a probe for", () =>
    Effect.gen(function*() {
      const options: Partial<CircuitBreaker.Options> = {
        maxRetryAfter: "1 minute",
        halfOpen: { calls: 1 },
        classify: (exit) => Exit.isSuccess(exit) ? Outcome.success : Outcome.failureAfter(Duration.days(40_000))
      }
      const all = [yield* node(options), yield* node(options)]
      yield* fails(all[0]!)
      yield* pass(10_300)
      yield* Effect.forkChild(fails(all[0]!, 1))
      yield* pass(300)
      assert.deepStrictEqual(yield* states(all), ["Open", "Open"])
      for (const { breaker } of all) {
        assert.approximately(Duration.toSeconds((yield* breaker.snapshot).nextRetry!), 60, 1)
      }
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  for (const state of ["Open", "HalfOpen"] as const) {
    it.effect(`goes on by itself, and closes, where its node leaves the fleet while it is ${state}`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Scope.provide(Layer.build(Layer.fresh(Cluster.layer())), scope)
        const made = Effect.provide(
          CircuitBreaker.make({ name: "model", shared: true, openFor: "10 seconds" }),
          context
        )
        const [breaker, second] = [yield* made, yield* made]
        yield* pass(300)
        yield* fails({ breaker })
        yield* pass(state === "Open" ? 1000 : 10_500)
        assert.strictEqual(yield* breaker.state, state)
        yield* Scope.close(scope, Exit.void)
        const later = yield* made
        for (const one of [second, later]) yield* fails({ breaker: one })
        yield* pass(11_000)
        yield* served([{ breaker }, { breaker: second }, { breaker: later }], 3000)
        for (const one of [breaker, second, later]) assert.strictEqual(yield* one.state, "Closed")
      }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
  }

  it.effect("that is slow by its options is judged alike on a node that has had no call", () =>
    Effect.gen(function*() {
      const all = [yield* node({ slowCallDuration: "1 second" }), yield* node({ slowCallDuration: "1 second" })]
      yield* served(all.slice(0, 1), 500)
      yield* TestClock.adjust("12 seconds")
      for (const { cluster } of all) assert.deepStrictEqual((yield* cluster.status).rulesDiffer, [])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  for (const maxWait of [200, 2000, 60_000]) {
    it.effect(`lets no more probes run than there are where they are streams that say that they are alive (${maxWait} ms)`, () =>
      Effect.gen(function*() {
        const options = { halfOpen: { calls: 2, maxWait } }
        const all = [yield* node(options), yield* node(options), yield* node(options)]
        yield* fails(all[0]!)
        yield* pass(10_300)
        let running = 0
        let most = 0
        const sign = Effect.andThen(Effect.sleep(100), CircuitBreaker.stillAlive)
        const stream = Effect.acquireUseRelease(
          Effect.sync(() => most = Math.max(most, ++running)),
          () => Effect.repeat(sign, { times: 400 }),
          () => Effect.sync(() => running--)
        )
        for (let i = 0; i < 300; i++) {
          for (const { breaker } of all) yield* Effect.forkChild(Effect.exit(breaker.protect(stream)))
          yield* pass(100)
        }
        assert.strictEqual(most, 2)
        yield* served(all, 15_000)
        assert.deepStrictEqual(yield* states(all), ["Closed", "Closed", "Closed"])
      }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
  }

  for (const [interval, maxWait] of [[250, 100], [2000, 500], [3000, 2000]] as const) {
    it.effect(`gives no place of a stream that says that it is alive to another node (${maxWait} ms, told each ${interval} ms)`, () =>
      Effect.gen(function*() {
        const options = { halfOpen: { calls: 1, maxWait } }
        const all = [yield* node(options, { interval }), yield* node(options, { interval })]
        const [one, other] = all as [Node, Node]
        yield* pass(interval)
        yield* fails(one)
        yield* pass(11_000)
        const sign = Effect.andThen(Effect.sleep(50), CircuitBreaker.stillAlive)
        yield* Effect.forkChild(one.breaker.protect(Effect.repeat(sign, { times: 400 })))
        yield* pass(100)
        let probes = 0
        const probe = Effect.exit(other.breaker.protect(Effect.sync(() => probes++)))
        yield* Effect.repeat(Effect.andThen(Effect.forkChild(probe), pass(100)), { times: 149 })
        assert.strictEqual(probes, 0)
        assert.deepStrictEqual(yield* states(all), ["HalfOpen", "HalfOpen"])
        yield* served(all, 15_000)
        assert.deepStrictEqual(yield* states(all), ["Closed", "Closed"])
      }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
  }

  it.effect("gives the probe to another node within a heartbeat where the circuit of the one that has it is closed by hand", () =>
    Effect.gen(function*() {
      const options: Partial<CircuitBreaker.Options> = { halfOpen: { calls: 1 } }
      const [one, other] = [yield* node(options), yield* node(options)]
      yield* fails(one)
      yield* pass(10_300)
      yield* Effect.forkChild(one.breaker.protect(Effect.never))
      yield* pass(100)
      yield* one.breaker.control.close
      yield* pass(5500)
      yield* served([other], 1000)
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("opens for the failures of quiet nodes whose calls were slow before they failed", () =>
    Effect.gen(function*() {
      const options: Partial<CircuitBreaker.Options> = { slowCallDuration: "1 second", slowCallRate: 1 }
      const all = yield* Effect.all(Array.from({ length: 20 }, () => node(options)))
      const hangs = Effect.andThen(Effect.sleep("3 seconds"), Effect.fail("timeout"))
      for (let i = 0; i < 100; i++) {
        const call = i % 4 === 0 ? Effect.void : hangs
        yield* Effect.forkChild(Effect.exit(all[i % 20]!.breaker.protect(call)))
        yield* Effect.repeat(TestClock.adjust("50 millis"), { times: 9 })
      }
      assert.deepStrictEqual(new Set(yield* states(all)), new Set(["Open"]))
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("that is closed by hand while the fleet is forced open recovers by its own rules", () =>
    Effect.gen(function*() {
      const all = [yield* node(), yield* node()]
      yield* all[0]!.cluster.control("model")!.forceOpen
      yield* pass(100)
      yield* all[1]!.breaker.control.close
      yield* fails(all[1]!)
      assert.deepStrictEqual(yield* states(all), ["ForcedOpen", "Open"])
      yield* pass(10_000)
      yield* served(all, 1000)
      assert.deepStrictEqual(yield* states(all), ["ForcedOpen", "Closed"])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("is a dissent of its node where that has opened while the store was away for longer", () =>
    Effect.gen(function*() {
      const store = yield* memory
      let isAway = false
      const one = yield* Effect.provideService(node(), ClusterStore.ClusterStore, {
        ...store,
        circuits: (call) =>
          Effect.suspend(() =>
            isAway
              ? Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
              : store.circuits(call)
          )
      })
      isAway = true
      yield* fails(one)
      yield* pass(15_000)
      assert.strictEqual(yield* one.breaker.state, "HalfOpen")
      isAway = false
      yield* pass(5000)
      assert.deepStrictEqual((yield* one.cluster.status).dissent, ["model"])
      yield* served([one], 2000)
      assert.deepStrictEqual((yield* one.cluster.status).dissent, [])
    }).pipe(Effect.scoped))

  it.effect.prop(
    "opens on no other node for an opening that was over when the store was back",
    { awayFor: Schema.Int.check(Schema.isBetween({ minimum: 2000, maximum: 9000 })) },
    ({ awayFor }) =>
      Effect.gen(function*() {
        const store = yield* memory
        let isAway = false
        const options: Partial<CircuitBreaker.Options> = { openFor: "2 seconds" }
        const one = yield* Effect.provideService(node(options), ClusterStore.ClusterStore, {
          ...store,
          circuits: (call) =>
            Effect.suspend(() =>
              isAway
                ? Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
                : store.circuits(call)
            )
        })
        const other = yield* Effect.provideService(node(options), ClusterStore.ClusterStore, store)
        const changes: Array<string> = []
        const { transitions } = other.breaker
        yield* Effect.forkScoped(Stream.runForEach(transitions, ({ to }) => Effect.sync(() => changes.push(to))))
        isAway = true
        yield* fails(one)
        yield* pass(awayFor)
        isAway = false
        yield* pass(5000)
        assert.deepStrictEqual([changes, (yield* one.cluster.status).dissent], [[], ["model"]])
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 30 } }
  )

  it.effect("asks for no probe before the end of the opening of its fleet where it ended here by hand", () =>
    Effect.gen(function*() {
      const store = yield* memory
      let messages = 0
      const one = yield* Effect.provideService(node(), ClusterStore.ClusterStore, {
        ...store,
        circuits: (call) => Effect.tap(store.circuits(call), () => Effect.sync(() => messages++))
      })
      yield* one.cluster.control("model")!.trip("1 minute")
      yield* pass(100)
      yield* one.breaker.control.trip("1 second")
      yield* pass(2000)
      messages = 0
      yield* served([one], 10_000)
      assert.isAtMost(messages, 3)
      yield* served([one], 55_000)
      assert.strictEqual(yield* one.breaker.state, "Closed")
    }).pipe(Effect.scoped))

  it.effect("is no dissent of its node once it is set by hand, and what it counts is told", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* node(), yield* node()]
      yield* Effect.repeat(Effect.exit(other.breaker.protect(Effect.void)), { times: 20 })
      yield* pass(400)
      yield* fails(one)
      yield* pass(100)
      assert.deepStrictEqual((yield* one.cluster.status).dissent, ["model"])
      yield* one.breaker.control.metricsOnly
      yield* pass(500)
      assert.deepStrictEqual((yield* one.cluster.status).dissent, [])
      yield* fails(one, 30)
      yield* fails(other, 8)
      yield* pass(1500)
      yield* fails(other, 1)
      yield* pass(500)
      assert.strictEqual(yield* other.breaker.state, "Closed")
      yield* fails(other, 20)
      yield* pass(500)
      assert.deepStrictEqual(yield* states([one, other]), ["MetricsOnly", "Open"])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  const planted = ["Closed", "Open", "HalfOpen", "ForcedOpen"] as const
  for (const before of planted) {
    for (const state of planted) {
      it.effect(`is one again where somebody writes into the store that it is ${state}, and was ${before}`, () =>
        Effect.gen(function*() {
          let table = new MemoryTable()
          const events = yield* PubSub.unbounded<ClusterStore.CircuitEvent>()
          const memory = yield* Effect.map(
            Layer.build(ClusterStore.layerMemory),
            Context.get(ClusterStore.ClusterStore)
          )
          const store: ClusterStore.ClusterStore["Service"] = {
            ...memory,
            circuits: (call) =>
              Effect.map(Clock.Clock, (clock) =>
                table.callCircuits(
                  call,
                  Math.floor(Number(clock.currentTimeNanosUnsafe()) / 1000),
                  (event) => PubSub.publishUnsafe(events, event)
                )),
            subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription)
          }
          const made = Effect.provideService(node(), ClusterStore.ClusterStore, store)
          const all = [yield* made, yield* made]
          const [{ cluster }] = all as [Node]
          const control = cluster.control("model")!
          yield* before === "ForcedOpen"
            ? control.forceOpen
            : control.trip(before === "HalfOpen" ? "10 millis" : "10 seconds")
          if (before === "Closed") yield* control.close
          yield* pass(100)
          yield* Effect.forEach(all, ({ breaker }) => breaker.state)
          if (before === "HalfOpen") yield* pass(5000)
          const copy = table.copy()
          const kept = copy.circuits.get("model")!
          assert.strictEqual(kept.record.state, before)
          const record = { ...kept.record, state, until: kept.record.at + 5000 }
          table = new MemoryTable({ ...copy, circuits: new Map([["model", { ...kept, record }]]) })
          yield* pass(6000)
          yield* served(all, 15_000)
          const expected = state === "ForcedOpen" ? state : "Closed"
          assert.deepStrictEqual([yield* stateIn(store), ...yield* states(all)], [expected, expected, expected])
        }).pipe(Effect.scoped))
    }
  }
})
