/** Commands and openings of a node that come while a message of it is under way, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Duration, Effect, Exit, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"

const node = Effect.gen(function*() {
  const context = yield* Layer.build(Layer.fresh(Cluster.layer({ timeout: "200 millis" })))
  const breaker = yield* Effect.provide(
    CircuitBreaker.make({ name: "model", shared: true, openFor: "10 seconds", rampUp: { over: "1 millis" } }),
    context
  )
  const { control, status } = Context.get(context, Cluster.Cluster)
  return { breaker, control: control("model")!, status }
})

/** Two nodes, and a store that keeps messages of the first one for a while. */
const two = Effect.gen(function*() {
  const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  let delay = 0
  let isUnderWay = false
  const one = yield* Effect.provideService(node, ClusterStore.ClusterStore, {
    ...store,
    circuits: (call) =>
      Effect.gen(function*() {
        isUnderWay = true
        yield* Effect.sleep(delay)
        isUnderWay = false
        return yield* store.circuits(call)
      })
  })
  const other = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
  yield* TestClock.adjust("1 second")
  /** What happens while a message of the first node is under way, and after it for as long as all takes to be told. */
  const meanwhile = <E>(work: Effect.Effect<unknown, E>) =>
    Effect.gen(function*() {
      delay = 150
      yield* Effect.exit(one.breaker.protect(Effect.void))
      yield* Effect.repeat(TestClock.adjust("5 millis"), { until: () => isUnderWay })
      yield* work
      yield* TestClock.adjust("200 millis")
      delay = 0
      yield* TestClock.adjust("900 millis")
    })
  return { one, other, meanwhile }
})

const fails = ({ breaker }: Effect.Success<typeof node>) =>
  Effect.forEach(Array.from({ length: 20 }), () => Effect.exit(breaker.protect(Effect.fail("503"))), { discard: true })

const states = (nodes: ReadonlyArray<Effect.Success<typeof node>>) =>
  Effect.forEach(nodes, ({ breaker }) => breaker.state)

/** Two nodes, and a store that loses what the first one sends, and fails at once. */
const twoLosing = Effect.gen(function*() {
  const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  const way = { losing: 0 }
  const one = yield* Effect.provideService(node, ClusterStore.ClusterStore, {
    ...store,
    circuits: (call) =>
      Effect.suspend(() =>
        way.losing-- > 0
          ? Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
          : store.circuits(call)
      )
  })
  const other = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
  yield* TestClock.adjust("1 second")
  return { one, other, way }
})

/** What may be commanded. */
const commands = ["forceOpen", "close", "trip"] as const

/** What a fleet is after a command. */
const after = (state: CircuitBreaker.State, command: typeof commands[number]): CircuitBreaker.State =>
  command === "forceOpen" ? "ForcedOpen" : command === "close" ? "Closed" : state === "ForcedOpen" ? state : "Open"

describe("while a message of a node is under way", () => {
  it.effect("its command to close is not lost to a trip of its own", () =>
    Effect.gen(function*() {
      const { meanwhile, one, other } = yield* two
      yield* meanwhile(Effect.gen(function*() {
        yield* other.control.forceOpen
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* one.breaker.state, "ForcedOpen")
        yield* one.control.close
        yield* TestClock.adjust("2 millis")
        yield* fails(one)
        assert.strictEqual(yield* one.breaker.state, "Open")
      }))
      assert.strictEqual(yield* other.breaker.state, "Closed")
    }).pipe(Effect.scoped))

  it.effect("its trip opens no circuit again that the fleet has closed meanwhile", () =>
    Effect.gen(function*() {
      const { meanwhile, one, other } = yield* two
      yield* meanwhile(Effect.gen(function*() {
        yield* fails(one)
        yield* other.control.forceOpen
        yield* TestClock.adjust("1 millis")
        yield* other.control.close
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
      }))
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
    }).pipe(Effect.scoped))

  it.effect("a shorter opening replaces no longer one", () =>
    Effect.gen(function*() {
      const { meanwhile, one, other } = yield* two
      yield* meanwhile(Effect.andThen(one.control.trip("10 minutes"), one.control.trip("1 minute")))
      for (const { breaker } of [one, other]) {
        assert.isAbove(Duration.toMinutes((yield* breaker.snapshot).nextRetry!), 9)
      }
    }).pipe(Effect.scoped))

  it.effect("a shorter opening replaces no longer one whose message is lost", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* twoLosing
      way.losing = 1
      yield* one.control.trip("10 minutes")
      yield* Effect.yieldNow
      yield* one.control.trip("1 minute")
      yield* TestClock.adjust("10 millis")
      yield* TestClock.adjust("1 second")
      for (const { breaker } of [one, other]) {
        assert.isAbove(Duration.toMinutes((yield* breaker.snapshot).nextRetry!), 9)
      }
    }).pipe(Effect.scoped))

  it.effect.prop(
    "its commands are followed in their order",
    { given: Schema.Array(Schema.Literals(commands)).check(Schema.isMaxLength(6)) },
    ({ given }) =>
      Effect.gen(function*() {
        const { meanwhile, one, other } = yield* two
        yield* meanwhile(
          Effect.forEach(given, (command) => command === "trip" ? one.control.trip("1 minute") : one.control[command])
        )
        const expected = given.reduce(after, "Closed")
        assert.deepStrictEqual(yield* states([one, other]), [expected, expected])
      }).pipe(Effect.scoped)
  )
})

