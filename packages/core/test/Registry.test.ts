import {
  Bulkhead,
  Cascade,
  CircuitBreaker,
  RateLimiter,
  Registry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

/** A registry of its own for one test. */
const alone = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provide(self, Registry.layer())

/** Runs without the scope of the test. */
const outsideScope = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.updateContext(self, (context: Context.Context<never>) => Context.omit(Scope.Scope)(context))

const ids = Effect.map(Registry.entries, (entries) => entries.map(({ id, kind }) => `${kind.tag} ${id}`))

const oneOfEach = Effect.all({
  breaker: CircuitBreaker.make({ name: "model" }),
  family: CircuitBreaker.Family.make({ name: "tenants" }),
  bulkhead: Bulkhead.make({ name: "model", concurrency: 1 }),
  limiter: RateLimiter.make({ name: "model", limits: [RateLimiter.requests(10, "1 second")] }),
  budget: RetryBudget.make({ name: "model" }),
  cache: StaleCache.make<string>({ name: "answers" })
})

describe("Registry", () => {
  it.effect("holds every kind of primitive, and the value itself", () =>
    Effect.gen(function*() {
      const { breaker, family } = yield* oneOfEach
      assert.deepStrictEqual(yield* ids, [
        "CircuitBreaker model",
        "CircuitFamily tenants",
        "Bulkhead model",
        "RateLimiter model",
        "RetryBudget model",
        "StaleCache answers"
      ])
      assert.strictEqual(yield* Registry.find(CircuitBreaker.kind, "model"), breaker)
      assert.strictEqual(yield* Registry.find(CircuitBreaker.Family.kind, "tenants"), family)
      assert.isUndefined(yield* Registry.find(StaleCache.kind, "model"))
    }).pipe(alone))

  it.effect("reads the numbers of everything that is in", () =>
    Effect.gen(function*() {
      const { breaker } = yield* oneOfEach
      yield* breaker.protect(Effect.void)
      const snapshots = yield* Registry.snapshots
      assert.strictEqual(snapshots.length, 6)
      assert.deepInclude(snapshots, {
        kind: "CircuitBreaker",
        id: "model",
        critical: true,
        snapshot: yield* breaker.snapshot
      })
    }).pipe(alone))

  it.effect("holds what a layer made for as long as the layer lives", () =>
    Effect.gen(function*() {
      class Model extends CircuitBreaker.Service<Model>()("app/Model") {}
      class Slots extends Bulkhead.Service<Slots>()("app/Slots", { concurrency: 8 }) {}
      const inside = yield* Effect.provide(ids, Layer.mergeAll(Model.layer, Slots.layer))
      assert.sameMembers([...inside], ["CircuitBreaker app/Model", "Bulkhead app/Slots"])
      assert.deepStrictEqual(yield* ids, [])
    }).pipe(alone))

  it.effect("lets go of what was made in a scope when the scope closes, on failure and on interruption too", () =>
    Effect.gen(function*() {
      yield* Effect.exit(Effect.scoped(Effect.andThen(oneOfEach, Effect.fail("bad"))))
      assert.deepStrictEqual(yield* ids, [])
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(oneOfEach, Effect.never)), {
        startImmediately: true
      })
      assert.strictEqual((yield* ids).length, 6)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* ids, [])
    }).pipe(alone))

  it.effect("holds nothing once the scope has closed, at whatever step the making was interrupted", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      const struck = yield* interruptAtEveryStep({
        program: () => Effect.provideService(Effect.scoped(oneOfEach), Registry.CurrentRegistry, registry),
        check: (_, step) => Effect.sync(() => assert.deepStrictEqual(registry.entries(), [], `at step ${step}`))
      })
      assert.isAbove(struck, 40)
    }))

  it.effect("does not hold what is made outside any scope, nor in one that is closed already", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      const run = Effect.runPromiseWith(Context.make(Registry.CurrentRegistry, registry))
      const breaker = yield* Effect.promise(() => run(CircuitBreaker.make({ name: "model" })))
      yield* breaker.control.forceOpen
      const closed = yield* Scope.make()
      yield* Scope.close(closed, Exit.void)
      yield* CircuitBreaker.make({ name: "late" }).pipe(
        Effect.provideService(Scope.Scope, closed),
        Effect.provideService(Registry.CurrentRegistry, registry)
      )
      assert.deepStrictEqual([registry.entries(), registry.history()], [[], []])
    }))

  it.effect("takes in by hand what was made elsewhere, and the same value only once", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.promise(() => Effect.runPromise(CircuitBreaker.make({ name: "model" })))
      const entry = { kind: CircuitBreaker.kind, name: "model", guard: breaker }
      yield* Effect.scoped(Effect.andThen(Registry.register(entry), Effect.andThen(Registry.register(entry), ids)))
        .pipe(
          Effect.map((ids) => assert.deepStrictEqual(ids, ["CircuitBreaker model"]))
        )
      assert.deepStrictEqual(yield* ids, [])
    }).pipe(alone))

  it.effect("keeps a guard until the last of the scopes that it was entered in has closed", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.promise(() => Effect.runPromise(CircuitBreaker.make({ name: "model" })))
      const entry = { kind: CircuitBreaker.kind, name: "model", guard: breaker }
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      for (const scope of scopes) yield* Effect.provideService(Registry.register(entry), Scope.Scope, scope)
      yield* Scope.close(scopes[0]!, Exit.void)
      yield* Scope.close(scopes[0]!, Exit.void)
      assert.deepStrictEqual(yield* ids, ["CircuitBreaker model"])
      yield* Scope.close(scopes[1]!, Exit.void)
      assert.deepStrictEqual(yield* ids, [])
    }).pipe(alone))

  it.effect("keeps two of one kind and name apart by a number, which is given again when it is free", () =>
    Effect.gen(function*() {
      const made = yield* Effect.forEach([1, 2, 3], () =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          return {
            breaker: yield* CircuitBreaker.make({ name: "model" }).pipe(Effect.provideService(Scope.Scope, scope)),
            close: Scope.close(scope, Exit.void)
          }
        }))
      assert.deepStrictEqual(yield* ids, [1, 2, 3].map((n) => `CircuitBreaker model${n === 1 ? "" : `#${n}`}`))
      assert.strictEqual(yield* Registry.find(CircuitBreaker.kind, "model#2"), made[1]!.breaker)
      yield* made[0]!.close
      yield* made[1]!.close
      assert.deepStrictEqual(yield* ids, ["CircuitBreaker model#3"])
      yield* CircuitBreaker.make({ name: "model" })
      yield* CircuitBreaker.make({ name: "model#2" })
      yield* CircuitBreaker.make({ name: "model" })
      assert.deepStrictEqual(
        yield* ids,
        ["model#3", "model", "model#2", "model#4"].map((id) => `CircuitBreaker ${id}`)
      )
    }).pipe(alone))

  it.effect.prop(
    "never gives one id to two of a kind, and none above the most there were",
    [Schema.Array(Schema.Struct({ enter: Schema.Boolean, pick: Schema.Int }))],
    ([steps]) =>
      Effect.gen(function*() {
        const registry = yield* Registry.make()
        const leave: Array<() => void> = []
        let most = 0
        for (const { enter, pick } of steps) {
          if (enter) {
            const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
            leave.push(registry.enter({ kind: Bulkhead.kind, name: "model", guard: bulkhead }))
          } else if (leave.length > 0) leave.splice(Math.abs(pick) % leave.length, 1)[0]!()
          most = Math.max(most, leave.length)
          const ids = registry.entries().map(({ id }) => id)
          assert.strictEqual(new Set(ids).size, leave.length)
          assert.isTrue(ids.every((id) => id === "model" || Number(id.slice("model#".length)) <= most))
        }
      })
  )

  it.effect("is private to what its layer is provided to", () =>
    Effect.gen(function*() {
      const inside = yield* Effect.scoped(Effect.andThen(CircuitBreaker.make({ name: "private" }), ids)).pipe(alone)
      const other = yield* Effect.scoped(Effect.andThen(CircuitBreaker.make({ name: "other" }), ids)).pipe(alone)
      assert.deepStrictEqual([inside, other], [["CircuitBreaker private"], ["CircuitBreaker other"]])
      yield* CircuitBreaker.make({ name: "public" })
      const everybody = yield* ids
      assert.include(everybody, "CircuitBreaker public")
      assert.notInclude(everybody, "CircuitBreaker private")
    }))

  it.effect("remembers changes of state, oldest first, and only the last ones", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* breaker.control.trip("30 seconds")
      yield* TestClock.adjust("30 seconds")
      yield* breaker.state
      const history: ReadonlyArray<Registry.Event> = yield* Registry.history
      assert.deepStrictEqual<unknown>(history, [
        {
          _tag: "Transition",
          kind: "CircuitBreaker",
          id: "model",
          subject: "model",
          breaker: "model",
          from: "Closed",
          to: "Open",
          reason: "manual",
          at: 0,
          openFor: Duration.seconds(30),
          openingsInRow: 1
        },
        {
          _tag: "Transition",
          kind: "CircuitBreaker",
          id: "model",
          subject: "model",
          breaker: "model",
          from: "Open",
          to: "HalfOpen",
          reason: "open-elapsed",
          at: 30_000,
          openFor: undefined,
          openingsInRow: 1
        }
      ])
      yield* Effect.forEach(Array.from({ length: 75 }), () =>
        Effect.andThen(breaker.control.disable, breaker.control.close))
      const last = yield* Registry.history
      assert.strictEqual(last.length, 100)
      assert.deepStrictEqual([last[0]!.to, last[98]!.to, last[99]!.to], ["Disabled", "Disabled", "Closed"])
    }).pipe(alone))

  for (const history of [0, 1, 3]) {
    it.effect(`remembers ${history} events when told to`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        const { close, disable, forceOpen, metricsOnly } = breaker.control
        yield* Effect.all([disable, metricsOnly, forceOpen, close])
        const wanted = ["MetricsOnly", "ForcedOpen", "Closed"].slice(3 - history)
        assert.deepStrictEqual((yield* Registry.history).map(({ to }) => to), wanted)
      }).pipe(Effect.provide(Registry.layer({ history }))))
  }

  it.effect("tells of a change at a namesake under its own id, and of one in a family under the family's", () =>
    Effect.gen(function*() {
      yield* CircuitBreaker.make({ name: "model" })
      const second = yield* CircuitBreaker.make({ name: "model" })
      const family = yield* CircuitBreaker.Family.make({ name: "tenants" })
      const others = yield* CircuitBreaker.Family.make({ name: "tenants" })
      yield* second.control.forceOpen
      yield* (yield* family.get("acme")).control.forceOpen
      yield* (yield* others.get("acme")).control.forceOpen
      assert.deepStrictEqual((yield* Registry.history).map(({ id, kind, subject }) => [id, subject, kind]), [
        ["model#2", "model#2", "CircuitBreaker"],
        ["tenants", "tenants/acme", "CircuitFamily"],
        ["tenants#2", "tenants#2/acme", "CircuitFamily"]
      ])
    }).pipe(alone))

  it.effect("streams changes of state from the moment of subscription on", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* breaker.control.disable
      const two = yield* Effect.forkChild(Stream.runCollect(Stream.take(Registry.events, 2)), {
        startImmediately: true
      })
      yield* breaker.control.metricsOnly
      yield* breaker.control.close
      assert.deepStrictEqual((yield* Fiber.join(two)).map(({ to }) => to), ["MetricsOnly", "Closed"])
    }).pipe(alone))

  it.effect("refuses a history of less than nothing, naming the field", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Registry.make({ history: -1 }))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      assert.strictEqual(
        String(Cause.squash(exit.cause)),
        "RangeError: Registry.make: history must be a whole number of at least 0, got -1"
      )
    }))
})

