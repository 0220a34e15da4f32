/** Families whose members are circuits of a fleet, over one store in memory, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Exit, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"

interface Node {
  readonly family: CircuitBreaker.Family.Family
  readonly cluster: Cluster.Cluster["Service"]
}

const node = (
  options: Partial<CircuitBreaker.Family.Options> = {}
): Effect.Effect<Node, never, ClusterStore.ClusterStore | Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
    const family = yield* Effect.provide(
      CircuitBreaker.Family.make({ name: "tenants", shared: true, openFor: "10 seconds", ...options }),
      context
    )
    yield* TestClock.adjust("300 millis")
    return { family, cluster: Context.get(context, Cluster.Cluster) }
  })

const calls = ({ family }: Node, key: string, count: number, failing: boolean) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Effect.exit(family.protect(key)(failing ? Effect.fail("503") : Effect.succeed(1))),
    { discard: true }
  )

const stateOf = ({ family }: Node, key: string) => Effect.flatMap(family.get(key), ({ state }) => state)

const states = (all: ReadonlyArray<Node>, key: string) => Effect.forEach(all, (one) => stateOf(one, key))

const fleet = <A, E>(test: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  Effect.scoped(Effect.provide(test, ClusterStore.layerMemory))

/** Time passes in small steps, in each of which a message is sent and answered. */
const pass = (millis: number, step = 10) =>
  Effect.repeat(TestClock.adjust(step), { times: Math.ceil(millis / step) - 1 })

/** A store that also shows what it was told. */
const watched = Effect.gen(function*() {
  const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  const told: Array<ClusterStore.CircuitCall> = []
  const answers: { way: <A>(answer: Effect.Effect<A>) => Effect.Effect<A> } = { way: (answer) => answer }
  const store: ClusterStore.ClusterStore["Service"] = {
    ...memory,
    circuits: (call) =>
      Effect.suspend(() => {
        told.push(call)
        return answers.way(memory.circuits(call) as Effect.Effect<ClusterStore.CircuitReply>)
      })
  }
  return { store, told, answers }
})