describe("what an operator commands", () => {
  it.effect("is followed by a node whose circuit was reset while the fleet had forced it open", () =>
    Effect.gen(function*() {
      const nodes = [yield* node, yield* node]
      const [one, other] = nodes as [typeof nodes[0], typeof nodes[0]]
      yield* one.control.forceOpen
      yield* TestClock.adjust("100 millis")
      yield* other.breaker.control.reset
      for (const command of ["close", "forceOpen"] as const) {
        yield* one.control[command]
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(yield* states(nodes), ["ForcedOpen", "ForcedOpen"])
      yield* other.control.close
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(nodes), ["Closed", "Closed"])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("reaches nodes that do not follow the fleet: that are open alone, or were closed by hand", () =>
    Effect.gen(function*() {
      const nodes = [yield* node, yield* node, yield* node]
      const [one, sick, other] = nodes as [typeof nodes[0], typeof nodes[0], typeof nodes[0]]
      for (const { breaker } of [one, other]) {
        yield* Effect.repeat(Effect.exit(breaker.protect(Effect.void)), { times: 20 })
      }
      yield* TestClock.adjust("400 millis")
      yield* fails(sick)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(nodes), ["Closed", "Open", "Closed"])
      yield* one.control.close
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(nodes), ["Closed", "Closed", "Closed"])
      yield* one.control.forceOpen
      yield* TestClock.adjust("100 millis")
      yield* sick.breaker.control.close
      yield* one.control.forceOpen
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states(nodes), ["ForcedOpen", "ForcedOpen", "ForcedOpen"])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("to close is told again where its message is lost", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* twoLosing
      for (const command of ["forceOpen", "trip"] as const) {
        yield* command === "trip" ? other.control.trip("1 hour") : other.control[command]
        yield* TestClock.adjust("100 millis")
        way.losing = 2
        yield* one.control.close
        yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 99 })
        assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
      }
    }).pipe(Effect.scoped))

  it.effect("to close is told again where its message is lost, also to a node that is open alone", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* twoLosing
      yield* Effect.repeat(Effect.exit(one.breaker.protect(Effect.void)), { times: 20 })
      yield* TestClock.adjust("400 millis")
      yield* fails(other)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Open"])
      way.losing = 2
      yield* one.control.close
      yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 99 })
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
    }).pipe(Effect.scoped))

  for (const command of ["forceOpen", "close"] as const) {
    for (const isGone of [false, true]) {
      const when = isGone ? "before it was given" : "by then"
      it.effect(`is told again where its message is lost, and another circuit has the name ${when} (${command})`, () =>
        Effect.gen(function*() {
          const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
          const way = { isLost: false }
          const lost = Effect.delay(
            Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" })),
            100
          )
          const context = yield* Layer.build(Layer.fresh(Cluster.layer({ timeout: "200 millis" }))).pipe(
            Effect.provideService(ClusterStore.ClusterStore, {
              ...store,
              circuits: (call) => Effect.suspend(() => way.isLost ? lost : store.circuits(call))
            })
          )
          const made = Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
          const scope = yield* Scope.make()
          yield* Scope.provide(made, scope)
          const next = yield* made
          const control = Context.get(context, Cluster.Cluster).control("model")!
          const other = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
          yield* TestClock.adjust("1 second")
          if (command === "close") yield* other.control.forceOpen
          if (isGone) yield* Scope.close(scope, Exit.void)
          yield* TestClock.adjust("1 second")
          way.isLost = true
          yield* control[command]
          yield* TestClock.adjust("50 millis")
          yield* Scope.close(scope, Exit.void)
          yield* TestClock.adjust("50 millis")
          way.isLost = false
          yield* TestClock.adjust("1 second")
          const state = command === "close" ? "Closed" : "ForcedOpen"
          assert.deepStrictEqual([yield* next.state, yield* other.breaker.state], [state, state])
        }).pipe(Effect.scoped))
    }
  }

  it.effect("to close is not told again where another node has commanded something since", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* twoLosing
      yield* other.control.trip("1 minute")
      yield* TestClock.adjust("100 millis")
      way.losing = 1
      yield* one.control.close
      yield* Effect.yieldNow
      yield* other.control.forceOpen
      yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 999 })
      assert.deepStrictEqual(yield* states([one, other]), ["ForcedOpen", "ForcedOpen"])
    }).pipe(Effect.scoped))

  it.effect("to close while the store is away is a dissent of its node once the store is back, until it is commanded again", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* twoLosing
      const dissent = Effect.map(one.status, ({ dissent }) => dissent)
      yield* other.control.forceOpen
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* dissent, [])
      way.losing = Infinity
      yield* TestClock.adjust("20 seconds")
      yield* one.control.close
      yield* TestClock.adjust("20 seconds")
      way.losing = 0
      yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 599 })
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "ForcedOpen"])
      assert.deepStrictEqual(yield* dissent, ["model"])
      yield* fails(one)
      assert.deepStrictEqual(yield* dissent, ["model"])
      yield* one.control.close
      yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 9 })
      assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
      assert.deepStrictEqual(yield* dissent, [])
    }).pipe(Effect.scoped))

  it.effect("by the handle of a circuit that is open holds for all nodes for as long as was said", () =>
    Effect.gen(function*() {
      const nodes = [yield* node, yield* node]
      yield* nodes[0]!.control.trip("10 seconds")
      yield* TestClock.adjust("100 millis")
      yield* nodes[1]!.breaker.control.trip("1 hour")
      yield* TestClock.adjust("100 millis")
      for (const { breaker } of nodes) {
        assert.isAbove(Duration.toMinutes((yield* breaker.snapshot).nextRetry!), 59)
      }
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  for (const command of commands) {
    it.effect(`reaches all nodes where a clock has jumped, and the store counts the message as late (${command})`, () =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 hour")
        const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
        let ahead = 0
        const nodes = yield* Effect.all([node, node]).pipe(
          Effect.provideService(ClusterStore.ClusterStore, {
            ...store,
            circuits: (call) =>
              Effect.map(
                store.circuits({ ...call, said: call.said === 0 ? 0 : call.said - ahead }),
                (reply) => ({ ...reply, now: reply.now + ahead })
              )
          })
        )
        if (command === "close") yield* nodes[0]!.control.forceOpen
        yield* TestClock.adjust("1 second")
        ahead = 60_000
        const { control } = nodes[0]!
        yield* command === "trip" ? control.trip("1 minute") : control[command]
        yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 9 })
        const expected = after("Closed", command)
        assert.deepStrictEqual(yield* states(nodes), [expected, expected])
      }).pipe(Effect.scoped))

    if (command === "close") continue
    it.effect(`is not told again once it was followed: it would undo what came later (${command})`, () =>
      Effect.gen(function*() {
        const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
        let isSlow = false
        const one = yield* Effect.provideService(node, ClusterStore.ClusterStore, {
          ...store,
          circuits: (call) => Effect.tap(store.circuits(call), () => isSlow ? Effect.sleep("1 second") : Effect.void)
        })
        const other = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
        yield* TestClock.adjust("1 second")
        isSlow = true
        yield* command === "trip" ? one.control.trip("1 minute") : one.control[command]
        yield* TestClock.adjust("500 millis")
        yield* other.control.close
        yield* TestClock.adjust("10 millis")
        isSlow = false
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* states([one, other]), ["Closed", "Closed"])
      }).pipe(Effect.scoped))
  }

  it.effect.prop(
    "while the store is away reaches the others in its order once that is back",
    { given: Schema.Array(Schema.Literals(["forceOpen", "trip"])).check(Schema.isMaxLength(4)) },
    ({ given }) =>
      Effect.gen(function*() {
        const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
        let isAway = false
        const one = yield* Effect.provideService(node, ClusterStore.ClusterStore, {
          ...store,
          circuits: (call) => Effect.suspend(() => isAway ? Effect.never : store.circuits(call))
        })
        const other = yield* Effect.provideService(node, ClusterStore.ClusterStore, store)
        yield* TestClock.adjust("1 second")
        isAway = true
        for (const command of given) {
          yield* command === "trip" ? one.control.trip("10 minutes") : one.control[command]
          yield* Effect.repeat(TestClock.adjust("100 millis"), { times: 70 })
        }
        isAway = false
        yield* Effect.repeat(TestClock.adjust("100 millis"), { times: 200 })
        const expected = given.reduce(after, "Closed" as CircuitBreaker.State)
        assert.deepStrictEqual(yield* states([one, other]), [expected, expected])
      }).pipe(Effect.scoped)
  )
})