describe("Registry.entries", () => {
  it.effect("have one entry for a family, however many keys it has", () =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({ name: "tenants", capacity: 10 })
      yield* Effect.forEach(Array.from({ length: 1000 }), (_, i) => family.protect(`tenant-${i}`)(Effect.void))
      assert.deepStrictEqual(yield* ids, ["CircuitFamily tenants"])
    }).pipe(alone))

  it.effect("tell of a family what its circuits have counted, forgotten ones included, and use no key by that", () =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({ name: "tenants", capacity: 2, idleTimeToLive: "1 minute" })
      for (const key of ["a", "b", "c"]) {
        const { control } = yield* family.get(key)
        yield* control.trip("1 hour")
        yield* Effect.exit(family.protect(key)(Effect.void))
        if (key !== "c") yield* control.close
      }
      const running = yield* Effect.forkChild(family.protect("d")(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("30 seconds")
      const { circuits, ...rest } = yield* family.snapshot
      const totals = { successes: 0, failures: 0, ignored: 0, slow: 0 }
      const counted = { totals, durations: undefined, inFlight: 1, rejected: 3, openings: 3, late: 0 }
      assert.deepStrictEqual(rest, { name: "tenants", capacity: 2, notKept: 0, ...counted })
      assert.deepStrictEqual(circuits, { Closed: 1, Open: 1, HalfOpen: 0, ForcedOpen: 0, Disabled: 0, MetricsOnly: 0 })
      yield* Fiber.interrupt(running)
      yield* TestClock.adjust("30 seconds")
      yield* family.get("e")
      assert.deepStrictEqual(yield* family.keys, ["c", "e"])
      assert.strictEqual((yield* family.snapshot).openings, 3)
    }).pipe(alone))
})

