/** What a shared limiter is for its callers: waits, refusals, settling, pauses, and a store that does not answer. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, RateLimiter, Registry } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { BlockedClock } from "../laws/blockedClock.ts"
import { scopedInTime } from "../support/scopedInTime.ts"
import { mostIn } from "./limits.ts"

interface Node {
  readonly limiter: RateLimiter.RateLimiter
  readonly cluster: Cluster.Cluster["Service"]
}

const made = (
  options: Partial<RateLimiter.Options> = {},
  own: Cluster.Options = {}
): Effect.Effect<Node, never, ClusterStore.ClusterStore | Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(Cluster.layer(own)))
    const limits = [RateLimiter.requests(100, "1 second", { burst: 20 })]
    const limiter = yield* Effect.provide(
      RateLimiter.make({ name: "model", limits, shared: true, ...options }),
      context
    )
    return { limiter, cluster: Context.get(context, Cluster.Cluster) }
  })

const node: typeof made = (options, own) => Effect.tap(made(options, own), () => TestClock.adjust("1 second"))

/** A clock whose timers are late as well. */
class LateClock extends BlockedClock {
  late = 0

  override readonly sleep: Clock.Clock["sleep"] = (duration) =>
    super.sleep(Duration.sum(Duration.fromInputUnsafe(duration), Duration.millis(this.late)))
}

/** A node whose process can be stopped, and whose timers can be late. */
const stoppable = Effect.gen(function*() {
  const { memory, store, way } = yield* changing
  const clock = new LateClock(yield* Clock.Clock)
  const { limiter } = yield* made().pipe(
    Effect.provideService(ClusterStore.ClusterStore, store),
    Effect.provideService(Clock.Clock, clock)
  )
  yield* TestClock.adjust("1 second")
  return {
    clock,
    call: Effect.forkChild(Effect.exit(limiter.protect(Effect.void)), { startImmediately: true }),
    memory,
    way
  }
})

const nodes = (count: number, options: Partial<RateLimiter.Options> = {}, own: Cluster.Options = {}) =>
  Effect.all(Array.from({ length: count }, () => node(options, own)))

const fleet = <A, E>(test: Effect.Effect<A, E, ClusterStore.ClusterStore | Scope.Scope>) =>
  Effect.scoped(Effect.provide(test, ClusterStore.layerMemory))

