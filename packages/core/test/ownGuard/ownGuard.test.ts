/** A guard that is written with public imports alone can do what the primitives can. */
import { assert, describe, it } from "@effect/vitest"
import {
  Bulkhead,
  CircuitBreaker,
  Deadline,
  Guard,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  Telemetry
} from "@switchgear/core"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Logger, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import { BlockedClock } from "../laws/blockedClock.ts"
import { interruptAtEveryStep } from "../support/yieldAt.ts"
import * as MemoryGate from "./memoryGate.ts"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

const gateOf = (options: Partial<MemoryGate.Options> = {}) =>
  MemoryGate.make({ name: "memory", limit: 2, queue: 2, maxWait: 1000, ...options })

const reasonOf = <E>(exit: Exit.Exit<unknown, E>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as MemoryGate.MemoryFull).reason : undefined

describe("a guard of plain functions", () => {
  it.effect("lets in what fits, lets the next ones wait in their order, and refuses the rest", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf()
      const order: Array<number> = []
      const call = (n: number) =>
        fork(Effect.andThen(Effect.sync(() => order.push(n)), Effect.sleep(100)).pipe(gate.protect))
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], call)
      assert.strictEqual(reasonOf(yield* Fiber.await(fibers[4]!)), "queue-full")
      assert.deepInclude(yield* gate.snapshot, { used: 2, waiting: 2, rejected: 1 })
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(order, [1, 2, 3, 4])
      assert.deepInclude(yield* gate.snapshot, { used: 0, waiting: 0, begun: 4, notBegun: 0 })
    }))

  it.effect("ends a wait after its maxWait, and at the caller's deadline, whichever is first", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf({ limit: 1, maxWait: 100 })
      yield* fork(gate.protect(Effect.never))
      const patient = yield* fork(gate.protect(Effect.void))
      const impatient = yield* fork(gate.protect(Effect.void).pipe(Deadline.within(50)))
      yield* TestClock.adjust(50)
      assert.strictEqual(reasonOf(yield* Fiber.await(impatient)), "deadline")
      assert.isUndefined(patient.pollUnsafe())
      yield* TestClock.adjust(50)
      assert.strictEqual(reasonOf(yield* Fiber.await(patient)), "wait-timeout")
      assert.deepInclude(yield* gate.snapshot, { used: 1, waiting: 0, rejected: 2 })
      const late = yield* Effect.exit(gate.protect(Effect.void).pipe(Deadline.within(0)))
      assert.isTrue(Exit.isFailure(late))
    }))

  it.effect("holds what it needs for as long as the work really runs, whatever the need of each", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf({ limit: 10 })
      const lingering = Effect.never.pipe(
        Effect.onInterrupt(() => Effect.sleep(500)),
        Effect.provideService(MemoryGate.CurrentNeed, 1)
      )
      const big = yield* fork(gate.protect(lingering).pipe(Effect.provideService(MemoryGate.CurrentNeed, 8)))
      assert.strictEqual((yield* gate.snapshot).used, 8)
      const next = yield* fork(
        gate.protect(Effect.succeed("in")).pipe(Effect.provideService(MemoryGate.CurrentNeed, 5))
      )
      big.interruptUnsafe()
      yield* TestClock.adjust(499)
      assert.isUndefined(next.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.await(next), Exit.succeed("in"))
    }))

  it.effect("takes a call that is interrupted while it waits out of the queue at once", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf({ limit: 1 })
      yield* fork(gate.protect(Effect.never))
      const waiting = yield* fork(gate.protect(Effect.void))
      assert.strictEqual((yield* gate.snapshot).waiting, 1)
      yield* Fiber.interrupt(waiting)
      assert.deepInclude(yield* gate.snapshot, { used: 1, waiting: 0, rejected: 0 })
    }))

  it.effect("gives a lease back that comes when the event loop is blocked until the caller's time is over", () =>
    Effect.gen(function*() {
      const clock = new BlockedClock(yield* Clock.Clock)
      yield* Effect.gen(function*() {
        const gate = yield* gateOf({ limit: 1 })
        yield* fork(gate.protect(Effect.never))
        const waiting = yield* fork(gate.protect(Effect.die("begun")).pipe(Deadline.within(100)))
        yield* gate.setLimit(2)
        assert.strictEqual((yield* gate.snapshot).used, 2)
        clock.block(200)
        yield* Effect.yieldNow
        assert.strictEqual(reasonOf(yield* Fiber.await(waiting)), "deadline")
        assert.deepInclude(yield* gate.snapshot, { used: 1, waiting: 0, begun: 0, notBegun: 1 })
      }).pipe(Effect.provideService(Clock.Clock, clock))
    }))

  it.effect("dies with what acquire throws, and with a message when acquire decides nothing", () =>
    Effect.gen(function*() {
      const throwing = yield* Guard.make({
        name: "throwing",
        acquire: (): Guard.Decision<undefined, never> => {
          throw new Error("bug")
        }
      })
      assert.strictEqual(
        String(Cause.squash(yield* Effect.flip(Effect.sandbox(throwing.protect(Effect.void))))),
        "Error: bug"
      )
      const undecided = yield* Guard.make({ name: "undecided", acquire: () => undefined as never })
      const cause = yield* Effect.flip(Effect.sandbox(undecided.protect(Effect.void)))
      assert.strictEqual(
        String(Cause.squash(cause)),
        "TypeError: Guard \"undecided\": acquire must answer Guard.admit, Guard.reject or Guard.wait, at once"
      )
    }))

  it.effect("ends a call whose time is over, also where onTimeout throws, and refuses a maxWait that is none", () =>
    Effect.gen(function*() {
      const waiting = (options: Partial<Guard.WaitOptions<number, string>>) =>
        Effect.flatMap(
          Guard.make<number, string>({
            name: "turnstile",
            acquire: () => Guard.wait({ enqueue: () => () => {}, onTimeout: (reason) => reason, ...options })
          }),
          ({ protect }) => fork(Effect.exit(protect(Effect.void)))
        )
      const throwing = yield* waiting({
        maxWait: "1 second",
        onTimeout: () => {
          throw new Error("bug")
        }
      })
      const throwingInQueue = yield* waiting({
        enqueue: () => {
          throw new Error("bug")
        }
      })
      yield* TestClock.adjust("1 second")
      for (const fiber of [throwing, throwingInQueue]) {
        const exit = yield* Fiber.join(fiber)
        assert.strictEqual(Exit.isFailure(exit) && String(Cause.squash(exit.cause)), "Error: bug")
      }
      for (const maxWait of [NaN, -1, "soon" as never]) {
        const exit = yield* Fiber.join(yield* waiting({ maxWait }))
        assert.include(
          Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "",
          "RangeError: Guard \"turnstile\": maxWait must be a duration of zero or more"
        )
      }
      const exit = yield* Fiber.join(yield* waiting({ maxWait: 0 }))
      assert.deepStrictEqual(exit, Exit.fail("wait-timeout"))
    }))

  it.effect("releases a lease once and loses none, whatever the functions of the guard do when the time is over", () =>
    Effect.gen(function*() {
      const clock = new BlockedClock(yield* Clock.Clock)
      let waiter: Guard.Waiter<number, string> | undefined
      const told: Array<boolean> = []
      const released: Array<number> = []
      const { protect } = yield* Guard.make<number, string>({
        name: "turnstile",
        acquire: () =>
          Guard.wait({
            maxWait: 50,
            enqueue: (one) => {
              waiter = one
              return () => {}
            },
            onTimeout: (reason) => {
              told.push(waiter!.admit(1))
              return reason
            }
          }),
        release: (lease) => {
          released.push(lease)
          throw new Error("bug")
        }
      })
      const timedOut = yield* fork(Effect.exit(protect(Effect.void)))
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(yield* Fiber.join(timedOut), Exit.fail("wait-timeout"))
      assert.deepStrictEqual([told, released], [[false], []])
      const late = yield* fork(
        Effect.exit(protect(Effect.void).pipe(Deadline.within(40))).pipe(Effect.provideService(Clock.Clock, clock))
      )
      assert.isTrue(waiter!.admit(2))
      clock.block(60)
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* Fiber.join(late), Exit.fail("deadline"))
      assert.deepStrictEqual(released, [2])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("decides about a call once: the first answer counts, also inside of enqueue", () =>
    Effect.gen(function*() {
      const waiters: Array<Guard.Waiter<number, string>> = []
      const released: Array<number> = []
      const { protect } = yield* Guard.make<number, string>({
        name: "turnstile",
        acquire: () =>
          Guard.wait({
            enqueue: (waiter) => {
              waiters.push(waiter)
              if (waiters.length === 3) waiter.admit(3)
              return () => {}
            },
            onTimeout: (reason) => reason
          }),
        release: (lease) => {
          released.push(lease)
        }
      })
      const call = yield* fork(protect(Effect.succeed("in")))
      const told = [waiters[0]!.admit(1), waiters[0]!.admit(2), waiters[0]!.reject("late")]
      assert.deepStrictEqual(told, [true, false, false])
      assert.strictEqual(yield* Fiber.join(call), "in")
      const left = yield* fork(protect(Effect.void))
      yield* Fiber.interrupt(left)
      assert.isFalse(waiters[1]!.admit(2))
      assert.strictEqual(yield* protect(Effect.succeed("at once")), "at once")
      assert.deepStrictEqual(released, [1, 3])
    }))

  it.effect("does not change a result by what release throws, nor leaves it out", () =>
    Effect.gen(function*() {
      let released = 0
      const guard = yield* Guard.make({
        name: "throwing",
        acquire: () => Guard.admit("lease"),
        release: (lease) => {
          assert.strictEqual(lease, "lease")
          released++
          throw new Error("bug")
        }
      })
      assert.strictEqual(yield* guard.protect(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(guard.protect(Effect.fail("mine"))), "mine")
      assert.strictEqual(released, 2)
    }).pipe(Effect.provide(Logger.layer([]))))

  it("refuses what is no guard, naming the field", async () => {
    const told = (options: unknown) =>
      Effect.runPromiseExit(Guard.make(options as never)).then((exit) =>
        Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "made"
      )
    assert.include(await told({ name: "", acquire: () => {} }), "RangeError: Guard.make: name must be")
    assert.include(await told({ name: "a" }), "RangeError: Guard.make: acquire must be a function")
    assert.include(await told({ name: "a", acquire: () => {}, release: 1 }), "RangeError: Guard.make: release must be")
  })

  it("adds its error to the type and nothing else", () => {
    const work = undefined as unknown as Effect.Effect<number, "mine", "need">
    const protect = (gate: MemoryGate.MemoryGate) => gate.protect(work)
    expectTypeOf(protect).returns.toEqualTypeOf<Effect.Effect<number, "mine" | MemoryGate.MemoryFull, "need">>()
    const made = (gate: MemoryGate.MemoryGate, breaker: CircuitBreaker.CircuitBreaker) =>
      Pipeline.make({ breaker, guards: { beforeBreaker: gate } })
    expectTypeOf(made).returns.toEqualTypeOf<
      Effect.Effect<Pipeline.Pipeline<CircuitBreaker.CircuitOpen | MemoryGate.MemoryFull>>
    >()
  })
})

describe("to be seen", () => {
  it.effect("it is in the metrics, in health, among the events and in the log, like a primitive", () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))
    const observed = Telemetry.layer().pipe(
      Layer.provideMerge(
        Layer.mergeAll(Registry.layer(), Logger.layer([logger]), Layer.sync(Metric.MetricRegistry, () => new Map()))
      )
    )
    return Effect.gen(function*() {
      const gate = yield* gateOf({ limit: 1, queue: 0 })
      const running = yield* fork(gate.protect(Effect.never))
      yield* Effect.exit(gate.protect(Effect.void))
      const metrics = (yield* PrometheusMetrics.format()).split("\n").filter((line) => line.startsWith("app_"))
      assert.deepStrictEqual(metrics.sort(), [
        "app_memory_rejected_total{name=\"memory\"} 1",
        "app_memory_used_megabytes{name=\"memory\"} 1"
      ])
      const health = yield* Registry.health
      assert.strictEqual(health.status, "degraded")
      assert.deepStrictEqual(health.reasons, [
        {
          kind: "test/MemoryGate",
          name: "memory",
          critical: true,
          reason: "memory-full",
          count: 1,
          retryAfter: undefined
        }
      ])
      assert.strictEqual(yield* Registry.find(MemoryGate.kind, "memory"), gate)
      const [snapshot] = yield* Registry.snapshotsOf(MemoryGate.kind)
      assert.strictEqual(snapshot!.snapshot.used, 1)
      yield* Fiber.interrupt(running)
      assert.strictEqual((yield* Registry.health).status, "up")
      const events = (yield* Registry.history).map(({ from, kind, subject, to }) =>
        `${kind} ${subject}: ${from} to ${to}`
      )
      assert.deepStrictEqual(events, [
        "test/MemoryGate memory: Open to Full",
        "test/MemoryGate memory: Full to Open"
      ])
      assert.deepStrictEqual(lines, [
        "Warn Memory gate \"memory\": Open → Full (memory)",
        "Info Memory gate \"memory\": Full → Open (memory)"
      ])
    }).pipe(Effect.scoped, Effect.provide(observed))
  })

  it.effect("a kind that throws takes neither health nor the metrics of the others away", () =>
    Effect.gen(function*() {
      yield* CircuitBreaker.make({ name: "model" })
      const kind: Guard.Kind<object, number> = {
        tag: "test/Broken",
        snapshot: () => Effect.succeed(1),
        health: () => {
          throw new Error("bug")
        }
      }
      yield* Registry.register({ kind, name: "broken", guard: {} })
      const nonsense: Guard.Kind<object, number> = {
        tag: "test/Nonsense",
        snapshot: () => Effect.succeed(1),
        health: () => ({ conditions: {} as never, targets: { all: NaN, unreachable: NaN } })
      }
      yield* Registry.register({ kind: nonsense, name: "nonsense", guard: {} })
      const interrupting: Guard.Kind<object, number> = { tag: "test/Interrupting", snapshot: () => Effect.interrupt }
      yield* Registry.register({ kind: interrupting, name: "interrupting", guard: {} })
      const { reasons, status } = yield* Registry.health
      assert.strictEqual(status, "degraded")
      assert.deepStrictEqual(reasons.map(({ name, reason }) => [name, reason]), [
        ["broken", "unreadable"],
        ["nonsense", "unreadable"],
        ["interrupting", "unreadable"]
      ])
      assert.strictEqual((yield* Registry.snapshotsOf(CircuitBreaker.kind)).length, 1)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Registry.layer(), Logger.layer([])))))

  it.effect("a series that throws takes none of the others of its kind away", () =>
    Effect.gen(function*() {
      const kind: Guard.Kind<object, number> = {
        tag: "test/Broken",
        snapshot: () => Effect.succeed(1),
        metrics: [
          Guard.gauge("app_broken", "Throws.", () => {
            throw new Error("bug")
          }),
          Guard.gauge("app_sound", "Does not.", (n) => n)
        ]
      }
      yield* Registry.register({ kind, name: "broken", guard: {} })
      yield* Registry.register({ kind, name: "other", guard: { other: true } })
      const lines = (yield* PrometheusMetrics.format()).split("\n").filter((line) => line.startsWith("app_"))
      assert.deepStrictEqual(lines, ["app_sound{name=\"broken\"} 1", "app_sound{name=\"other\"} 1"])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Telemetry.layer({ maxNames: 1 }).pipe(
          Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
        )
      )
    ))
})

