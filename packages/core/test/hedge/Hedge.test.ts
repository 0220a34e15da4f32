import {
  Attempts,
  Bulkhead,
  CircuitBreaker,
  Deadline,
  Hedge,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget
} from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber } from "effect"

const play = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.promise(() => Effect.runPromiseExit(VirtualClock.play(program))).pipe(
    Effect.flatMap((exit): Effect.Effect<A, E> => exit)
  )

const timed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    const value = yield* self
    return [value, (yield* Clock.currentTimeMillis) - begin] as const
  })

const after = <A>(millis: number, value: A) => Effect.as(Effect.sleep(millis), value)

/** A call that goes as the next of these says. */
const script = <A, E, R>(...runs: ReadonlyArray<Effect.Effect<A, E, R>>) => {
  let next = 0
  return Effect.suspend(() => runs[next++] ?? Effect.die(`run ${next} was not expected`))
}

const slow = Effect.never
const fixed = { name: "model", delay: "1 second" } as const

describe("a hedge", () => {
  it.effect("is started when the call has taken longer than its delay, and the first success wins", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const call = script(after(5000, "first"), after(500, "second"))
      assert.deepStrictEqual(yield* timed(hedge.protect(call)), ["second", 1500])
      assert.deepStrictEqual(yield* timed(hedge.protect(script(after(1200, "first"), slow))), ["first", 1200])
      const { hedges, lost, primaries, won } = yield* hedge.snapshot
      assert.deepStrictEqual({ hedges, lost, primaries, won }, { hedges: 2, lost: 1, primaries: 2, won: 1 })
    })))

  it.effect("with an infinite delay is the identity: the very same steps, and nothing beside them", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ name: "model", delay: "Infinity" })
      const fiberId = Effect.map(Effect.fiber, ({ id }) => id)
      assert.strictEqual(yield* hedge.protect(fiberId), yield* fiberId)
      assert.deepStrictEqual(yield* timed(hedge.protect(after(3_600_000, 1))), [1, 3_600_000])
      assert.strictEqual((yield* hedge.snapshot).hedges, 0)
    })))

  it.effect("is not started for a call that fails, and one that fails does not beat a healthy first run", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      assert.deepStrictEqual(yield* timed(Effect.flip(hedge.protect(script(Effect.delay(Effect.fail("503"), 500))))), [
        "503",
        500
      ])
      const call = script<string, string, never>(after(3000, "first"), Effect.fail("503"))
      assert.deepStrictEqual(yield* timed(hedge.protect(call)), ["first", 3000])
      const both = script(Effect.delay(Effect.fail("first"), 2000), Effect.delay(Effect.fail("second"), 3000))
      assert.deepStrictEqual(yield* timed(Effect.flip(hedge.protect(both))), ["first", 4000])
    })))

  it.effect("does not hold the answer back for a loser that ends slowly, and the fiber of the call for no less", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      let ended = 0
      const stubborn = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep("1 minute"), Effect.sync(() => ended++))
      )
      let answeredAt = 0
      const fiber = yield* Effect.forkChild(
        Effect.tap(
          hedge.protect(script<string, never, never>(stubborn, Effect.succeed("second"))),
          () => Effect.map(Clock.currentTimeMillis, (now) => void (answeredAt = now))
        )
      )
      const [, millis] = yield* timed(Fiber.join(fiber))
      assert.deepStrictEqual([answeredAt, millis, ended], [1000, 61_000, 1])
    })))

  it.effect("does not hold the answer back under a deadline either, nor let the caller end before the loser", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      let ended = 0
      const stubborn = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep("1 minute"), Effect.sync(() => ended++))
      )
      const call = () => hedge.protect(script<string, never, never>(stubborn, after(500, "second")))
      const late = Effect.andThen(call(), after(100, "answer"))
      const answer = Deadline.within("1 hour")(Deadline.within("2 seconds")(late))
      const [fiber, at] = yield* timed(
        Effect.forkChild(Effect.andThen(timed(answer), (told) => Effect.sync(() => told)))
      )
      assert.strictEqual(at, 0)
      const [[told, millis], until] = yield* timed(Fiber.join(fiber))
      assert.deepStrictEqual([told, millis, until, ended], ["answer", 1600, 61_500, 1])
      // A caller that leaves later waits for the loser as well.
      const leaves = yield* Effect.forkChild(Deadline.within("1 hour")(Effect.andThen(call(), Effect.never)))
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual((yield* timed(Fiber.interrupt(leaves)))[1], 51_500)
      assert.strictEqual(ended, 2)
      // A deadline that comes after the answer to a hedge waits as little.
      const over = Deadline.within("2 seconds")(Effect.andThen(call(), Effect.never))
      const seen = yield* Effect.forkChild(timed(Effect.exit(over)))
      assert.strictEqual((yield* Fiber.join(seen))[1], 2000)
      assert.strictEqual(ended, 3)
    })))

  it.effect("closes what the loser has opened, and leaves open what the winner has", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const open = new Set<string>()
      const opened = (name: string, millis: number) =>
        Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => open.add(name)), () => Effect.sync(() => open.delete(name))),
          after(millis, name)
        )
      yield* Effect.scoped(Effect.gen(function*() {
        yield* hedge.protect(script(opened("first", 9000), opened("second", 10)))
        assert.deepStrictEqual([...open], ["second"])
      }))
      assert.deepStrictEqual([...open], [])
    })))

  it.effect("goes to a backup where there is one, whose error is told only after its first token", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const other = (backup: Effect.Effect<string, string>) =>
        hedge.protectWith({ backup })(Effect.delay(Effect.fail("first" as const), 5000))
      assert.deepStrictEqual(yield* timed(other(after(10, "backup"))), ["backup", 1010])
      assert.deepStrictEqual(yield* timed(Effect.flip(other(Effect.fail("backup")))), ["first", 5000])
      const spoken = Effect.andThen(Hedge.firstToken, Effect.delay(Effect.fail("cut"), 100))
      assert.deepStrictEqual(yield* timed(Effect.flip(other(spoken))), ["cut", 1100])
    })))

  it.effect("is not started once the first token is there, and the winner is fixed by it", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const speaks = (first: number, rest: number, name: string) =>
        Effect.andThen(Effect.sleep(first), Effect.andThen(Hedge.firstToken, after(rest, name)))
      assert.deepStrictEqual(yield* timed(hedge.protect(script(speaks(900, 9000, "first")))), ["first", 9900])
      // The second would have ended sooner.
      const call = script(speaks(1100, 9000, "first"), speaks(200, 0, "second"))
      assert.deepStrictEqual(yield* timed(hedge.protect(call)), ["first", 10_100])
      const byResult = yield* Hedge.make({ ...fixed, on: "result" })
      const again = script(speaks(1100, 9000, "first"), speaks(200, 0, "second"))
      assert.deepStrictEqual(yield* timed(byResult.protect(again)), ["second", 1200])
    })))

  it.effect("ends with the deadline around it, and a time-out enters the times as its limit", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, delay: { quantile: 0.5 } })
      for (let i = 0; i < 20; i++) yield* hedge.protect(Effect.sleep(100))
      assert.strictEqual((yield* hedge.snapshot).classes[0]!.samples, 20)
      const [error, millis] = yield* timed(Effect.flip(Deadline.within("5 seconds")(hedge.protect(slow))))
      assert.deepStrictEqual([error._tag, millis], ["DeadlineExceeded", 5000])
      yield* Effect.exit(hedge.protect(Deadline.attempt("2 seconds")(slow)))
      const { classes } = yield* hedge.snapshot
      assert.strictEqual(classes[0]!.samples, 22)
    })))

  const started = Effect.fnUntraced(function*(
    hedge: Hedge.Hedge,
    around: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E | Deadline.DeadlineExceeded> = (self) => self,
    options: Hedge.CallOptions<void> = {}
  ) {
    let runs = 0
    const call = Effect.suspend(() => ++runs === 1 ? Effect.sleep(3000) : Effect.sleep(2990))
    yield* Effect.exit(around(hedge.protectWith(options)(call)))
    const { notStarted } = yield* hedge.snapshot
    return [runs - 1, Object.entries(notStarted).filter(([, count]) => count > 0).map(([reason]) => reason).join()]
  })

  it.effect("is not started where something speaks against it, and the snapshot says what", () =>
    play(Effect.gen(function*() {
      const make = (options: Partial<Hedge.Options> = {}) => Hedge.make({ ...fixed, ...options })
      assert.deepStrictEqual(yield* started(yield* make()), [1, ""])
      assert.deepStrictEqual(yield* started(yield* make({ delay: { quantile: 0.5 } })), [0, "samples"])
      const unsafe = Effect.provideService(Hedge.CurrentRepetition, "unsafe")
      assert.deepStrictEqual(yield* started(yield* make(), unsafe), [0, "unsafe"])
      assert.deepStrictEqual(yield* started(yield* make(), Attempts.within(1)), [0, "attempts"])
      assert.deepStrictEqual(yield* started(yield* make(), Attempts.within(2)), [1, ""])
      const none = yield* RetryBudget.make({ name: "model", floor: 0 })
      assert.deepStrictEqual(yield* started(yield* make(), RetryBudget.within(none)), [0, "retry-budget"])
      const spent = yield* make({ budget: { burst: 1 } })
      yield* started(spent)
      assert.deepStrictEqual(yield* started(spent), [0, "budget"])
      const known = yield* make()
      for (let i = 0; i < 20; i++) yield* known.protect(Effect.sleep(900))
      assert.deepStrictEqual(yield* started(known, Deadline.within(1800)), [0, "deadline"])
      assert.deepStrictEqual(yield* started(known, Deadline.within(2500)), [1, "deadline"])
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* breaker.control.trip("1 minute")
      assert.deepStrictEqual(yield* started(yield* make(), undefined, { target: { breaker } }), [0, "circuit"])
      yield* Effect.sleep("1 minute")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      assert.deepStrictEqual(yield* started(yield* make(), undefined, { target: { breaker } }), [0, "circuit"])
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 10, queue: 10 })
      const full = { target: { bulkhead } }
      const [held] = yield* Effect.forEach(Array.from({ length: 9 }), () => Effect.forkChild(bulkhead.protect(slow)))
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* started(yield* make(), undefined, full), [0, "busy"])
      const elsewhere = { ...full, backup: Effect.void }
      assert.deepStrictEqual((yield* started(yield* make(), undefined, elsewhere))[1], "")
      yield* Effect.forkChild(bulkhead.protect(slow))
      yield* Effect.yieldNow
      assert.deepStrictEqual((yield* started(yield* make(), undefined, elsewhere))[1], "busy")
      yield* Fiber.interrupt(held!)
    })))

  it.effect("that is refused by a guard before its work begins takes nothing from the budget and counts as none", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { burst: 1 } })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      assert.deepStrictEqual(yield* timed(hedge.protect(bulkhead.protect(after(3000, "first")))), ["first", 3000])
      const { budget, hedges, lost, notStarted } = yield* hedge.snapshot
      assert.deepStrictEqual([budget, hedges, lost, notStarted.refused], [1, 0, 0, 1])
    })))

  it.effect("is not started a second time because the work of the first run begins after it", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
      yield* Effect.forkChild(bulkhead.protect(Effect.sleep(1500)), { startImmediately: true })
      let hedges = 0
      const backup = Effect.suspend(() => (hedges++, Effect.never))
      yield* bulkhead.protect(after(5000, "first")).pipe(hedge.protectWith({ backup }))
      assert.strictEqual(hedges, 1)
    })))

  it.effect("waits for no slot and no turn, whatever is around the backup, until the call goes on with it", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const bulkhead = yield* Bulkhead.make({ name: "next", concurrency: 1, queue: 10 })
      const rateLimiter = yield* RateLimiter.make({
        name: "next",
        limits: [RateLimiter.requests(1, "1 hour")],
        maxWait: "1 day"
      })
      yield* rateLimiter.protect(Effect.void)
      yield* Effect.forkChild(bulkhead.protect(Effect.sleep(5000)), { startImmediately: true })
      const first = after(3000, "first")
      const backups: ReadonlyArray<Effect.Effect<void, unknown>> = [
        bulkhead.protect(Effect.void),
        Effect.map(rateLimiter.protect(Effect.void), () => {})
      ]
      for (const backup of backups) {
        assert.deepStrictEqual(yield* timed(hedge.protectWith({ backup })(first)), ["first", 3000])
        assert.strictEqual((yield* rateLimiter.snapshot).waiting, 0)
        yield* Effect.sleep(1)
      }
      const speaks = Effect.andThen(Hedge.firstToken, bulkhead.protect(after(10, "backup")))
      yield* Effect.forkChild(bulkhead.protect(Effect.sleep(5000)), { startImmediately: true })
      assert.deepStrictEqual(yield* timed(hedge.protectWith({ backup: speaks })(slow)), ["backup", 5010])
    })))

  it.effect("is off while less than a quarter of them win, but for one in ten, and on again when these win", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1, burst: 1000 } })
      const losing = Effect.suspend(() => hedge.protect(script(after(2000, 1), after(2000, 2))))
      const winning = Effect.suspend(() => hedge.protect(script(after(9000, 1), after(1, 2))))
      for (let i = 0; i < 20; i++) yield* losing
      const off = yield* hedge.snapshot
      assert.deepStrictEqual([off.hedges, off.lost, off.isLosing, off.winRate], [20, 20, true, 0])
      for (let i = 0; i < 100; i++) yield* losing
      assert.strictEqual((yield* hedge.snapshot).hedges, 30)
      const slowly = Effect.suspend(() => hedge.protect(script(after(9000, 1), after(1, 2))))
      for (let i = 0; i < 150; i++) yield* slowly
      const on = yield* hedge.snapshot
      assert.isFalse(on.isLosing)
      yield* winning
      assert.strictEqual((yield* hedge.snapshot).hedges, on.hedges + 1)
    })))

  it.effect("takes its delay from the last 400 results of the call's class, and of more than 8 classes the rest share one", () =>
    play(Effect.gen(function*() {
      const Size = Context.Reference<string>("test/Size", { defaultValue: () => "small" })
      const hedge = yield* Hedge.make({ name: "model", classOf: ({ get }) => get(Size) })
      const call = (size: string, millis: number) =>
        Effect.provideService(hedge.protect(Effect.sleep(millis)), Size, size)
      for (let i = 1; i <= 100; i++) {
        yield* call("small", i)
        yield* call("large", 10 * i)
      }
      const { classes } = yield* hedge.snapshot
      // It is calculated again every ten results. When a call begins, the hundredth is still to come.
      assert.deepStrictEqual(classes.map((of) => [of.class, of.samples, Duration.toMillis(of.delay!)]), [
        ["small", 100, 95],
        ["large", 100, 950]
      ])
      for (let i = 0; i < 400; i++) yield* call("small", 7)
      const later = (yield* hedge.snapshot).classes[0]!
      assert.deepStrictEqual([later.samples, Duration.toMillis(later.delay!)], [400, 7])
      for (let i = 0; i < 20; i++) yield* call(`size ${i}`, 1)
      const many = yield* hedge.snapshot
      assert.strictEqual(many.classes.length, 9)
      assert.strictEqual(many.classes.at(-1)!.class, "other")
      assert.strictEqual(many.classes.at(-1)!.samples, 14)
    })))

  it.effect("is in the registry, in health and in the metrics", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      assert.strictEqual(yield* Registry.find(Hedge.kind, "model"), hedge)
      yield* hedge.protect(Effect.void)
      const [found] = yield* Registry.snapshotsOf(Hedge.kind)
      assert.strictEqual(found!.snapshot.primaries, 1)
      const registry = yield* Registry.CurrentRegistry
      assert.isDefined(registry)
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))
})