describe("Registry.health", () => {
  const told = Effect.map(Registry.health, ({ reasons, status }) => [
    status,
    ...reasons.map(({ count, kind, name, reason, retryAfter }) =>
      [kind, name, reason, count, ...(retryAfter ? [Duration.format(retryAfter)] : [])].join(" ")
    )
  ])

  it.effect("is unknown when there is nothing, and up when there is one of each at rest", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Registry.health, { status: "unknown", reasons: [] })
      yield* oneOfEach
      assert.deepStrictEqual(yield* told, ["up"])
    }).pipe(alone))

  it.effect("is unknown, with the reason and what to do, when all guards were made outside a scope", () =>
    Effect.gen(function*() {
      yield* Effect.forEach([1, 2], (n) => CircuitBreaker.make({ name: `model ${n}` }))
      yield* Cascade.make({ name: "answers" })
      const { reasons, status } = yield* Registry.health
      assert.deepStrictEqual(
        [status, ...reasons.map(({ count, kind, name, reason }) => `${kind} ${name}: ${reason} ${count}`)],
        ["unknown", "CircuitBreaker model 1: outside-scope 2", "Cascade answers: outside-scope 1"]
      )
      assert.isTrue(reasons.every(({ remedy }) => remedy?.includes("Registry.register")))
      yield* Effect.scoped(Effect.andThen(
        CircuitBreaker.make({ name: "scoped" }),
        Effect.map(told, (health) => assert.deepStrictEqual(health, ["up"]))
      ))
      assert.strictEqual((yield* Registry.health).status, "unknown")
    }).pipe(outsideScope, alone))

  it.effect("is unknown, with the reason and what to do, when the layers of the guards and of the registry are merged", () =>
    Effect.gen(function*() {
      class Model extends CircuitBreaker.Service<Model>()("app/Model") {}
      const healthBy = (layer: Layer.Layer<Registry.View | Model>) =>
        Effect.provide(Registry.View.use(({ health }) => health), layer)
      const { reasons, status } = yield* healthBy(Layer.mergeAll(Model.layer, Telemetry.layer(), Registry.layer()))
      assert.deepStrictEqual(
        [status, ...reasons.map(({ count, kind, name, reason }) => `${kind} ${name}: ${reason} ${count}`)],
        ["unknown", "Registry process: other-registry 1"]
      )
      assert.include(reasons[0]?.remedy, "Layer.provideMerge(guards, Registry.layer())")
      const right = Layer.provideMerge(Layer.merge(Model.layer, Telemetry.layer()), Registry.layer())
      assert.deepStrictEqual(yield* healthBy(right), { status: "up", reasons: [] })
    }))

  it.effect("has one form for durations in JSON, whatever fractions they have", () =>
    Effect.gen(function*() {
      const asks = (retryAfter: Duration.Duration | undefined): Registry.Kind<object, undefined> => ({
        tag: `asks ${retryAfter}`,
        snapshot: () => Effect.undefined,
        health: () => ({ conditions: [{ reason: "busy", count: 1, retryAfter }] })
      })
      const durations = [Duration.millis(1500), Duration.nanos(1_200_000n), Duration.infinity, undefined]
      for (const duration of durations) {
        yield* Registry.register({ kind: asks(duration), name: "mine", guard: {} })
      }
      const { reasons } = yield* Registry.health
      assert.deepStrictEqual(JSON.parse(JSON.stringify(reasons.map(({ retryAfter }) => retryAfter ?? null))), [
        { _id: "Duration", _tag: "Millis", millis: 1500 },
        { _id: "Duration", _tag: "Millis", millis: 2 },
        null,
        null
      ])
    }).pipe(alone))

  it.effect("is degraded while one of several circuits is open, recovering or forced open", () =>
    Effect.gen(function*() {
      const { breaker } = yield* oneOfEach
      yield* CircuitBreaker.make({ name: "fallback" })
      yield* breaker.control.trip("30 seconds")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* told, ["degraded", "CircuitBreaker model open 1 20s"])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* told, ["degraded", "CircuitBreaker model recovering 1"])
      yield* breaker.control.forceOpen
      assert.deepStrictEqual(yield* told, ["degraded", "CircuitBreaker model forced-open 1"])
      yield* breaker.control.close
      assert.deepStrictEqual(yield* told, ["up"])
    }).pipe(alone))

  it.effect("is down when every circuit is open or forced open, and not while one of them recovers", () =>
    Effect.gen(function*() {
      const { breaker } = yield* oneOfEach
      const fallback = yield* CircuitBreaker.make({ name: "fallback" })
      yield* breaker.control.forceOpen
      yield* fallback.control.trip("30 seconds")
      assert.deepStrictEqual(yield* told, [
        "down",
        "CircuitBreaker model forced-open 1",
        "CircuitBreaker fallback open 1 30s"
      ])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual((yield* told)[0], "degraded")
    }).pipe(alone))

  for (const open of ["disable", "metricsOnly"] as const) {
    it.effect(`counts a circuit after control.${open} as one that passes`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        yield* breaker.control[open]
        assert.deepStrictEqual(yield* told, ["up"])
        yield* (yield* CircuitBreaker.make({ name: "fallback" })).control.forceOpen
        assert.deepStrictEqual(yield* told, ["degraded", "CircuitBreaker fallback forced-open 1"])
      }).pipe(alone))
  }

  it.effect("gives one reason for all circuits of a family in one state, and counts each of them", () =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({ name: "tenants" })
      const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], family.get)
      yield* a!.control.trip("1 hour")
      yield* b!.control.trip("1 hour")
      assert.deepStrictEqual(yield* told, ["degraded", "CircuitFamily tenants open 2"])
      yield* c!.control.forceOpen
      assert.deepStrictEqual(yield* told, [
        "down",
        "CircuitFamily tenants open 2",
        "CircuitFamily tenants forced-open 1"
      ])
      yield* CircuitBreaker.make({ name: "model" })
      assert.deepStrictEqual((yield* told)[0], "degraded")
    }).pipe(alone))

  it.effect("is degraded while a limiter is paused, and up when it is only empty", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(1, "1 minute")] })
      yield* limiter.protect(Effect.void)
      assert.deepStrictEqual(yield* told, ["up"])
      yield* limiter.pause("20 seconds")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* told, ["degraded", "RateLimiter model paused 1 15s"])
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* told, ["up"])
    }).pipe(alone))

  it.effect("is degraded while the next call to a bulkhead is refused, not while it can wait", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
      const call = Effect.forkChild(Effect.sleep("1 second").pipe(bulkhead.protect), { startImmediately: true })
      yield* call
      assert.deepStrictEqual(yield* told, ["up"])
      yield* call
      assert.deepStrictEqual(yield* told, ["degraded", "Bulkhead model full 1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* told, ["up"])
    }).pipe(alone))
})