const partsOf = (gate: MemoryGate.MemoryGate) =>
  Effect.gen(function*() {
    return {
      deadline: "1 hour",
      retry: yield* Retry.make({ maxAttempts: 2, baseDelay: 10, jitter: "none" }),
      rateLimiter: yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(100, "1 hour")] }),
      bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 4 }),
      breaker: yield* CircuitBreaker.make({ name: "model", minimumCalls: 100 }),
      attemptTimeout: "1 minute",
      gate
    } as const
  })

const places = ["outermost", "perAttempt", "beforeBulkhead", "beforeBreaker", "innermost"] as const

const at = (place: (typeof places)[number], guard: Pipeline.Further): Pipeline.Guards => ({ [place]: guard })

describe("in a pipeline", () => {
  for (const place of places) {
    it.effect(`it is asked at its place, ${place}, and what it refuses counts for none of the others`, () =>
      Effect.gen(function*() {
        const { gate, ...parts } = yield* partsOf(yield* gateOf({ limit: 1, queue: 0 }))
        const { protect } = yield* Pipeline.make({ ...parts, guards: at(place, gate) })
        const running = yield* fork(gate.protect(Effect.never))
        assert.strictEqual(reasonOf(yield* Effect.exit(protect(Effect.void))), "queue-full")
        assert.deepInclude(yield* parts.breaker.snapshot, { calls: 0, inFlight: 0 })
        assert.strictEqual((yield* parts.bulkhead.snapshot).inFlight, 0)
        assert.strictEqual((yield* parts.rateLimiter.snapshot).limits[0]!.available, 100)
        yield* Fiber.interrupt(running)
        assert.strictEqual(yield* protect(Effect.succeed("in")), "in")
        assert.deepInclude(yield* gate.snapshot, { used: 0, begun: 2 })
      }))
  }

  it.effect("it is asked once for a call outermost, and once for each attempt elsewhere", () =>
    Effect.gen(function*() {
      for (const place of places) {
        const { gate, ...parts } = yield* partsOf(yield* gateOf())
        const { protect } = yield* Pipeline.make({ ...parts, guards: at(place, [gate]) })
        const call = yield* fork(Effect.exit(protect(Effect.fail("503"))))
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(yield* Fiber.join(call), Exit.fail("503"))
        assert.strictEqual((yield* gate.snapshot).begun, place === "outermost" ? 1 : 2, place)
      }
    }))

  it.effect("a call that waits in it is sent away when the circuit opens", () =>
    Effect.gen(function*() {
      const { gate, ...parts } = yield* partsOf(yield* gateOf({ limit: 1, maxWait: 1e6 }))
      const { protect } = yield* Pipeline.make({ ...parts, guards: { beforeBulkhead: gate } })
      yield* fork(gate.protect(Effect.never))
      const waiting = yield* fork(Effect.exit(protect(Effect.void)))
      assert.strictEqual((yield* gate.snapshot).waiting, 1)
      yield* parts.breaker.control.trip("1 hour")
      yield* Effect.yieldNow
      const exit = yield* Fiber.join(waiting)
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), CircuitBreaker.CircuitOpen)
      assert.deepInclude(yield* gate.snapshot, { waiting: 0, used: 1 })
      assert.strictEqual((yield* parts.rateLimiter.snapshot).limits[0]!.available, 100)
    }))

  it.effect("a part that is no guard is refused by its place, and so is a place that there is not", () =>
    Effect.gen(function*() {
      const told = (parts: unknown) =>
        Effect.map(
          Effect.exit(Pipeline.make(parts as {})),
          (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "made"
        )
      assert.include(yield* told({ guards: { innermost: Guard } }), "Pipeline.make: guards.innermost must be a part")
      assert.include(yield* told({ guards: { inermost: [] } }), "Pipeline.make: guards must be { outermost,")
    }))

  it.effect("a call without time at its beginning is no call of the retry, as by hand", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ name: "model", maxAttempts: 2 })
      const { protect } = yield* Pipeline.make({ deadline: "1 second", retry })
      // The time is over when the pipeline is reached, by work that cannot be interrupted.
      const late = Effect.andThen(Deadline.detached(TestClock.adjust(200)), protect(Effect.void))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.uninterruptible(late).pipe(Deadline.within(100)))))
      assert.deepInclude(yield* retry.snapshot, { calls: 0, notRetried: 0 })
    }))
})