const passes = ({ limiter }: Node, count = 1) =>
  Effect.gen(function*() {
    const calls = yield* Effect.forkChild(
      Effect.all(Array.from({ length: count }, () => Effect.exit(limiter.protect(Effect.void))), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("60 millis")
    // A call may wait for two messages.
    while (calls.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
    return (yield* Fiber.join(calls)).filter(Exit.isSuccess).length
  })

/** What calls have been told by now. Those that wait are interrupted. */
const toldNow = (calls: ReadonlyArray<Fiber.Fiber<string>>) => {
  const told = calls.map((call) => call.pollUnsafe())
  return Effect.as(
    Effect.forEach(calls, Fiber.interrupt),
    told.map((exit) => exit === undefined ? "waits" : Exit.isSuccess(exit) ? exit.value : "died")
  )
}

/** A store in memory whose answers to bookings can be changed. */
const changing = Effect.gen(function*() {
  const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  const way = { limits: memory.limits, asked: 0 }
  const store: ClusterStore.ClusterStore["Service"] = {
    ...memory,
    limits: (call) =>
      Effect.suspend(() => {
        way.asked++
        return way.limits(call)
      })
  }
  return { memory, store, way }
})

describe("a limit that nodes share", () => {
  it.effect("is one limit of all nodes", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(4)
      let passed = 0
      for (const one of all) passed += yield* passes(one, 20)
      assert.isAtLeast(passed, 20)
      assert.isAtMost(passed, 20 + 0.06 * 4 * 100)
    })))

  it.effect("is asked for again at once where the store fails, and is as `away` says after the third time in a row", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const one = yield* Effect.provideService(node({}, { away: "closed" }), ClusterStore.ClusterStore, store)
      const isAway = Effect.map(one.cluster.status, ({ limits }) => limits[0]!.isAway)
      const failing = (times: number) => {
        way.asked = 0
        way.limits = (call) =>
          way.asked > times
            ? memory.limits(call)
            : Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))
      }
      failing(2)
      assert.deepStrictEqual([yield* passes(one), way.asked, yield* isAway], [1, 3, false])
      yield* TestClock.adjust("1 second")
      failing(3)
      assert.deepStrictEqual([yield* passes(one), way.asked, yield* isAway], [0, 3, true])
    }).pipe(Effect.scoped))

  it.effect("hears nothing of what calls settle that were let pass while the store was away", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.tokens(1000, "1 second", { burst: 2000 })]
      const make = node({ limits, maxWait: "5 seconds" }, { away: "open" })
      const { limiter } = yield* Effect.provideService(make, ClusterStore.ClusterStore, store)
      const backs: Array<number> = []
      const recorded: typeof way.limits = (call) => {
        backs.push(call.limits[0]![1].back)
        return memory.limits(call)
      }
      const reserve = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(limiter.reserve({ tokens: 500 }))
        yield* TestClock.adjust("60 millis")
        return yield* Fiber.join(fiber)
      })
      way.limits = recorded
      const before = yield* reserve
      way.limits = () => Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))
      yield* TestClock.adjust("1 second")
      yield* reserve
      const meanwhile = yield* reserve
      way.limits = recorded
      yield* TestClock.adjust("6 seconds")
      yield* meanwhile.settle({ tokens: 0 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(backs.filter((back) => back !== 0), [])
      yield* before.settle({ tokens: 100 })
      yield* TestClock.adjust("1 second")
      assert.closeTo(backs.reduce((sum, back) => sum + back, 0), 400 / 2000 * 1e6, 1)
    }).pipe(Effect.scoped))

  for (
    const [own, other, told] of [
      [
        RateLimiter.requests(10, "1 minute"),
        RateLimiter.requests(20, "1 minute"),
        "20 at once and 20 a minute, here 10 at once and 10 a minute"
      ],
      [
        RateLimiter.requests(7, "1 day"),
        RateLimiter.requests(1000, "1 hour"),
        "1000 at once and 16.667 a minute, here 7 at once and 7 a day"
      ],
      [
        RateLimiter.requests(1_000_000, "1 day", { burst: 5 }),
        RateLimiter.requests(1_000_001, "1 day", { burst: 5 }),
        "5 at once and 11.574085648148147 a second, here 5 at once and 11.574074074074073 a second"
      ]
    ] as const
  ) {
    it.effect(`is told in numbers as they are written, where another node has another: ${told}`, () =>
      fleet(Effect.gen(function*() {
        const one = yield* node({ limits: [own] })
        const another = yield* node({ limits: [other] })
        yield* passes(another)
        yield* passes(one)
        assert.deepStrictEqual((yield* one.cluster.status).rulesDiffer, [["model:requests", told]])
      })))
  }

  it.effect("is told in health, with both values, where another node has another", () =>
    fleet(Effect.gen(function*() {
      const registry = yield* Registry.make()
      const health = Effect.provideService(Registry.health, Registry.CurrentRegistry, registry)
      const one = yield* Effect.provideService(node(), Registry.CurrentRegistry, registry)
      const another = yield* node({ limits: [RateLimiter.requests(50, "1 second", { burst: 10 })] })
      yield* passes(one)
      assert.deepStrictEqual((yield* one.cluster.status).rulesDiffer, [])
      yield* passes(another)
      yield* passes(one)
      assert.deepStrictEqual((yield* one.cluster.status).rulesDiffer, [
        ["model:requests", "10 at once and 50 a second, here 20 at once and 100 a second"]
      ])
      assert.deepStrictEqual((yield* another.cluster.status).rulesDiffer, [
        ["model:requests", "20 at once and 100 a second, here 10 at once and 50 a second"]
      ])
      assert.deepInclude((yield* health).reasons.map(({ reason }) => reason), "rules-differ")
      yield* another.limiter.setLimits([RateLimiter.requests(100, "1 second", { burst: 20 })])
      yield* passes(another)
      yield* TestClock.adjust("1 minute")
      yield* passes(one)
      assert.deepStrictEqual((yield* one.cluster.status).rulesDiffer, [])
    })))

  it.effect("lets as many calls pass that come at once as there are turns, by few messages", () =>
    Effect.gen(function*() {
      const { store, way } = yield* changing
      const limits = [RateLimiter.requests(1000, "1 second", { burst: 500 })]
      const [one] = yield* Effect.provideService(nodes(1, { limits }), ClusterStore.ClusterStore, store)
      assert.isAtLeast(yield* passes(one!, 1000), 500)
      assert.isAtMost(way.asked, 5)
    }).pipe(Effect.scoped))

  for (
    const [resource, size, cost] of [
      ["requests", 1e9, 1],
      ["requests", Number.MAX_SAFE_INTEGER, 1],
      ["tokens", 1e9, 1],
      ["tokens", Number.MAX_SAFE_INTEGER, 1],
      ["tokens", Number.MAX_SAFE_INTEGER, 1e9],
      ["cost", 1e-6, 1e-10],
      ["cost", 0.001, 1e-8],
      ["cost", 1, 1e-7],
      ["cost", 1e9, 1e-6]
    ] as const
  ) {
    it.effect(`lets calls of ${cost} pass by few messages, of a limit of ${size} of ${resource}`, () =>
      Effect.gen(function*() {
        const { memory, store, way } = yield* changing
        const limits = [RateLimiter[resource](size, "1 second")]
        const [one] = yield* Effect.provideService(nodes(1, { limits }), ClusterStore.ClusterStore, store)
        // A node that asks without a pause is answered no more.
        way.limits = (call) => way.asked < 200 ? memory.limits(call) : Effect.never
        let passed = 0
        for (let i = 0; i < 50; i++) {
          const call = yield* Effect.forkChild(Effect.exit(one!.limiter.reserve({ [resource]: cost })))
          yield* Effect.repeat(TestClock.adjust("10 millis"), { times: 4 })
          const told = call.pollUnsafe()
          if (told?._tag === "Success" && Exit.isSuccess(told.value)) passed++
        }
        assert.strictEqual(passed, 50)
        assert.isAtMost(way.asked, 100)
      }).pipe(Effect.scoped))
  }

  it.effect("takes no place in the queue from a call that waits for the first turns that its node asks for", () =>
    fleet(Effect.gen(function*() {
      const [one] = yield* nodes(1, { queue: 0, limits: [RateLimiter.requests(20, "1 hour")] })
      assert.strictEqual(yield* passes(one!, 30), 20)
    })))

  it.effect.prop(
    "answers calls that come at once as one that is not shared does, whatever its queue",
    {
      queue: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })),
      bursts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 24 }))).check(
        Schema.isMaxLength(4)
      ),
      waits: Schema.Boolean
    },
    ({ bursts, queue, waits }) =>
      fleet(Effect.gen(function*() {
        const options = { queue, maxWait: waits ? "1 hour" : 0, limits: [RateLimiter.requests(20, "1 hour")] } as const
        const answers = Effect.fnUntraced(function*(limiter: RateLimiter.RateLimiter) {
          const call = Effect.match(limiter.protect(Effect.void), {
            onFailure: ({ reason }) => reason,
            onSuccess: () => "passed"
          })
          const calls: Array<Fiber.Fiber<string>> = []
          for (const burst of bursts) {
            for (let i = 0; i < burst; i++) calls.push(yield* Effect.forkChild(call))
            for (let i = 0; i < 10; i++) yield* TestClock.adjust("20 millis")
          }
          return yield* toldNow(calls)
        })
        const [one] = yield* nodes(1, options)
        const alone = yield* RateLimiter.make({ name: "alone", ...options })
        assert.deepStrictEqual(yield* answers(one!.limiter), yield* answers(alone))
      }))
  )

  it.effect.prop(
    "refuses none of the calls that come at once but those that one does that is not shared, whatever they cost and how long they wait",
    {
      queue: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })),
      bursts: Schema.Array(
        Schema.Array(
          Schema.Struct({
            requests: Schema.Literals([1, 1, 1, 0]),
            maxWait: Schema.Literals(["0 seconds", "4 minutes", "61 minutes", "Infinity"])
          })
        ).check(Schema.isMaxLength(12))
      ).check(Schema.isMaxLength(4))
    },
    ({ bursts, queue }) =>
      fleet(Effect.gen(function*() {
        const options = { queue, limits: [RateLimiter.requests(5, "15 minutes")] } as const
        const answers = Effect.fnUntraced(function*(limiter: RateLimiter.RateLimiter) {
          const calls: Array<Fiber.Fiber<string>> = []
          for (const burst of bursts) {
            for (const { maxWait, requests } of burst) {
              const call = Effect.match(limiter.protectWith({ costs: { requests }, maxWait })(Effect.void), {
                onFailure: () => "refused",
                onSuccess: () => "passed"
              })
              calls.push(yield* Effect.forkChild(call))
            }
            for (let i = 0; i < 10; i++) yield* TestClock.adjust("20 millis")
          }
          return yield* toldNow(calls)
        })
        const [one] = yield* nodes(1, options)
        const alone = yield* RateLimiter.make({ name: "alone", ...options })
        assert.deepStrictEqual(yield* answers(one!.limiter), yield* answers(alone))
      }))
  )

  const answersTo = Effect.fnUntraced(function*(
    options: Partial<RateLimiter.Options>,
    calls: ReadonlyArray<Parameters<RateLimiter.RateLimiter["protectWith"]>[0]>
  ) {
    const [one] = yield* nodes(1, options)
    const fibers = yield* Effect.forEach(
      calls,
      (call) =>
        Effect.forkChild(Effect.match(one!.limiter.protectWith(call)(Effect.void), {
          onFailure: ({ reason }) => reason,
          onSuccess: () => "passed"
        }))
    )
    for (let i = 0; i < 10; i++) yield* TestClock.adjust("20 millis")
    return yield* toldNow(fibers)
  })

  it.effect("lets a call pass that costs nothing and does not wait, behind one that its node asks for", () =>
    fleet(Effect.gen(function*() {
      const calls = [{ costs: {} }, { costs: { requests: 0 } }, { costs: {} }]
      assert.deepStrictEqual(yield* answersTo({}, calls), ["passed", "passed", "passed"])
    })))

  it.effect("refuses a call at once whose turn behind others is too late", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.requests(1, "10 minutes")]
      const calls = [{ costs: {} }, ...Array.from({ length: 4 }, () => ({ costs: {}, maxWait: "21 minutes" } as const))]
      assert.deepStrictEqual(yield* answersTo({ limits }, calls), ["passed", "waits", "waits", "limit", "limit"])
    })))

  it.effect("refuses a call within the time-out whose turn behind others is too late, whenever it comes", () =>
    fleet(Effect.gen(function*() {
      const [one] = yield* nodes(1, { limits: [RateLimiter.requests(5, "15 minutes")] })
      const ask = (maxWait: Duration.Input) =>
        Effect.forkChild(Effect.exit(one!.limiter.protectWith({ costs: {}, maxWait })(Effect.void)))
      const before = yield* Effect.replicateEffect(ask("4 minutes"), 6)
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("17 millis")
        const late = yield* ask("4 minutes")
        for (let t = 0; t < 12; t++) yield* TestClock.adjust("5 millis")
        assert.isDefined(late.pollUnsafe(), `call ${i}`)
      }
      yield* Effect.forEach(before, Fiber.interrupt)
    })))

  it.effect("keeps no place for a call whose turn is too late, and lets those behind it have one", () =>
    fleet(Effect.gen(function*() {
      const options = { queue: 2, limits: [RateLimiter.requests(1, "10 minutes")] }
      const maxWaits = ["11 minutes", "11 minutes", "11 minutes", "21 minutes", "31 minutes"] as const
      const calls = [{ costs: {} }, ...maxWaits.map((maxWait) => ({ costs: {}, maxWait }))]
      assert.deepStrictEqual(yield* answersTo(options, calls), [
        "passed",
        "waits",
        "limit",
        "limit",
        "waits",
        "queue-full"
      ])
    })))

  it.effect("refuses only the call that is too much for a limit without a queue, and not those behind it that are not", () =>
    fleet(Effect.gen(function*() {
      const options = { queue: 0, limits: [RateLimiter.tokens(100, "1 hour")], maxWait: "2 hours" } as const
      const calls = [80, 50, 10, 20, 10].map((tokens) => ({ costs: { tokens } }))
      assert.deepStrictEqual(yield* answersTo(options, calls), [
        "passed",
        "queue-full",
        "passed",
        "queue-full",
        "passed"
      ])
    })))

  it.effect("decides on thousands of calls at once that come to a cold node", () =>
    fleet(Effect.gen(function*() {
      const options = { queue: 10, limits: [RateLimiter.requests(1, "1 minute", { burst: 5 })] }
      const calls = Array.from(
        { length: 3000 },
        (_, i) => ({ costs: {}, maxWait: i % 2 === 0 ? "3.5 minutes" : "1 hour" } as const)
      )
      const answers = yield* answersTo(options, calls)
      const count = (kind: string) => answers.filter((answer) => answer === kind).length
      assert.deepStrictEqual(["passed", "waits"].map(count), [5, 10])
      // Those at even places wait for three turns at most.
      assert.deepStrictEqual(answers.flatMap((answer, i) => answer === "waits" ? [i] : []), [
        5,
        6,
        7,
        9,
        11,
        13,
        15,
        17,
        19,
        21
      ])
    })))

  it.effect("refuses a call for which there is no place once its node has had an answer", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.requests(20, "1 hour")]
      const make = node({ limits, queue: 2, maxWait: "1 hour" })
      const { limiter } = yield* Effect.provideService(make, ClusterStore.ClusterStore, store)
      const ask = Effect.forkChild(Effect.flip(limiter.protect(Effect.void)))
      const before = yield* Effect.replicateEffect(ask, 22)
      yield* TestClock.adjust("2 seconds")
      way.limits = (call) => Effect.delay(memory.limits(call), "20 millis")
      const refused = yield* ask
      for (let i = 0; i < 9; i++) yield* TestClock.adjust("5 millis")
      assert.isDefined(refused.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(refused)).reason, "queue-full")
      yield* Effect.forEach(before, Fiber.interrupt)
    }).pipe(scopedInTime))

  it.effect("refuses a call that does not wait for its turn by the limit, and not by the queue", () =>
    fleet(Effect.gen(function*() {
      const [one] = yield* nodes(1, { queue: 0 })
      const call = Effect.match(one!.limiter.protect(Effect.void), {
        onFailure: ({ reason }) => reason,
        onSuccess: () => "passed"
      })
      const calls = yield* Effect.forkChild(Effect.replicateEffect(call, 40, { concurrency: "unbounded" }))
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("20 millis")
      assert.sameMembers([...new Set(yield* Fiber.join(calls))], ["passed", "limit"])
    })))

  it.effect("is that of the limiter alone without a fleet", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({
        name: "model",
        limits: [RateLimiter.requests(1, "1 minute")],
        shared: true
      })
      yield* limiter.protect(Effect.void)
      const { retryAfter } = yield* Effect.flip(limiter.protect(Effect.void))
      assert.deepStrictEqual(retryAfter, Duration.minutes(1))
    }))

  it.effect("keeps a call waiting for its turn, and refuses one at once whose turn is too late, by its exact time", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.requests(1, "10 seconds", { burst: 1 })]
      const [one, another] = yield* nodes(2, { limits })
      assert.strictEqual(yield* passes(one!), 1)
      const refused = yield* Effect.forkChild(Effect.flip(another!.limiter.protect(Effect.void)))
      yield* TestClock.adjust("1 millis")
      const { reason, retryAfter } = yield* Fiber.join(refused)
      assert.strictEqual(reason, "limit")
      assert.approximately(Duration.toMillis(retryAfter!), 10_000 - 61, 3)
      const waiting = yield* Effect.forkChild(
        another!.limiter.protectWith({ costs: {}, maxWait: "1 minute" })(Effect.succeed("passed"))
      )
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "passed")
    })))

  it.effect("gives a call larger than what is there all its turns in a row, where it waits for them", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.tokens(1000, "1 second", { burst: 10_000 })]
      const [one, another] = yield* nodes(2, { limits, maxWait: "1 minute" })
      const taken = yield* Effect.forkChild(one!.limiter.reserve({ tokens: 10_000 }))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(taken)
      const large = yield* Effect.forkChild(another!.limiter.reserve({ tokens: 8000 }))
      const small = []
      for (let i = 0; i < 78; i++) {
        small.push(yield* Effect.forkChild(one!.limiter.reserve({ tokens: 100 })))
        yield* TestClock.adjust("100 millis")
      }
      assert.isUndefined(large.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isDefined(large.pollUnsafe())
      yield* Effect.forEach(small, Fiber.interrupt)
    })))

  it.effect("is told what a call has used beside what it took, more and less", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.tokens(1000, "1 second", { burst: 10_000 })]
      const [one, another] = yield* nodes(2, { limits })
      const take = (node: Node, tokens: number) =>
        Effect.gen(function*() {
          const taking = yield* Effect.forkChild(Effect.exit(node.limiter.reserve({ tokens })))
          yield* TestClock.adjust("60 millis")
          return yield* Fiber.join(taking)
        })
      const first = yield* take(one!, 10_000)
      assert.isTrue(Exit.isFailure(yield* take(another!, 5000)))
      if (Exit.isSuccess(first)) yield* first.value.settle({ tokens: 1000 })
      yield* TestClock.adjust("200 millis")
      const second = yield* take(another!, 9000)
      assert.isTrue(Exit.isSuccess(second))
      if (Exit.isSuccess(second)) yield* second.value.settle({ tokens: 1_000_000 })
      yield* TestClock.adjust("200 millis")
      // The debt is one bucket at most.
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Exit.isFailure(yield* take(one!, 1000)))
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Exit.isSuccess(yield* take(one!, 1000)))
    })))

  it.effect("is paused on all nodes by one, and lowered on all by one", () =>
    fleet(Effect.gen(function*() {
      const [one, another] = yield* nodes(2)
      yield* one!.limiter.pause("5 seconds")
      yield* TestClock.adjust("10 millis")
      const refused = yield* Effect.forkChild(Effect.flip(another!.limiter.protect(Effect.void)))
      yield* TestClock.adjust("1 millis")
      const { retryAfter } = yield* Fiber.join(refused)
      assert.approximately(Duration.toMillis(retryAfter!), 4990, 15)
      yield* TestClock.adjust("10 seconds")
      yield* one!.limiter.clampAvailable({ requests: 3 })
      yield* TestClock.adjust("10 millis")
      assert.isAtMost(yield* passes(another!, 20), 3 + 8)
    })))

  it.effect("loses no turn to calls that are interrupted, at whatever step", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.requests(1, "1 hour", { burst: 4 })]
      const [one, another] = yield* nodes(2, { limits, maxWait: "10 seconds" })
      for (let steps = 0; steps < 40; steps++) {
        const call = yield* Effect.forkChild(one!.limiter.protect(Effect.never))
        for (let i = 0; i < steps; i++) yield* Effect.yieldNow
        const begun = (yield* one!.limiter.snapshot).admitted
        yield* Fiber.interrupt(call)
        yield* TestClock.adjust("1 second")
        // What began is used.
        if (begun > 0) return assert.isAbove(steps, 2)
        const left = yield* Effect.forkChild(another!.limiter.reserve({ requests: 4 }))
        yield* TestClock.adjust("10 millis")
        yield* TestClock.adjust("10 millis")
        const reservation = left.pollUnsafe()
        assert.isDefined(reservation, `${steps} steps`)
        yield* (yield* Fiber.join(left)).refund
        yield* TestClock.adjust("1 second")
      }
      assert.fail("no call began")
    })))

  it.effect("gives turns back when its node ends", () =>
    fleet(Effect.gen(function*() {
      const limits = [RateLimiter.requests(1, "1 hour", { burst: 4 })]
      const [one] = yield* nodes(1, { limits, maxWait: "10 seconds" })
      yield* Effect.scoped(Effect.gen(function*() {
        const [ends] = yield* nodes(1, { limits, maxWait: "10 seconds" })
        const reservation = yield* Effect.forkChild(ends!.limiter.reserve({ requests: 4 }))
        yield* TestClock.adjust("1 millis")
        yield* (yield* Fiber.join(reservation)).refund
      }))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* passes(one!, 4), 4)
    })))

  it.effect("waits for one time-out in all where many of them end while the store hangs, and for their answers where it does not", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const layer = Layer.provide(Layer.fresh(Cluster.layer()), Layer.succeed(ClusterStore.ClusterStore, store))
      const ends = (answer: typeof way.limits) =>
        Effect.gen(function*() {
          way.limits = memory.limits
          const scope = yield* Scope.make()
          const context = yield* Scope.provide(Layer.build(layer), scope)
          for (const name of ["a", "b", "c", "d"]) {
            const made = RateLimiter.make({
              name,
              limits: [RateLimiter.requests(1, "1 hour", { burst: 4 })],
              shared: true
            })
            const limiter = yield* Effect.provide(made, context).pipe(Scope.provide(scope))
            const reservation = yield* Effect.forkChild(limiter.reserve({}))
            yield* TestClock.adjust("1 millis")
            yield* (yield* Fiber.join(reservation)).refund
          }
          way.limits = answer
          return yield* Effect.forkChild(Scope.close(scope, Exit.void))
        })
      const hanging = yield* ends(() => Effect.never)
      yield* TestClock.adjust("50 millis")
      assert.isDefined(hanging.pollUnsafe())
      const slow = yield* ends((call) => Effect.delay(memory.limits(call), "20 millis"))
      yield* TestClock.adjust("70 millis")
      assert.isUndefined(slow.pollUnsafe())
      yield* TestClock.adjust("10 millis")
      assert.isDefined(slow.pollUnsafe())
    }).pipe(Effect.scoped))

  it.effect("keeps a sliding window, which it uses less far", () =>
    fleet(Effect.gen(function*() {
      for (
        const [limits, costs, least] of [
          [[RateLimiter.requests(100, "1 second", { kind: "sliding-window" })], {}, 85],
          [[RateLimiter.tokens(100, "1 second", { kind: "sliding-window" })], { tokens: 1 }, 45],
          [[RateLimiter.requests(3, "1 second", { kind: "sliding-window" })], {}, 2.5]
        ] as const
      ) {
        const { limit } = limits[0]
        const all = yield* nodes(3, { name: `${limits[0].resource} ${limit}`, limits })
        const passed: Array<number> = []
        for (let at = 0; at < 5000; at += 10) {
          for (const { limiter } of all) {
            const call = limiter.protectWith({ costs })(Effect.sync(() => passed.push(at)))
            yield* Effect.forkChild(Effect.exit(call))
          }
          yield* TestClock.adjust("10 millis")
        }
        assert.isAtMost(mostIn(passed, 1000), limit * 1.2)
        assert.isAtLeast(passed.length, 5 * least)
      }
    })))

  it.effect("has other numbers from setLimits on", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(2)
      const limits = [RateLimiter.requests(1000, "1 second", { burst: 200 })]
      for (const { limiter } of all) yield* limiter.setLimits(limits)
      yield* TestClock.adjust("1 second")
      assert.isAtLeast(yield* passes(all[0]!, 150), 150)
    })))

  it.effect("lets no more pass where a larger limit is set while a message is under way", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const of = (tokens: number) => [RateLimiter.tokens(tokens, "1 hour")]
      const make = nodes(2, { limits: of(1000), maxWait: "1 second" })
      const all = yield* Effect.provideService(make, ClusterStore.ClusterStore, store)
      way.limits = (call) => Effect.tap(memory.limits(call), () => Effect.sleep("20 millis"))
      let passed = 0
      const call = ({ limiter }: Node) =>
        Effect.forkChild(
          Effect.exit(Effect.tap(limiter.reserve({ tokens: 1000 }), () => Effect.sync(() => passed += 1000))),
          {
            startImmediately: true
          }
        )
      yield* call(all[0]!)
      yield* TestClock.adjust("10 millis")
      for (const { limiter } of all) yield* limiter.setLimits(of(100_000))
      for (const one of all) {
        for (let i = 0; i < 200; i++) yield* call(one)
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 500 })
      }
      // What comes in meanwhile is less than one more call.
      assert.strictEqual(passed, 100_000)
    }).pipe(Effect.scoped))

  it.effect("goes on by a smaller limit that is set, with no more used than its bucket", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(2, { limits: [RateLimiter.requests(1000, "1 hour")] })
      assert.strictEqual((yield* passes(all[0]!, 250)) + (yield* passes(all[1]!, 250)), 500)
      yield* TestClock.adjust("1 second")
      for (const { limiter } of all) yield* limiter.setLimits([RateLimiter.requests(20, "1 minute")])
      // One may have been given out before.
      for (const one of all) assert.isAtMost(yield* passes(one, 10), 1)
      // Nobody forgets what was used since.
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* passes(all[0]!, 40), 20)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* passes(all[1]!, 40), 0)
    })))

  it.effect("goes on by a smaller limit with which a process starts, with no more used than its bucket", () =>
    fleet(Effect.gen(function*() {
      const made = node({ limits: [RateLimiter.requests(1000, "1 hour")] })
      // It has ended before the next one starts.
      yield* Effect.scoped(Effect.flatMap(made, (one) => passes(one, 500)))
      const smaller = [RateLimiter.requests(20, "1 minute")]
      const started = yield* node({ limits: smaller })
      let passed = 0
      for (let i = 0; i < 30; i++) {
        passed += yield* passes(started, 5)
        yield* TestClock.adjust("1940 millis")
      }
      assert.isAtLeast(passed, 18)
      assert.isAtMost(passed, 21)
      // Others that start with it forget nothing of that.
      for (let i = 0; i < 5; i++) {
        const another = yield* node({ limits: smaller })
        assert.isAtMost(yield* passes(another, 40), 1)
      }
    })))

  it.effect("goes on by a limit that nodes are told of in turn, also after one that was not told has booked by the one before", () =>
    fleet(Effect.gen(function*() {
      const all = yield* nodes(3, { limits: [RateLimiter.requests(20, "1 day")] })
      yield* passes(all[0]!)
      for (const one of all) {
        yield* one.limiter.setLimits([RateLimiter.requests(100, "1 second", { burst: 20 })])
        yield* passes(one)
        yield* passes(all[2]!)
      }
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* passes(all[0]!, 20), 20)
    })))

  it.effect("goes on by a smaller limit with which processes start in turn, while the others use up the one before", () =>
    fleet(Effect.gen(function*() {
      const larger = { limits: [RateLimiter.requests(1000, "1 hour")] }
      const smaller = { limits: [RateLimiter.requests(20, "1 minute")] }
      const started: Array<Node> = []
      const scopes = yield* Effect.replicateEffect(Scope.make(), 3)
      const old = yield* Effect.forEach(scopes, (scope) => Scope.provide(node(larger), scope))
      for (const [i, scope] of scopes.entries()) {
        for (const one of old.slice(i)) yield* passes(one, 1000)
        yield* Scope.close(scope, Exit.void)
        for (const one of started) yield* passes(one)
        started.push(yield* node(smaller))
        yield* passes(started[i]!)
        yield* TestClock.adjust("1 second")
        yield* passes(started[i]!)
      }
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(yield* passes(started[0]!, 40), 19)
    })))

  it.effect("counts by a limit from when it is set on, also where nobody calls", () =>
    fleet(Effect.gen(function*() {
      const [one] = yield* nodes(1, { limits: [RateLimiter.requests(10, "1 day")] })
      assert.strictEqual(yield* passes(one!, 20), 10)
      yield* one!.limiter.setLimits([RateLimiter.requests(10, "1 minute")])
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* passes(one!, 20), 10)
    })))

  it.effect("gives out nothing by a limit before the store has heard of all those before, where it was changed twice without an answer", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const one = yield* Effect.provideService(
        node({ limits: [RateLimiter.requests(30, "1 hour")] }),
        ClusterStore.ClusterStore,
        store
      )
      yield* passes(one)
      // It counts the first change, and another node uses all of that limit before this one hears of it.
      way.limits = (call) => {
        way.limits = memory.limits
        const [name, message] = call.limits[0]!
        const all = { ...message, before: "", want: 1000 }
        return memory.limits(call).pipe(
          Effect.andThen(memory.limits({ ...call, limits: [[name, all]] })),
          Effect.andThen(Effect.sleep("10 millis")),
          Effect.andThen(Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" })))
        )
      }
      yield* one.limiter.setLimits([RateLimiter.requests(1000, "1 second")])
      while (way.limits !== memory.limits) yield* Effect.yieldNow
      yield* one.limiter.setLimits([RateLimiter.requests(20, "1 minute")])
      assert.strictEqual(yield* passes(one, 20), 0)
    }).pipe(Effect.scoped))

  it.effect("gives only the difference where a larger limit is set, also where a node says so later, or again", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.requests(20, "1 minute")]
      const all = yield* Effect.provideService(nodes(2, { limits }), ClusterStore.ClusterStore, store)
      assert.strictEqual(yield* passes(all[0]!, 40), 20)
      const larger = [RateLimiter.requests(1000, "1 hour")]
      yield* all[0]!.limiter.setLimits(larger)
      // The store takes it, and its answer never comes.
      way.limits = (call) => Effect.andThen(memory.limits(call), Effect.never)
      yield* passes(all[0]!)
      way.limits = memory.limits
      yield* TestClock.adjust("30 seconds")
      let passed = 0
      for (let i = 0; i < 3; i++) {
        passed += yield* passes(all[0]!, 400)
        passed += yield* passes(all[1]!, 1)
        yield* all[1]!.limiter.setLimits(larger)
        yield* TestClock.adjust("1 second")
      }
      assert.isAtLeast(passed, 975)
      assert.isAtMost(passed, 1000)
    }).pipe(Effect.scoped))

  for (const lost of ["", "after the first", "after both"]) {
    it.effect(`goes on by the second of two smaller limits that are set in a row, with answers lost: ${lost || "none"}`, () =>
      Effect.gen(function*() {
        const { memory, store, way } = yield* changing
        const limits = [RateLimiter.requests(1000, "1 hour")]
        const one = yield* Effect.provideService(node({ limits }), ClusterStore.ClusterStore, store)
        assert.strictEqual(yield* passes(one, 500), 500)
        yield* TestClock.adjust("1 second")
        // The store takes it, and its answer never comes.
        if (lost !== "") way.limits = (call) => Effect.andThen(memory.limits(call), Effect.never)
        yield* one.limiter.setLimits([RateLimiter.requests(100, "1 hour")])
        yield* passes(one)
        if (lost === "after the first") way.limits = memory.limits
        yield* TestClock.adjust("20 seconds")
        yield* one.limiter.setLimits([RateLimiter.requests(20, "1 minute")])
        yield* passes(one)
        way.limits = memory.limits
        yield* TestClock.adjust("20 seconds")
        yield* passes(one)
        yield* TestClock.adjust("1 second")
        yield* passes(one)
        // By the first of both it would have none within the hour.
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* passes(one, 40), 20)
      }).pipe(Effect.scoped))
  }

  it.effect("is not forgotten again and again where nodes merely have different limits", () =>
    fleet(Effect.gen(function*() {
      const one = yield* node({ limits: [RateLimiter.requests(100, "1 hour")] })
      const another = yield* node({ limits: [RateLimiter.requests(20, "1 minute")] })
      let passed = 0
      for (let i = 0; i < 300; i++) {
        passed += yield* passes(one, 5)
        passed += yield* passes(another, 5)
        yield* TestClock.adjust("2 seconds")
      }
      assert.isAtMost(passed, 100 + 20 + 300 * 2.12 / 3)
    })))

  it.effect("goes on at once where the clock of the store is set", () =>
    Effect.gen(function*() {
      const { store, way } = yield* changing
      const { MemoryTable } = yield* Effect.promise(() =>
        vi.importActual<typeof import("../../src/clusterStore/memoryTable.ts")>("../../src/clusterStore/memoryTable.ts")
      )
      const table = new MemoryTable()
      let set = 0
      const micros = Effect.map(Clock.currentTimeMillis, (millis) => (millis + set + 1e9) * 1000)
      way.limits = (call) => Effect.map(micros, (micros) => table.callLimits(call, micros))
      const timed: ClusterStore.ClusterStore["Service"] = {
        ...store,
        circuits: (call) => Effect.map(micros, (micros) => table.callCircuits(call, micros, () => {}))
      }
      const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, timed)
      for (const by of [0, 3_600_000, -3_600_000]) {
        set += by
        yield* passes(one!, 20)
        yield* TestClock.adjust("400 millis")
        assert.isAtLeast(yield* passes(one!, 20), 20)
      }
    }).pipe(Effect.scoped))

  it.effect("asks the store for nothing while nobody calls", () =>
    Effect.gen(function*() {
      const { store, way } = yield* changing
      const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, store)
      yield* passes(one!, 5)
      yield* TestClock.adjust("2 seconds")
      const { asked } = way
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(way.asked, asked)
    }).pipe(Effect.scoped))

  it.effect("is shown by the status of the fleet", () =>
    fleet(Effect.gen(function*() {
      const [one] = yield* nodes(1)
      yield* passes(one!, 5)
      yield* TestClock.adjust("1 second")
      const { limits } = yield* one!.cluster.status
      assert.deepInclude(limits[0], { limiter: "model", resource: "requests", isAway: false })
      assert.isAtLeast(limits[0]!.booked, 5)
      assert.strictEqual(limits[0]!.booked - limits[0]!.givenBack, 5)
    })))
})