// Entering asks nothing of the caller: the type of every `make` stays without requirements.
export const types: ReadonlyArray<Effect.Effect<unknown>> = [
  CircuitBreaker.make({ name: "model" }),
  CircuitBreaker.Family.make({ name: "model" }),
  Bulkhead.make({ name: "model", concurrency: 1 }),
  RateLimiter.make({ name: "model", limits: [] }),
  RetryBudget.make({ name: "model" }),
  StaleCache.make({ name: "model" })
]

describe("Two kinds with one tag", () => {
  const kindOf = (tag: string): Registry.Kind<object, number> => ({ tag, snapshot: () => Effect.succeed(1) })

  it.effect("are refused by name, and what is in stays", () =>
    Effect.gen(function*() {
      const kind = kindOf("CircuitBreaker")
      yield* CircuitBreaker.make({ name: "model" })
      const exit = yield* Effect.exit(Registry.register({ kind, name: "mine", guard: {} }))
      assert.strictEqual(
        Exit.isFailure(exit) && String(Cause.squash(exit.cause)),
        "RangeError: Registry.register: kind.tag must be one that no other kind in this registry has " +
          "(make each kind once and share it), got \"CircuitBreaker\""
      )
      assert.deepStrictEqual(yield* ids, ["CircuitBreaker model"])
    }).pipe(alone))

  it.effect("may follow each other, when the last guard of the one has left", () =>
    Effect.gen(function*() {
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const [first, second] = [kindOf("app/Mine"), kindOf("app/Mine")]
      for (const scope of scopes) {
        yield* Effect.provideService(
          Registry.register({ kind: first!, name: "mine", guard: {} }),
          Scope.Scope,
          scope
        )
      }
      const register = Effect.exit(Registry.register({ kind: second!, name: "mine", guard: {} }))
      yield* Scope.close(scopes[0]!, Exit.void)
      assert.isTrue(Exit.isFailure(yield* register))
      yield* Scope.close(scopes[1]!, Exit.void)
      assert.isTrue(Exit.isSuccess(yield* register))
      assert.deepStrictEqual(yield* ids, ["app/Mine mine"])
    }).pipe(alone))
})