describe("the circuits of a family in a fleet", () => {
  it.effect("open together, probe together and close together, each for its key alone", () =>
    fleet(Effect.gen(function*() {
      const all = [yield* node(), yield* node()]
      for (const one of all) yield* calls(one, "globex", 20, false)
      for (const one of all) yield* calls(one, "acme", 9, true)
      yield* calls(all[0]!, "acme", 1, true)
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* states(all, "acme"), ["Open", "Open"])
      assert.deepStrictEqual(yield* states(all, "globex"), ["Closed", "Closed"])
      yield* TestClock.adjust("10 seconds")
      for (let i = 0; i < 10; i++) {
        yield* calls(all[i % 2]!, "acme", 1, false)
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(yield* states(all, "acme"), ["Closed", "Closed"])
    })))

  it.effect("learn what the fleet has decided where they are made later, and where they are made again", () =>
    fleet(Effect.gen(function*() {
      const all = [yield* node(), yield* node({ capacity: 2 })]
      const [one, small] = all
      yield* calls(small!, "acme", 1, false)
      for (const other of ["a", "b"]) yield* calls(small!, other, 1, false)
      assert.notInclude(yield* small!.family.keys, "acme")
      yield* calls(one!, "acme", 20, true)
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(yield* stateOf(one!, "acme"), "Open")
      assert.isUndefined(small!.cluster.control("tenants/acme"))
      yield* small!.family.get("acme")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* stateOf(small!, "acme"), "Open")
      const third = yield* node()
      yield* third.family.get("acme")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* stateOf(third, "acme"), "Open")
    })))

  it.effect("are reached by commands for all nodes", () =>
    fleet(Effect.gen(function*() {
      const all = [yield* node(), yield* node()]
      for (const one of all) yield* calls(one, "acme", 1, false)
      assert.isUndefined(all[0]!.cluster.control("tenants/globex"))
      const control = all[0]!.cluster.control("tenants/acme")!
      yield* control.trip("1 minute")
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all, "acme"), ["Open", "Open"])
      yield* control.forceOpen
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all, "acme"), ["ForcedOpen", "ForcedOpen"])
      yield* all[1]!.cluster.control("tenants/acme")!.close
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(all, "acme"), ["Closed", "Closed"])
    })))

  it.effect("are told of the command that has one made again", () =>
    fleet(Effect.gen(function*() {
      const all = [yield* node({ capacity: 1 }), yield* node()]
      const acme = yield* all[0]!.family.get("acme")
      yield* calls(all[1]!, "acme", 1, false)
      yield* calls(all[0]!, "globex", 1, false)
      assert.isUndefined(all[0]!.cluster.control("tenants/acme"))
      yield* acme.control.trip("1 minute")
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* states(all, "acme"), ["Open", "Open"])
    })))

  for (const command of ["trip", "forceOpen"] as const) {
    it.effect(`are forgotten as others are once the fleet has closed them again (${command})`, () =>
      fleet(Effect.gen(function*() {
        const one = yield* node({ idleTimeToLive: "1 minute", capacity: 3 })
        yield* calls(one, "acme", 1, false)
        const control = one.cluster.control("tenants/acme")!
        yield* command === "trip" ? control.trip("1 hour") : control.forceOpen
        yield* TestClock.adjust("100 millis")
        yield* TestClock.adjust("2 minutes")
        yield* calls(one, "acme", 1, false)
        for (const key of ["a", "b", "c", "d"]) yield* calls(one, key, 1, false)
        assert.include(yield* one.family.keys, "acme")
        yield* one.cluster.control("tenants/acme")!.close
        yield* TestClock.adjust("2 minutes")
        for (const key of ["a", "b", "c"]) {
          yield* calls(one, key, 1, false)
          yield* TestClock.adjust("2 seconds")
        }
        assert.notInclude(yield* one.family.keys, "acme")
      })))
  }

  it.effect("tell their last counts when they are forgotten, and nothing afterwards", () =>
    Effect.gen(function*() {
      const { store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1 }), ClusterStore.ClusterStore, store)
      yield* calls(one, "acme", 3, true)
      yield* calls(one, "globex", 1, false)
      yield* TestClock.adjust("300 millis")
      const of = (key: string) =>
        told.flatMap(({ circuits }) => circuits).filter(([name]) => name === `tenants/${key}`).map(([, { counts }]) =>
          counts.calls
        )
      assert.deepStrictEqual(of("acme").reduce((sum, calls) => sum + calls, 0), 3)
      assert.isUndefined(one.cluster.control("tenants/acme"))
      const before = of("acme").length
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(of("acme"), before)
    }).pipe(Effect.scoped))

  it.effect("tell their last counts before the one that is made again asks for anything", () =>
    Effect.gen(function*() {
      const { store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1 }), ClusterStore.ClusterStore, store)
      yield* calls(one, "acme", 3, true)
      yield* calls(one, "globex", 1, false)
      yield* one.family.get("acme")
      yield* TestClock.adjust("300 millis")
      const acme = told.flatMap(({ circuits }) => circuits.filter(([name]) => name === "tenants/acme"))
      assert.deepStrictEqual(acme.slice(-2).map(([, { counts }]) => counts.calls), [3, 0])
    }).pipe(Effect.scoped))

  it.effect("give back the probe that was granted to one that is gone by then", () =>
    Effect.gen(function*() {
      const { answers, store } = yield* watched
      const scope = yield* Scope.make()
      const made = node({ halfOpen: { calls: 1 }, minimumCalls: 2 })
      const provided = Effect.provideService(made, ClusterStore.ClusterStore, store)
      const one = yield* Effect.provideService(
        Effect.gen(function*() {
          const context = yield* Layer.build(Layer.fresh(Cluster.layer())).pipe(
            Effect.provideService(ClusterStore.ClusterStore, store)
          )
          const family = yield* CircuitBreaker.Family.make({
            name: "tenants",
            shared: true,
            openFor: "10 seconds",
            halfOpen: { calls: 1 },
            minimumCalls: 2
          }).pipe(Effect.provide(context), Effect.provideService(Scope.Scope, scope))
          return { family, cluster: Context.get(context, Cluster.Cluster) }
        }),
        Scope.Scope,
        yield* Effect.scope
      )
      const other = yield* provided
      for (const each of [one, other]) yield* calls(each, "acme", 2, true)
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* states([one, other], "acme"), ["Open", "Open"])
      yield* TestClock.adjust("10 seconds")
      answers.way = (answer) => Effect.delay(answer, "20 millis")
      const asking = yield* Effect.forkChild(calls(one, "acme", 1, false))
      yield* TestClock.adjust("10 millis")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("100 millis")
      assert.isDefined(asking.pollUnsafe())
      answers.way = (answer) => answer
      yield* calls(other, "acme", 1, false)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* stateOf(other, "acme"), "Closed")
    }).pipe(Effect.scoped))

  it.effect("go on by themselves once the scope of their family has closed, those made later too", () =>
    fleet(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
      const family = yield* CircuitBreaker.Family.make({ name: "tenants", shared: true }).pipe(
        Effect.provide(context),
        Effect.provideService(Scope.Scope, scope)
      )
      const one = { family, cluster: Context.get(context, Cluster.Cluster) }
      const other = yield* node()
      for (const each of [one, other]) yield* calls(each, "acme", 1, false)
      yield* TestClock.adjust("300 millis")
      yield* Scope.close(scope, Exit.void)
      yield* calls(one, "globex", 1, false)
      yield* other.cluster.control("tenants/acme")!.forceOpen
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* stateOf(one, "acme"), "Closed")
      assert.isUndefined(one.cluster.control("tenants/acme"))
      assert.isUndefined(one.cluster.control("tenants/globex"))
    })))

  it.effect("are those of this process where there is no fleet around, and where they are not shared", () =>
    fleet(Effect.gen(function*() {
      const alone = yield* CircuitBreaker.Family.make({ name: "tenants", shared: true })
      yield* Effect.repeat(Effect.exit(alone.protect("acme")(Effect.fail("503"))), { times: 9 })
      assert.strictEqual(yield* Effect.flatMap(alone.get("acme"), ({ state }) => state), "Open")
      const local = yield* node({ shared: false })
      yield* calls(local, "acme", 1, false)
      assert.isUndefined(local.cluster.control("tenants/acme"))
    })))

  for (
    const [what, key] of [["longer than 512 characters", "x".repeat(505)], ["half a character", "\ud800"]] as const
  ) {
    it.effect(`are those of this process where the name is ${what}`, () =>
      fleet(Effect.gen(function*() {
        const all = [yield* node(), yield* node()]
        for (const one of all) yield* calls(one, key, 20, true)
        yield* calls(all[0]!, key.slice(1), 1, false)
        yield* TestClock.adjust("300 millis")
        assert.isUndefined(all[0]!.cluster.control(`tenants/${key}`))
        assert.isDefined(all[0]!.cluster.control(`tenants/${key.slice(1)}`))
        assert.strictEqual(yield* stateOf(all[0]!, key), "Open")
      })))
  }

  it.effect("tell of openings and probes first where there are more than one message holds, and then of the longest untold", () =>
    Effect.gen(function*() {
      const { answers, store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1000 }), ClusterStore.ClusterStore, store)
      const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
      for (const key of keys) yield* calls(one, key, 1, false)
      yield* pass(1_000)
      answers.way = (answer) => Effect.delay(answer, "10 millis")
      for (let round = 0; round < 10; round++) {
        for (const key of keys) yield* calls(one, key, 1, false)
        const last = keys[keys.length - 1 - round]!
        yield* calls(one, last, 20, true)
        const before = told.length
        yield* pass(20)
        // One may have been on its way.
        const first = told.slice(before, before + 2).flatMap(({ circuits }) => circuits)
        assert.deepInclude(first.map(([name, { wish }]) => [name, wish]), [`tenants/${last}`, "tripped"])
        yield* pass(400)
      }
      const rounds = told.length
      for (const key of keys.slice(0, 200)) yield* calls(one, key, 1, false)
      yield* pass(2_000)
      const heard = new Set(told.slice(rounds).flatMap(({ circuits }) => circuits.map(([name]) => name)))
      for (const key of keys.slice(0, 200)) assert.isTrue(heard.has(`tenants/${key}`), key)
      assert.isTrue(told.every(({ circuits }) => circuits.length <= 64))
    }).pipe(Effect.scoped))

  it.effect("hear of the fleet in the next message where they are made while 300 others have news", () =>
    Effect.gen(function*() {
      const { store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1000 }), ClusterStore.ClusterStore, store)
      const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
      for (const key of keys) yield* calls(one, key, 1, false)
      yield* pass(1000)
      const before = told.length
      for (const key of keys) yield* calls(one, key, 1, false)
      yield* one.family.get("acme")
      yield* pass(20)
      // One may have been on its way.
      const first = told.slice(before, before + 2).flatMap(({ circuits }) => circuits.map(([name]) => name))
      assert.include(first, "tenants/acme")
    }).pipe(Effect.scoped))

  it.effect("are told of in the next message where they open while 300 new ones have to hear of the fleet", () =>
    Effect.gen(function*() {
      const { answers, store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1000 }), ClusterStore.ClusterStore, store)
      yield* calls(one, "acme", 1, false)
      yield* pass(1000)
      answers.way = (answer) => Effect.delay(answer, "10 millis")
      const before = told.length
      for (let i = 0; i < 300; i++) yield* one.family.get(`key ${i}`)
      yield* one.cluster.control("tenants/acme")!.trip("1 minute")
      yield* pass(20)
      // One may have been on its way.
      const first = told.slice(before, before + 2).flatMap(({ circuits }) => circuits)
      assert.deepInclude(first.map(([name, { wish }]) => [name, wish]), ["tenants/acme", "open"])
    }).pipe(Effect.scoped))

  it.effect("tell of openings before the last counts of those that are forgotten, however many these are", () =>
    Effect.gen(function*() {
      const { answers, store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 100 }), ClusterStore.ClusterStore, store)
      answers.way = (answer) => Effect.delay(answer, "20 millis")
      let last = 0
      const newKeys = Effect.gen(function*() {
        for (let i = 0; i < 50; i++) yield* calls(one, `key ${last++}`, 1, false)
        yield* calls(one, "acme", 1, false)
        yield* TestClock.adjust("10 millis")
      })
      yield* Effect.repeat(newKeys, { times: 99 })
      yield* one.cluster.control("tenants/acme")!.trip("1 minute")
      const before = told.length
      yield* Effect.repeat(newKeys, { times: 3 })
      // One may have been on its way.
      const first = told.slice(before, before + 2).flatMap(({ circuits }) => circuits)
      assert.deepInclude(first.map(([name, { wish }]) => [name, wish]), ["tenants/acme", "open"])
    }).pipe(Effect.scoped))

  it.effect("are all told of within half a second where every one of 300 has news all the time", () =>
    Effect.gen(function*() {
      const { store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 1000 }), ClusterStore.ClusterStore, store)
      const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
      for (const key of keys) yield* calls(one, key, 1, false)
      yield* pass(1_000)
      const before = told.length
      for (let i = 0; i < 10; i++) {
        for (const key of keys) yield* calls(one, key, 1, false)
        yield* pass(50)
      }
      const heard = new Set(told.slice(before).flatMap(({ circuits }) => circuits.map(([name]) => name)))
      assert.strictEqual(heard.size, keys.length)
      // A call each 50 ms at most, and a heartbeat.
      assert.isAtMost(told.length - before, 15)
    }).pipe(Effect.scoped))

  it.effect("keep the place of a probe that lasts while 1,000 others have news all the time", () =>
    fleet(Effect.gen(function*() {
      const options = { capacity: 2000, minimumCalls: 2, halfOpen: { calls: 1, maxWait: 200 } }
      const all = [yield* node(options), yield* node(options)]
      const [one, other] = all as [Node, Node]
      const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`)
      for (const each of all) yield* calls(each, "acme", 2, true)
      yield* pass(300)
      assert.deepStrictEqual(yield* states(all, "acme"), ["Open", "Open"])
      for (const key of keys) yield* calls(one, key, 1, false)
      yield* pass(11_000, 50)
      const sign = Effect.andThen(Effect.sleep(50), CircuitBreaker.stillAlive)
      yield* Effect.forkChild(one.family.protect("acme")(Effect.repeat(sign, { times: 100 })))
      yield* pass(50)
      let probes = 0
      const probe = Effect.exit(other.family.protect("acme")(Effect.sync(() => probes++)))
      for (let i = 0; i < 40; i++) {
        for (const key of keys) yield* calls(one, key, 1, false)
        yield* Effect.forkChild(probe)
        yield* pass(50)
      }
      assert.strictEqual(probes, 0)
      assert.deepStrictEqual(yield* states(all, "acme"), ["HalfOpen", "HalfOpen"])
    })))

  it.effect("cost a heartbeat no more than one message, however many are closed", () =>
    Effect.gen(function*() {
      const { store, told } = yield* watched
      const one = yield* Effect.provideService(node({ capacity: 5000 }), ClusterStore.ClusterStore, store)
      for (let i = 0; i < 1000; i++) yield* calls(one, `key ${i}`, 1, false)
      yield* one.cluster.control("tenants/key 7")!.forceOpen
      yield* pass(10_000, 50)
      const before = told.length
      yield* pass(50_000, 50)
      assert.isAtMost(told.length - before, 20)
      const heard = told.slice(before).flatMap(({ circuits }) => circuits.map(([name]) => name))
      assert.isAtLeast(heard.filter((name) => name === "tenants/key 7").length, 8)
      assert.isAtLeast(new Set(heard).size, 500)
    }).pipe(Effect.scoped))

  for (const seed of ["a", "b", "c", "d", "e"]) {
    it.effect(`never mix: whatever some keys do, the others stay as they are (seed ${seed})`, () =>
      fleet(
        Effect.gen(function*() {
          const all = [yield* node({ capacity: 8 }), yield* node({ capacity: 8 }), yield* node()]
          const odd = ["a", "a/b", "a|b", "", " ", "}", "{x}", "é", "e\u0301", "A", "\u{1f600}", "a:b", "c", "c|c"]
          const failing = new Set<string>()
          for (const key of odd) if ((yield* Random.next) < 0.5) failing.add(key)
          for (let round = 0; round < 200; round++) {
            const key = odd[yield* Random.nextIntBetween(0, odd.length - 1)]!
            const one = all[yield* Random.nextIntBetween(0, all.length - 1)]!
            yield* calls(one, key, yield* Random.nextIntBetween(1, 15), failing.has(key))
            if ((yield* Random.next) < 0.3) yield* TestClock.adjust(yield* Random.nextIntBetween(1, 400))
          }
          yield* TestClock.adjust("1 second")
          for (const one of all) {
            for (const key of odd) {
              if (failing.has(key)) continue
              assert.strictEqual(yield* stateOf(one, key), "Closed", JSON.stringify(key))
            }
            yield* TestClock.adjust("100 millis")
            for (const key of yield* one.family.keys) {
              if (!failing.has(key)) assert.strictEqual(yield* stateOf(one, key), "Closed", JSON.stringify(key))
            }
          }
        }).pipe(Random.withSeed(seed))
      ))
  }
})