describe("a name that cannot be one of all nodes", () => {
  const refusals = [
    ["x".repeat(513), "513 characters"],
    ["half \ud800", "\"half \\ud800\""]
  ] as const

  for (const [name, got] of refusals) {
    const limits = [RateLimiter.requests(10, "1 second")]
    const makes: Readonly<Record<string, (shared: boolean) => Effect.Effect<unknown>>> = {
      "RateLimiter.make": (shared) => RateLimiter.make({ name, limits, shared }),
      "CircuitBreaker.make": (shared) => CircuitBreaker.make({ name, shared }),
      "CircuitBreaker.Family.make": (shared) => CircuitBreaker.Family.make({ name, shared })
    }
    for (const [where, make] of Object.entries(makes)) {
      it.effect(`is refused by ${where} where it is to be shared, and only there: ${got}`, () =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(make(true))
          assert.deepStrictEqual(
            Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined,
            new RangeError(
              `${where}: name must be well-formed text of at most 512 characters where shared is true, got ${got}`
            )
          )
          yield* make(false)
        }))
    }
  }

  it.effect("is none with braces", () =>
    fleet(Effect.gen(function*() {
      const [one, another] = yield* nodes(2, { name: "}a{b", limits: [RateLimiter.requests(10, "1 hour")] })
      assert.deepStrictEqual([yield* passes(one!, 10), yield* passes(another!, 10)], [10, 0])
    })))
})

