/** Circuits of a fleet of nodes over one store in memory, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, Registry } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Logger, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { type Node, node } from "./testClockFleet.ts"

const nodes = (count: number, options: Partial<CircuitBreaker.Options> = {}, own: Cluster.Options = {}) =>
  Effect.all(Array.from({ length: count }, () => node(options, own)))

const calls = ({ breaker }: Node, count: number, failing: boolean) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Effect.exit(breaker.protect(failing ? Effect.fail("503") : Effect.succeed(1))),
    { discard: true }
  )

const states = (all: ReadonlyArray<Node>) => Effect.forEach(all, ({ breaker }) => breaker.state)

const fleet = <A, E>(test: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  Effect.scoped(Effect.provide(test, ClusterStore.layerMemory))

describe("the circuits of a fleet", () => {
  it.effect("open together once the calls of all say so", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(5)
      for (const one of all) yield* calls(one, 9, true)
      assert.deepStrictEqual(yield* states(all), all.map(() => "Closed"))
      for (const one of all.slice(0, 2)) yield* calls(one, 4, true)
      yield* TestClock.adjust("300 millis")
      for (const one of all) yield* calls(one, 2, true)
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* states(all), all.map(() => "Open"))
    })))

  it.effect("stay closed where one node alone fails, which opens alone and recovers by itself", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(4)
      const [sick, ...others] = all
      for (const one of others) yield* calls(one, 20, false)
      yield* TestClock.adjust("300 millis")
      yield* calls(sick!, 30, true)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states(all), ["Open", "Closed", "Closed", "Closed"])
      assert.deepStrictEqual((yield* sick!.cluster.status).dissent, ["model"])
      yield* TestClock.adjust("10 seconds")
      yield* calls(sick!, 5, false)
      assert.deepStrictEqual(yield* states(all), all.map(() => "Closed"))
    })))

  it.effect("give out as many probes as there are, to all nodes together, and close together", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(3)
      for (const one of all) yield* calls(one, 20, true)
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* states(all), all.map(() => "Open"))
      yield* TestClock.adjust("10 seconds")
      let probes = 0
      const probe = ({ breaker }: Node) =>
        Effect.exit(breaker.protect(Effect.andThen(Effect.sync(() => probes++), Effect.sleep("100 millis"))))
      const fibers = []
      for (let i = 0; i < 10; i++) {
        for (const one of all) {
          fibers.push(yield* Effect.forkChild(probe(one)))
        }
        yield* TestClock.adjust("5 millis")
      }
      assert.isAtLeast(probes, 3)
      assert.isAtMost(probes, 5)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states(all), all.map(() => "Closed"))
    })))

  it.effect("that an operator forces open say so on all nodes, also on one that comes later", () =>
    fleet(Effect.gen(function*() {
      const registry = yield* Registry.make()
      const all = yield* Effect.provideService(nodes(2), Registry.CurrentRegistry, registry)
      yield* all[0]!.cluster.control("model")!.forceOpen
      yield* TestClock.adjust("100 millis")
      const later = yield* Effect.provideService(node(), Registry.CurrentRegistry, registry)
      assert.deepStrictEqual(yield* states([...all, later]), ["ForcedOpen", "ForcedOpen", "ForcedOpen"])
      assert.deepStrictEqual(
        registry.history().map(({ reason, to }) => `${to}: ${reason}`),
        ["ForcedOpen: manual", "ForcedOpen: manual", "ForcedOpen: manual"]
      )
    })))

  it.effect("are opened, forced open and closed for all by a command", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(3)
      const control = all[0]!.cluster.control("model")!
      yield* control.trip("1 minute")
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all), all.map(() => "Open"))
      yield* control.forceOpen
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all), all.map(() => "ForcedOpen"))
      yield* all[1]!.cluster.control("model")!.close
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all), all.map(() => "Closed"))
    })))

  it.effect("degrade the health of a node that has opened alone, and name a node that judges by other terms", () =>
    fleet(Effect.gen(function*() {
      const registry = yield* Registry.make()
      const sick = yield* Effect.provideService(node({ minimumCalls: 20 }), Registry.CurrentRegistry, registry)
      const others = yield* nodes(3)
      for (const one of others) yield* calls(one, 30, false)
      yield* TestClock.adjust("300 millis")
      yield* calls(sick, 40, true)
      yield* TestClock.adjust("1 second")
      const { reasons } = yield* Effect.provideService(Registry.health, Registry.CurrentRegistry, registry)
      assert.includeDeepMembers(reasons.map(({ kind, reason }) => [kind, reason]), [
        ["Cluster", "dissent"],
        ["Cluster", "rules-differ"]
      ])
      assert.deepStrictEqual((yield* sick.cluster.status).rulesDiffer, [[
        "model",
        "minimumCalls 10, here 20"
      ]])
    })))

  it.effect("name a node that judges by other terms until a minute after they heard of it last", () =>
    fleet(Effect.gen(function*() {
      const others = yield* nodes(2)
      const scope = yield* Scope.fork(yield* Effect.scope)
      const strict = yield* Scope.provide(node({ minimumCalls: 20 }), scope)
      const differing = (one: typeof strict) => Effect.map(one.cluster.status, ({ rulesDiffer }) => rulesDiffer.length)
      const each = [strict, ...others]
      const told = [0, 0, 0]
      for (let i = 0; i < 200; i++) {
        for (const one of each) yield* calls(one, 1, false)
        yield* TestClock.adjust("300 millis")
        for (const [k, one] of each.entries()) {
          const count = yield* differing(one)
          assert.isAtLeast(count, told[k]!)
          told[k] = count
        }
      }
      assert.deepStrictEqual(told, [1, 1, 1])
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("50 seconds")
      for (const one of others) assert.strictEqual(yield* differing(one), 1)
      yield* TestClock.adjust("20 seconds")
      for (const one of others) assert.strictEqual(yield* differing(one), 0)
    })))

  it.effect("lose no probe to a call that is interrupted while it asks for one, or that ends without a result", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(2, { halfOpen: { calls: 1 } })
      for (const one of all) yield* calls(one, 20, true)
      yield* TestClock.adjust("500 millis")
      yield* TestClock.adjust("10 seconds")
      for (let steps = 0; steps < 40; steps++) {
        const asking = yield* Effect.forkChild(all[0]!.breaker.protect(Effect.never))
        for (let i = 0; i < steps; i++) yield* Effect.yieldNow
        yield* Fiber.interrupt(asking)
        yield* TestClock.adjust("6 seconds")
      }
      yield* calls(all[1]!, 1, false)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states(all), ["Closed", "Closed"])
    })))

  it.effect("open for as long as the schedule says after so many openings, also on a node that comes later", () =>
    fleet(Effect.gen(function*() {
      const options = { openFor: Schedule.exponential("10 seconds"), halfOpen: { calls: 1 } }
      const all = [...yield* nodes(2, options)]
      for (const one of all) yield* calls(one, 20, true)
      yield* TestClock.adjust("100 millis")
      for (const seconds of [20, 40, 80]) {
        yield* TestClock.adjust("200 seconds")
        yield* calls(all[seconds % 3 % 2]!, 1, true)
        yield* TestClock.adjust("100 millis")
        all.push(yield* node(options))
        for (const one of all) {
          const { nextRetry, state } = yield* one.breaker.snapshot
          assert.strictEqual(state, "Open")
          assert.approximately(Duration.toSeconds(nextRetry!), seconds, 1)
        }
      }
    })))

  it.effect("keep a call waiting for a probe no longer than the time-out, whatever the store does", () =>
    Effect.gen(function*() {
      let hangs = false
      const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
      const store: ClusterStore.ClusterStore["Service"] = {
        ...memory,
        circuits: (call) =>
          Effect.suspend(() => hangs ? Effect.never : Effect.delay(memory.circuits(call), "20 millis"))
      }
      const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, store)
      yield* calls(one!, 20, true)
      yield* TestClock.adjust("100 millis")
      yield* TestClock.adjust("9.9 seconds")
      for (const wait of [20, 40, 60, 700, 3000, 20_000]) {
        hangs = true
        const call = yield* Effect.forkChild(Effect.exit(one!.breaker.protect(Effect.fail("503"))))
        yield* TestClock.adjust("51 millis")
        assert.isDefined(call.pollUnsafe(), `${wait}`)
        yield* TestClock.adjust(wait)
        const later = yield* Effect.forkChild(Effect.exit(one!.breaker.protect(Effect.fail("503"))))
        yield* TestClock.adjust("51 millis")
        assert.isDefined(later.pollUnsafe(), `${wait}, later`)
        hangs = false
        yield* TestClock.adjust("30 seconds")
      }
    }).pipe(Effect.scoped))

  it.effect("outlive a store that throws, dies, says too little or nothing at all, and are told of it once each way", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(...Array.isArray(message) ? message : [message]))
      const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
      const ways: ReadonlyArray<ClusterStore.ClusterStore["Service"]["circuits"]> = [
        () => {
          throw new Error("thrown")
        },
        () => Effect.die("died"),
        () => Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "nonsense" })),
        (call) => Effect.map(memory.circuits(call), (reply) => ({ ...reply, circuits: [] })),
        () => Effect.never,
        () => Effect.interrupt
      ]
      let circuits = memory.circuits
      let isDeaf = false
      const store: ClusterStore.ClusterStore["Service"] = {
        ...memory,
        circuits: (call) => circuits(call),
        subscribe: Effect.suspend(() => isDeaf ? Effect.die("deaf") : memory.subscribe)
      }
      const fleet = yield* nodes(2).pipe(
        Effect.provideService(ClusterStore.ClusterStore, store),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      )
      for (const way of ways) {
        lines.length = 0
        circuits = way
        isDeaf = !isDeaf
        // It may wait for a probe.
        yield* Effect.forkChild(calls(fleet[0]!, 3, true))
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(
          yield* Effect.forEach(fleet, ({ cluster }) => Effect.map(cluster.status, ({ state }) => state)),
          ["away", "away"]
        )
        circuits = memory.circuits
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(
          yield* Effect.forEach(fleet, ({ cluster }) => Effect.map(cluster.status, ({ state }) => state)),
          ["joined", "joined"]
        )
        for (const line of ["does not answer", "answers again"]) {
          assert.lengthOf(lines.filter((said) => String(said).includes(line)), 2, String(way))
        }
      }
      for (const one of fleet) yield* calls(one, 20, true)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states(fleet), ["Open", "Open"])
    }).pipe(Effect.scoped))

  it.effect("let no more calls through than there are probes, of a thousand at once with deadlines, and each ends in time", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(5)
      for (const one of all) yield* calls(one, 20, true)
      yield* TestClock.adjust("500 millis")
      yield* TestClock.adjust("10 seconds")
      let begun = 0
      const call = (i: number) =>
        all[i % 5]!.breaker.protect(Effect.andThen(Effect.sync(() => begun++), Effect.sleep(i % 7))).pipe(
          Deadline.within(i % 3 === 0 ? "3 millis" : "1 minute"),
          Effect.exit
        )
      const storm = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 1000 }, (_, i) => call(i)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("60 millis")
      assert.isDefined(storm.pollUnsafe())
      assert.isAtLeast(begun, 1)
      assert.isAtMost(begun, 5)
      for (let i = 0; i < 200; i++) {
        for (const one of all) yield* calls(one, 1, false)
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(yield* states(all), all.map(() => "Closed"))
    })))

  it.effect("answer who asks for a probe by the answer to that question, and by no earlier one", () =>
    Effect.gen(function*() {
      const { Member } = yield* Effect.promise(() =>
        vi.importActual<typeof import("../../src/cluster/member.ts")>("../../src/cluster/member.ts")
      )
      const clock = yield* Clock.Clock
      const told = { allCalls: 0, allFailures: 0, allSlow: 0 }
      const circuit = { name: "model", state: "HalfOpen", told, fleetTries: () => {} }
      const home = { clock, isAway: false, nodes: 2, wake: () => {}, timeout: 50, terms: { span: 1, spread: "any" } }
      const member = new Member(circuit as never, home as never)
      const answer = {
        _tag: "State",
        epoch: 1,
        state: "HalfOpen",
        remaining: 0,
        openings: 1,
        otherTerms: undefined
      } as const
      const asking = yield* Effect.forkChild(member.askProbe, { startImmediately: true })
      member.hear({ ...answer, isGranted: false }, { epoch: 0, wish: "nothing" }, true)
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(asking.pollUnsafe())
      member.hear({ ...answer, isGranted: true }, { epoch: 1, wish: "probe" }, true)
      yield* TestClock.adjust("1 millis")
      assert.isDefined(asking.pollUnsafe())
      assert.isTrue(member.hasProbe)
    }))

  it.effect("are the first ones of their names on each node", () =>
    fleet(Effect.gen(function*() {
      const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
      const made = Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
      const [one, another] = [yield* made, yield* made]
      yield* Effect.repeat(Effect.exit(another.protect(Effect.fail("503"))), { times: 9 })
      yield* Effect.repeat(Effect.exit(one.protect(Effect.fail("503"))), { times: 8 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* one.state, yield* another.state], ["Closed", "Open"])
      yield* Context.get(context, Cluster.Cluster).control("model")!.forceOpen
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* one.state, yield* another.state], ["ForcedOpen", "Open"])
    })))

  it.effect("are the next ones of their names where the first are gone, which go on with what those have heard", () =>
    fleet(Effect.gen(function*() {
      const other = yield* node()
      const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
      const made = Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(made, scope)
      yield* TestClock.adjust("1 second")
      yield* other.cluster.control("model")!.forceOpen
      yield* TestClock.adjust("1 second")
      const next = yield* made
      // As whoever makes it anew from a changed file does.
      yield* next.control.forceOpen
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([yield* first.state, yield* next.state], ["ForcedOpen", "ForcedOpen"])
      yield* other.cluster.control("model")!.close
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* first.state, yield* next.state], ["ForcedOpen", "Closed"])
      yield* TestClock.adjust("10 seconds")
      yield* calls({ breaker: first, cluster: other.cluster }, 30, true)
      yield* calls({ breaker: next, cluster: other.cluster }, 30, true)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* other.breaker.state, "Open")
    })))

  for (
    const [command, state] of [
      ["forceOpen", "ForcedOpen"],
      ["trip", "Open"],
      ["close", "Closed"]
    ] as const
  ) {
    it.effect(`follow ${command} at once on the node that is told while the store is away`, () => {
      let isAway = false
      const store = Layer.effect(
        ClusterStore.ClusterStore,
        Effect.map(ClusterStore.ClusterStore, (store): ClusterStore.ClusterStore["Service"] => ({
          ...store,
          circuits: (call) =>
            Effect.suspend(() =>
              isAway
                ? Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
                : store.circuits(call)
            )
        }))
      ).pipe(Layer.provide(ClusterStore.layerMemory))
      return Effect.scoped(Effect.provide(
        Effect.gen(function*() {
          const all = yield* nodes(2)
          const [one, other] = [all[0]!, all[1]!]
          if (command === "close") {
            yield* one.cluster.control("model")!.forceOpen
            yield* TestClock.adjust("1 second")
          }
          isAway = true
          yield* TestClock.adjust("20 seconds")
          const control = one.cluster.control("model")!
          yield* command === "trip" ? control.trip("1 minute") : control[command]
          assert.strictEqual(yield* one.breaker.state, state)
          yield* TestClock.adjust("20 seconds")
          assert.strictEqual(yield* other.breaker.state, command === "close" ? "ForcedOpen" : "Closed")
          isAway = false
          yield* TestClock.adjust("20 seconds")
          assert.strictEqual(yield* one.breaker.state, state)
          assert.strictEqual(yield* other.breaker.state, command === "close" ? "ForcedOpen" : state)
        }),
        store
      ))
    })
  }

  it.effect("close by a command where this node alone has opened", () =>
    fleet(Effect.gen(function*() {
      const [sick, other] = [yield* node(), yield* node()]
      yield* calls(other, 30, false)
      yield* TestClock.adjust("300 millis")
      yield* calls(sick, 30, true)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* sick.cluster.status).dissent, ["model"])
      yield* sick.cluster.control("model")!.close
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states([sick, other]), ["Closed", "Closed"])
      assert.deepStrictEqual((yield* sick.cluster.status).dissent, [])
    })))

  it.effect("are a node that has joined once it has heard of each", () =>
    fleet(Effect.gen(function*() {
      const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
      const { status } = Context.get(context, Cluster.Cluster)
      const state = Effect.map(status, ({ state }) => state)
      const make = (name: string) => Effect.provide(CircuitBreaker.make({ name, shared: true }), context)
      assert.strictEqual(yield* state, "joining")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* state, "joined")
      for (let i = 0; i < 100; i++) yield* make(`model ${i}`)
      assert.strictEqual(yield* state, "joining")
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("10 millis")
      assert.strictEqual(yield* state, "joined")
    })))

  it.effect("are alone where there is no fleet around", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", shared: true })
      yield* Effect.repeat(Effect.exit(breaker.protect(Effect.fail("503"))), { times: 9 })
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  for (
    const [options, message] of [
      [{ interval: "10 millis" }, "Cluster.layer: interval must be at least timeout"],
      [{ spread: "all" as never }, "Cluster.layer: spread must be \"agreed\" or \"any\", got \"all\""],
      [{ timeout: "0 millis" }, "Cluster.layer: timeout must be"],
      [{ timeOut: "1 second" } as never, "Cluster.layer: there is no timeOut"]
    ] as const
  ) {
    it.effect(`are refused with options that cannot be kept: ${message}`, () =>
      fleet(Effect.gen(function*() {
        const exit = yield* Effect.exit(Layer.build(Layer.fresh(Cluster.layer(options))))
        assert.include(String(exit), message)
      })))
  }

  it.effect("are learnt by a node that comes later, before its first call", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(3)
      for (const one of all) yield* calls(one, 20, true)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* (yield* node()).breaker.state, "Open")
    })))
})