const soundly = (
  program: (gate: MemoryGate.MemoryGate) => Effect.Effect<unknown, unknown>,
  least: number
) =>
  Effect.gen(function*() {
    let gate = yield* gateOf()
    const struck = yield* interruptAtEveryStep({
      program: () => {
        gate = Effect.runSync(gateOf({ limit: 1, maxWait: 50 }))
        return program(gate)
      },
      check: (_, step) =>
        Effect.gen(function*() {
          // What had begun to wait goes on in steps of its own.
          for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
          const { used, waiting } = yield* gate.snapshot
          assert.deepStrictEqual([used, waiting], [0, 0], `at step ${step}`)
          assert.strictEqual(yield* Effect.orDie(gate.protect(Effect.succeed("free"))), "free", `at step ${step}`)
        })
    })
    assert.isAbove(struck, least)
  })

describe("it gives back what it gave, at whatever step it is interrupted:", () => {
  it.effect("around work that yields", () =>
    soundly((gate) => gate.protect(Effect.andThen(Effect.yieldNow, Effect.yieldNow)), 5))

  it.effect("while a call waits behind another that ends", () =>
    soundly(
      (gate) =>
        Effect.all([gate.protect(Effect.yieldNow), gate.protect(Effect.yieldNow)], { concurrency: "unbounded" }),
      10
    ))

  it.effect("while a wait times out", () =>
    soundly(
      (gate) =>
        Effect.all([gate.protect(Effect.sleep(100)), Effect.exit(gate.protect(Effect.void)), TestClock.adjust(100)], {
          concurrency: "unbounded"
        }),
      10
    ))

  for (const place of places) {
    it.effect(`in a pipeline, ${place}`, () =>
      soundly((gate) =>
        Effect.gen(function*() {
          const { gate: own, ...parts } = yield* partsOf(gate)
          const { protect } = yield* Pipeline.make({ ...parts, guards: at(place, own) })
          yield* Effect.all([protect(Effect.yieldNow), protect(Effect.yieldNow)], { concurrency: "unbounded" })
        }), 20))
  }
})