describe("while the store does not answer, a limit", () => {
  const ways: ReadonlyArray<readonly [string, ClusterStore.ClusterStore["Service"]["limits"]]> = [
    ["hangs", () => Effect.never],
    ["fails", () => Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))],
    ["dies", () => Effect.die("died")],
    ["says too little", () => Effect.succeed([])]
  ]

  for (const away of ["local", "open", "closed"] as const) {
    for (const [name, broken] of ways) {
      it.effect(`is as "${away}" says, of a store that ${name}, and again that of the fleet from the first answer on`, () =>
        Effect.gen(function*() {
          const { memory, store, way } = yield* changing
          const all = yield* Effect.provideService(nodes(3, {}, { away }), ClusterStore.ClusterStore, store)
          yield* TestClock.adjust("6 seconds")
          way.limits = broken
          for (const one of all) yield* passes(one)
          yield* TestClock.adjust("61 millis")
          let count = 0
          const reasons = new Set<string>()
          for (let i = 0; i < 100; i++) {
            for (const { limiter } of all) {
              for (let k = 0; k < (i === 0 ? 20 : 2); k++) {
                const exit = yield* Effect.exit(limiter.protect(Effect.void))
                if (Exit.isSuccess(exit)) count++
                else reasons.add((Cause.squash(exit.cause) as RateLimiter.RateLimited).reason)
              }
            }
            yield* TestClock.adjust("10 millis")
          }
          const [least, most] = { local: [105, 125], open: [330, 370], closed: [0, 0] }[away]
          assert.isAtLeast(count, least!)
          assert.isAtMost(count, most!)
          assert.deepStrictEqual([...reasons], [away === "closed" ? "store-away" : "limit"])
          assert.isTrue((yield* all[0]!.cluster.status).limits[0]!.isAway)
          way.limits = memory.limits
          yield* TestClock.adjust("20 seconds")
          assert.isFalse((yield* all[0]!.cluster.status).limits[0]!.isAway)
          assert.isAtLeast(yield* passes(all[0]!, 40), 20)
        }).pipe(Effect.scoped))
    }
  }

  for (const count of [1, 3]) {
    for (const heard of [true, false]) {
      const left = heard ? "that has all of it left" : "that has heard nothing of it yet"
      it.effect(`refuses nobody within the part of a node, of ${count} ${left}, after one late answer`, () =>
        Effect.gen(function*() {
          const { memory, store, way } = yield* changing
          const limits = [RateLimiter.requests(30, "1 minute")]
          const all = yield* Effect.provideService(nodes(count, { limits }), ClusterStore.ClusterStore, store)
          yield* TestClock.adjust("6 seconds")
          if (heard) { for (const one of all) yield* passes(one) }
          yield* TestClock.adjust("1 minute")
          way.limits = (call) => Effect.delay(Effect.suspend(() => memory.limits(call)), "500 millis")
          const first = yield* Effect.forEach(all, (one) => passes(one))
          assert.deepStrictEqual(first, all.map(() => 1))
          const left = yield* Effect.forEach(all, ({ limiter }) => limiter.snapshot)
          for (const { limits } of left) assert.closeTo(limits[0]!.available, 30 / count - 1, 0.2)
          const passed = yield* Effect.forEach(all, (one) => passes(one, 40))
          assert.deepStrictEqual(passed, all.map(() => 30 / count - 1))
          // When they are back, the fleet has heard what they have used.
          way.limits = memory.limits
          yield* TestClock.adjust("2 seconds")
          for (const one of all) yield* passes(one)
          for (const { cluster } of all) assert.isFalse((yield* cluster.status).limits[0]!.isAway)
          yield* TestClock.adjust("5 seconds")
          let sum = 0
          for (const one of all) sum += yield* passes(one, 40)
          assert.isAtMost(sum, 5)
        }).pipe(Effect.scoped))
    }
  }

  for (const [what, late, stop] of [["its timers are late", 1, 0], ["its process stops", 0, 300]] as const) {
    it.effect(`refuses no call that waits for a store that does not answer where ${what} meanwhile`, () =>
      Effect.gen(function*() {
        const { call, clock, way } = yield* stoppable
        way.limits = () => Effect.never
        clock.late = late
        const waiting = yield* call
        clock.block(stop)
        yield* TestClock.adjust("60 millis")
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(waiting)))
      }).pipe(scopedInTime))
  }

  it.effect("refuses no call that comes as a timer of its node is late, whose own message the store answers in time", () =>
    Effect.gen(function*() {
      const { call, clock, memory, way } = yield* stoppable
      // They come so often that turns are booked ahead.
      for (let i = 0; i < 20; i++) {
        yield* call
        yield* TestClock.adjust("20 millis")
      }
      way.limits = (asked) => Effect.delay(memory.limits(asked), "40 millis")
      // What it has booked is too old by now, and the timer that says so has not rung yet.
      clock.block(205)
      const waiting = yield* call
      yield* TestClock.adjust("50 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(waiting)))
    }).pipe(scopedInTime))

  it.effect("is told what a node has used of its beginning, once, and not what came in meanwhile", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.requests(60, "1 minute")]
      const all = yield* Effect.provideService(nodes(3, { limits }), ClusterStore.ClusterStore, store)
      yield* TestClock.adjust("6 seconds")
      for (const one of all) yield* passes(one)
      yield* TestClock.adjust("1 minute")
      way.limits = () => Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))
      for (const one of all) yield* passes(one, 10)
      for (let i = 0; i < 30; i++) {
        yield* TestClock.adjust("1 second")
        yield* passes(all[0]!)
      }
      const backs: Array<number> = []
      way.limits = (call) => {
        backs.push(call.limits[0]![1].back)
        return memory.limits(call)
      }
      yield* TestClock.adjust("1 minute")
      for (const one of all) yield* passes(one)
      const told = backs.filter((back) => back !== 0)
      // The others had all of it again when they came back.
      assert.strictEqual(told.length, 1)
      assert.isAtMost(told[0]!, -18)
      assert.isAtLeast(told[0]!, -20)
    }).pipe(Effect.scoped))

  it.effect("gives nobody more each time, where no debt arrives", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.requests(30, "1 minute")]
      const all = yield* Effect.provideService(nodes(3, { limits }), ClusterStore.ClusterStore, store)
      yield* TestClock.adjust("6 seconds")
      for (const one of all) yield* passes(one)
      yield* TestClock.adjust("1 minute")
      let isGone = false
      way.limits = (call) =>
        isGone || call.limits[0]![1].back < 0
          ? Effect.fail(new ClusterStore.StoreFailed({ operation: "limits", reason: "failed" }))
          : memory.limits(call)
      let [sum, absences] = [0, 0]
      for (let i = 0; i < 20; i++) {
        isGone = true
        for (const one of all) sum += yield* passes(one, 40)
        for (const { cluster } of all) if ((yield* cluster.status).limits[0]!.isAway) absences++
        isGone = false
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(absences, 60)
      assert.isAtLeast(sum, 30)
      assert.isAtMost(sum, 30 + 24 * 0.5 + 1)
    }).pipe(Effect.scoped))

  it.effect("keeps no node from its end, also where it holds turns", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const hangs = [Effect.never, Effect.uninterruptible(Effect.never)]
      for (const [hang, wait] of hangs.flatMap((hang) => [[hang, 0], [hang, 120], [hang, 1000]] as const)) {
        way.limits = memory.limits
        const scope = yield* Scope.make()
        const [one] = yield* nodes(1).pipe(
          Effect.provideService(ClusterStore.ClusterStore, store),
          Scope.provide(scope)
        )
        const reserving = yield* Effect.forkChild(one!.limiter.reserve({}))
        yield* TestClock.adjust("10 millis")
        const { refund } = yield* Fiber.join(reserving)
        way.limits = () => hang
        yield* refund
        yield* TestClock.adjust(wait)
        const ends = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("100 millis")
        assert.isDefined(ends.pollUnsafe(), `${wait}`)
      }
    }).pipe(Effect.scoped))

  it.effect("is given back before what is made before its node ends, also where the fiber that ends it is interrupted", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      let [isConnected, isOwed] = [true, false]
      way.limits = (call) =>
        Effect.flatMap(Effect.sleep("5 millis"), () => isConnected ? memory.limits(call) : Effect.never)
      const limits = [RateLimiter.requests(1, "1 hour", { burst: 4 })]
      const using = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.sync(() => isConnected = false))
        const { limiter } = yield* Effect.provideService(node({ limits }), ClusterStore.ClusterStore, store)
        const { refund } = yield* limiter.reserve({ requests: 4 })
        yield* refund
        isOwed = true
        return yield* Effect.never
      })
      const ends = yield* Effect.forkChild(Effect.scoped(using))
      while (!isOwed) yield* TestClock.adjust("1 millis")
      yield* Effect.forkChild(Fiber.interrupt(ends))
      yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 20 })
      assert.isDefined(ends.pollUnsafe())
      const [one] = yield* Effect.provideService(nodes(1, { limits }), ClusterStore.ClusterStore, memory)
      assert.strictEqual(yield* passes(one!, 4), 4)
    }).pipe(Effect.scoped))

  for (const when of ["before it is made", "before it has begun", "while it is used"]) {
    it.effect(`is that of the limiter alone once its scope has closed: ${when}`, () =>
      fleet(Effect.gen(function*() {
        const context = yield* Layer.build(Cluster.layer())
        const scope = yield* Scope.make()
        if (when === "before it is made") yield* Scope.close(scope, Exit.void)
        const limits = [RateLimiter.requests(10, "1 hour")]
        const limiter = yield* RateLimiter.make({ name: "model", limits, shared: true, maxWait: "Infinity" }).pipe(
          Effect.provide(context),
          Scope.provide(scope)
        )
        if (when === "while it is used") yield* TestClock.adjust("1 second")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.replicateEffect(limiter.protect(Effect.void), 10)
      })))
  }

  it.effect("keeps no call waiting for longer than the time-out", () =>
    Effect.gen(function*() {
      const { store, way } = yield* changing
      const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, store)
      way.limits = () => Effect.never
      for (const wait of [0, 20, 40, 60, 700, 3000, 20_000]) {
        yield* TestClock.adjust(wait)
        const call = yield* Effect.forkChild(Effect.exit(one!.limiter.protect(Effect.void)))
        const hurried = yield* Effect.forkChild(
          Effect.exit(Deadline.within("10 millis")(one!.limiter.protect(Effect.void)))
        )
        yield* TestClock.adjust("11 millis")
        assert.isDefined(hurried.pollUnsafe(), `${wait}`)
        yield* TestClock.adjust("40 millis")
        assert.isDefined(call.pollUnsafe(), `${wait}`)
      }
    }).pipe(Effect.scoped))

  it.effect("refuses no call that comes while a message is under way, whose own the store answers in time", () =>
    Effect.gen(function*() {
      for (const trip of [5, 30, 45, 49]) {
        const { memory, store, way } = yield* changing
        const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, store)
        way.limits = (call) => Effect.delay(memory.limits(call), trip)
        let longest = 0
        for (let after = 0; after <= 60; after += 3) {
          const call = Effect.gen(function*() {
            const began = yield* Clock.currentTimeMillis
            yield* one!.limiter.protect(Effect.void)
            longest = Math.max(longest, (yield* Clock.currentTimeMillis) - began)
          })
          const calls = [yield* Effect.forkChild(call, { startImmediately: true })]
          yield* TestClock.adjust(after)
          calls.push(yield* Effect.forkChild(call, { startImmediately: true }))
          // Nothing is booked any more when the next two come.
          for (let i = 0; i < 2000; i++) yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(
            calls.map((fiber) => Exit.isSuccess(fiber.pollUnsafe()!)),
            [true, true],
            `${trip} ms, ${after} ms after the first`
          )
        }
        assert.isAtMost(longest, 2 * trip + 5)
      }
    }).pipe(Effect.scoped))

  it.effect("refuses no call that comes after a pause while a message of that is under way, whose own the store answers in time", () =>
    Effect.gen(function*() {
      for (const after of [11, 20, 30, 40, 44]) {
        const { memory, store, way } = yield* changing
        const [one] = yield* Effect.provideService(nodes(1), ClusterStore.ClusterStore, store)
        way.limits = (call) => Effect.delay(memory.limits(call), 45)
        yield* one!.limiter.pause("10 millis")
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: after - 1 })
        assert.strictEqual(way.asked, 1)
        const call = yield* Effect.forkChild(Effect.exit(one!.limiter.protect(Effect.void)), { startImmediately: true })
        yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 100 })
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(call)), `${after} ms after the message`)
      }
    }).pipe(Effect.scoped))

  it.effect("refuses no call that would wait for less than the store takes to answer", () =>
    Effect.gen(function*() {
      for (const maxWait of [0, 5, 29]) {
        const { memory, store, way } = yield* changing
        const [one] = yield* Effect.provideService(nodes(1, { maxWait }), ClusterStore.ClusterStore, store)
        way.limits = (call) => Effect.delay(memory.limits(call), 30)
        assert.strictEqual(yield* passes(one!, 10), 10, `${maxWait} ms`)
      }
    }).pipe(Effect.scoped))

  it.effect("refuses no small call because what it costs is kept for a larger one that waits for an answer", () =>
    Effect.gen(function*() {
      const { memory, store, way } = yield* changing
      const limits = [RateLimiter.tokens(100_000, "1 second")]
      const [one] = yield* Effect.provideService(nodes(1, { limits }), ClusterStore.ClusterStore, store)
      way.limits = (call) => Effect.delay(memory.limits(call), 10)
      const reserve = (tokens: number) =>
        Effect.forkChild(Effect.exit(one!.limiter.reserve({ tokens })), { startImmediately: true })
      const left = yield* reserve(5000)
      yield* TestClock.adjust("5 millis")
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("10 millis")
      const calls = [yield* reserve(20_000), yield* reserve(10)]
      yield* Effect.repeat(TestClock.adjust("1 millis"), { times: 100 })
      const exits = yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true])
    }).pipe(scopedInTime))
})