describe("An observer", () => {
  it.effect("that throws, or is an async function that fails, changes no result and keeps nothing from the others", () =>
    alone(
      Effect.gen(function*() {
        const registry = yield* Registry.CurrentRegistry
        const seen: Array<string> = []
        const bug = () => {
          throw new Error("observer")
        }
        const later = () => Promise.reject(new Error("too late"))
        for (const happens of [bug, later]) registry.observe({ entered: happens, happened: happens, left: happens })
        registry.observe({
          entered: ({ id }) => seen.push(`entered ${id}`),
          happened: ({ to }) => seen.push(to),
          left: ({ id }) => seen.push(`left ${id}`)
        })
        yield* Effect.scoped(Effect.flatMap(CircuitBreaker.make({ name: "model" }), ({ control }) => control.forceOpen))
        yield* Effect.yieldNow
        assert.deepStrictEqual(seen, ["entered model", "ForcedOpen", "left model"])
      })
    ))

  it.effect("that has been removed is told nothing more, not even of the event that others are being told of", () =>
    alone(
      Effect.gen(function*() {
        const registry = yield* Registry.CurrentRegistry
        const { control } = yield* CircuitBreaker.make({ name: "model" })
        const seen: Array<string> = []
        const removals: Array<() => void> = []
        for (const name of ["a", "b", "c"]) {
          const happened = () => {
            seen.push(name)
            for (const remove of removals) remove()
          }
          removals.push(registry.observe({ happened }))
        }
        yield* control.forceOpen
        assert.deepStrictEqual(seen, ["a"])
      })
    ))

  it.effect("that subscribes twice is told twice, and each removal ends one subscription", () =>
    alone(
      Effect.gen(function*() {
        const registry = yield* Registry.CurrentRegistry
        const { control } = yield* CircuitBreaker.make({ name: "model" })
        let told = 0
        const observer = { happened: () => told++ }
        const removals = [registry.observe(observer), registry.observe(observer)]
        for (
          const [expected, command] of [[2, control.forceOpen], [3, control.close], [3, control.forceOpen]] as const
        ) {
          yield* command
          assert.strictEqual(told, expected)
          removals.pop()?.()
        }
      })
    ))
})