describe("in a pipeline, a hedge", () => {
  const parts = Effect.gen(function*() {
    return {
      hedge: yield* Hedge.make({ ...fixed, budget: { ratio: 1, burst: 100 } }),
      rateLimiter: yield* RateLimiter.make({
        name: "model",
        limits: [RateLimiter.requests(10, "1 minute")],
        maxWait: "1 minute"
      }),
      bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 4, queue: 10 }),
      breaker: yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
    }
  })

  it.effect("takes a turn, a slot and a place in the circuit of its own, and a loser is ignored by all of them", () =>
    play(Effect.gen(function*() {
      const made = yield* parts
      const pipeline = yield* Pipeline.make({ ...made, attemptTimeout: "1 minute" })
      const seen: Array<number> = []
      const look = Effect.flatMap(made.bulkhead.snapshot, ({ inFlight }) => Effect.sync(() => seen.push(inFlight)))
      const call = script<string, string, never>(Effect.andThen(look, slow), Effect.andThen(look, after(10, "second")))
      assert.deepStrictEqual(yield* timed(pipeline.protect(call)), ["second", 1010])
      assert.deepStrictEqual(seen, [1, 2])
      const { calls, failed, inFlight, totals } = yield* made.breaker.snapshot
      assert.deepStrictEqual([calls, failed, inFlight, totals.ignored], [1, 0, 0, 1])
      assert.strictEqual((yield* made.bulkhead.snapshot).inFlight, 0)
      assert.strictEqual((yield* made.rateLimiter.snapshot).admitted, 2)
    })))

  it.effect("waits for nothing: no turn, no slot; and time in the queue is no sign that the target is slow", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const rateLimiter = yield* RateLimiter.make({
        name: "model",
        limits: [RateLimiter.requests(1, "1 hour")],
        maxWait: "1 day"
      })
      const limited = yield* Pipeline.make({ hedge, rateLimiter })
      assert.deepStrictEqual(yield* timed(limited.protect(after(3000, "first"))), ["first", 3000])
      assert.strictEqual((yield* rateLimiter.snapshot).waiting, 0)
      // It is not even tried, so that it takes no attempt from those of the request.
      assert.strictEqual((yield* hedge.snapshot).notStarted.busy, 1)
      const other = yield* RateLimiter.make({ name: "other", limits: [RateLimiter.requests(1, "1 hour")] })
      const call = (yield* Pipeline.make({ hedge, rateLimiter: other })).protect(after(3000, "first"))
      assert.strictEqual(yield* Attempts.within(3)(Effect.andThen(call, Attempts.left)), 2)
      const few = yield* RateLimiter.make({
        name: "few",
        limits: [{ ...RateLimiter.requests(1, "1 hour"), resource: "cost", limit: 0.5 }]
      })
      const cheap = yield* Pipeline.make({ hedge, rateLimiter: few })
      yield* cheap.protectWith({ costs: { cost: 0.1 } })(after(3000, "first"))
      assert.strictEqual((yield* hedge.snapshot).hedges, 1)
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
      const narrow = yield* Pipeline.make({ hedge, bulkhead })
      yield* Effect.forkChild(narrow.protect(Effect.sleep(900)), { startImmediately: true })
      let runs = 0
      yield* narrow.protect(Effect.suspend(() => (runs++, Effect.sleep(800))))
      const { hedges, notStarted } = yield* hedge.snapshot
      assert.deepStrictEqual([runs, hedges, notStarted.busy], [1, 1, 2])
    })))

  it.effect("is inside the retry, which retries when all runs have failed, each attempt with a hedge of its own", () =>
    play(Effect.gen(function*() {
      const { hedge } = yield* parts
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "1 second", jitter: "none" })
      const pipeline = yield* Pipeline.make({ hedge, retry, deadline: "1 hour" })
      const call = script<string, string, never>(
        Effect.delay(Effect.fail("a"), 1500),
        Effect.delay(Effect.fail("b"), 2000),
        after(5000, "third"),
        after(100, "fourth")
      )
      assert.deepStrictEqual(yield* timed(pipeline.protect(call)), ["fourth", 3000 + 1000 + 1100])
    })))

  it.effect("spends from the budget of the retry around it", () =>
    play(Effect.gen(function*() {
      const { hedge } = yield* parts
      const budget = yield* RetryBudget.make({ name: "model", floor: 1, ratio: 0.01 })
      const retry = yield* Retry.make({ maxAttempts: 2, budget })
      const pipeline = yield* Pipeline.make({ hedge, retry })
      yield* pipeline.protect(script(after(5000, 1), after(1, 2)))
      assert.strictEqual((yield* budget.snapshot).available, 0)
      assert.deepStrictEqual(yield* timed(pipeline.protect(script(after(5000, 1)))), [1, 5000])
      assert.strictEqual((yield* hedge.snapshot).notStarted["retry-budget"], 1)
    })))

  it.effect("means the same where a part is wrapped and the order is put together by hand", () =>
    play(Effect.gen(function*() {
      const made = yield* parts
      const breaker = {
        ...made.breaker,
        protect: <A, E, R>(self: Effect.Effect<A, E, R>) => made.breaker.protect(self)
      }
      const pipeline = yield* Pipeline.make({ ...made, breaker, deadline: "1 hour", attemptTimeout: "1 minute" })
      const call = script<string, string, never>(slow, after(10, "second"))
      assert.deepStrictEqual(yield* timed(pipeline.protect(call)), ["second", 1010])
      const { inFlight, totals } = yield* made.breaker.snapshot
      assert.deepStrictEqual([inFlight, totals.ignored, totals.successes], [0, 1, 1])
    })))

  it.effect("of which the delay is no shorter than the deadline is refused by name, with what would be right", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({ name: "model", delay: "20 seconds" })
      const refused = (times: Pipeline.Times) =>
        Effect.map(
          Effect.exit(Pipeline.make({ hedge, ...times })),
          (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
        )
      assert.strictEqual(
        yield* refused({ deadline: "10 seconds" }),
        "Pipeline.make: the delay of hedge \"model\" must be below deadline, 10s, got 20s. "
          + "Leave delay out for the 95th percentile of the times of its calls"
      )
      assert.include(yield* refused({ attemptTimeout: "20 seconds", deadline: "1 minute" }), "below attemptTimeout")
      assert.strictEqual(yield* refused({ deadline: "30 seconds" }), "made")
    }))

  it.effect("inside another one does not speak for its call once it has lost", () =>
    play(Effect.gen(function*() {
      const inner = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const outer = yield* Hedge.make({ ...fixed, name: "outer", delay: "500 millis" })
      // Of the first call, the first run dies while its hedge, which cannot be interrupted, has no token yet.
      const stubborn = Effect.uninterruptible(Effect.andThen(Effect.sleep(500), Hedge.firstToken))
      const first = inner.protect(script(
        Effect.delay(Effect.die("bug"), 1200),
        Effect.andThen(stubborn, after(10, "hedge"))
      ))
      const call = outer.protectWith({ backup: after(3000, "backup") })(
        Effect.catchDefect(first, () => after(5000, "late"))
      )
      assert.deepStrictEqual(yield* timed(call), ["backup", 3500])
    })))

  it.effect("tells a circuit around it that the work was not begun only if no run of it was", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 1 } })
      const outer = yield* CircuitBreaker.make({ name: "outer", minimumCalls: 1 })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      yield* Effect.forkChild(bulkhead.protect(Effect.sleep(5000)), { startImmediately: true })
      const refused = outer.protect(hedge.protect(bulkhead.protect(Effect.void)))
      assert.strictEqual((yield* Effect.flip(refused))._tag, "BulkheadFull")
      assert.strictEqual((yield* outer.snapshot).totals.ignored, 1)
      const failing = outer.protect(
        hedge.protect(script(Effect.delay(Effect.fail("503"), 1500), Effect.delay(Effect.fail("503"), 100)))
      )
      yield* Effect.exit(failing)
      assert.strictEqual((yield* outer.snapshot).totals.failures, 1)
    })))
})
