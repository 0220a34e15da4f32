import { assert, describe, it } from "@effect/vitest"
import { Attempts, Retry, RetryBudget } from "@switchgear/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const exact = { baseDelay: "10 millis", jitter: "none" } as const
const thrice = Retry.retry({ ...exact, maxAttempts: 3 })

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

/** Runs to its end in virtual time. */
const run = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* fork(self)
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

/** A call that counts and fails. */
const failing = () => {
  const target = { calls: 0 }
  return Object.assign(target, { call: Effect.suspend(() => Effect.fail(`blip ${++target.calls}`)) })
}

const takeAll = (budget: RetryBudget.RetryBudget) =>
  Effect.gen(function*() {
    let taken = 0
    while (yield* budget.take) taken++
    return taken
  })

describe("RetryBudget", () => {
  it.effect("has its floor to spend, and a ratio of each success", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", ratio: 0.2, floor: 3 })
      assert.strictEqual(yield* takeAll(budget), 3)
      for (let n = 0; n < 4; n++) yield* budget.deposit
      assert.strictEqual(yield* takeAll(budget), 0)
      yield* budget.deposit
      assert.strictEqual((yield* budget.snapshot).available, 1)
      assert.strictEqual(yield* takeAll(budget), 1)
      const snapshot = yield* budget.snapshot
      assert.deepStrictEqual(snapshot, { name: "model", available: 0, successes: 5, retries: 4, refused: 3 })
    }))

  it.effect("has ten retries and a fifth of the successes of ten seconds unless told otherwise", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model" })
      for (let n = 0; n < 100; n++) yield* budget.deposit
      assert.strictEqual(yield* takeAll(budget), 30)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* takeAll(budget), 10)
    }))

  it.effect("loses no retry to the rounding of fractions", () =>
    Effect.gen(function*() {
      for (const [ratio, successes, retries] of [[0.29, 100, 29], [0.1, 30, 3], [1.1, 10, 11], [0.3, 10, 3]] as const) {
        const budget = yield* RetryBudget.make({ name: "model", ratio, floor: 0 })
        for (let n = 0; n < successes; n++) yield* budget.deposit
        assert.strictEqual((yield* budget.snapshot).available, retries)
        assert.strictEqual(yield* takeAll(budget), retries)
      }
    }))

  it.effect("counts a success until its window has passed, and not a millisecond longer", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", ratio: 1, floor: 0, window: "10 seconds" })
      yield* budget.deposit
      yield* TestClock.adjust("4 seconds")
      yield* budget.deposit
      yield* TestClock.adjust("5999 millis")
      assert.strictEqual((yield* budget.snapshot).successes, 2)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* budget.snapshot).successes, 1)
      yield* TestClock.adjust("3999 millis")
      assert.strictEqual((yield* budget.snapshot).available, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* budget.snapshot).available, 0)
    }))

  it.effect("holds a retry against the budget until its window has passed", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", floor: 2, window: "10 seconds" })
      assert.isTrue(yield* budget.take)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(yield* budget.take)
      yield* TestClock.adjust("6999 millis")
      assert.isFalse(yield* budget.take)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* takeAll(budget), 1)
      yield* TestClock.adjust("1 hour")
      const { available, retries } = yield* budget.snapshot
      assert.deepStrictEqual({ available, retries }, { available: 2, retries: 0 })
    }))

  it.effect("tells of nothing available, and no debt, when what was spent outlasts what earned it", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", ratio: 1, floor: 0, window: "10 seconds" })
      yield* budget.deposit
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(yield* budget.take)
      yield* TestClock.adjust("5 seconds")
      const { available, retries, successes } = yield* budget.snapshot
      assert.deepStrictEqual({ available, retries, successes }, { available: 0, retries: 1, successes: 0 })
    }))

  const cases: ReadonlyArray<readonly [Partial<RetryBudget.Options>, string]> = [
    [{ name: "" }, "name must be a text that is not empty, got \"\""],
    [{ ratio: -0.1 }, "ratio must be a number of zero or more, got -0.1"],
    [{ ratio: NaN }, "ratio must be a number of zero or more, got NaN"],
    [{ ratio: Infinity }, "ratio must be a number of zero or more, got Infinity"],
    [{ floor: -1 }, "floor must be a whole number of at least 0, got -1"],
    [{ floor: 1.5 }, "floor must be a whole number of at least 0, got 1.5"],
    [{ window: 0 }, "window must be a finite duration above zero, got 0"],
    [{ window: Duration.infinity }, "window must be a finite duration above zero, got Infinity"]
  ]
  for (const [options, message] of cases) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(RetryBudget.make({ name: "model", ...options }))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.strictEqual((defect as RangeError).message, `RetryBudget.make: ${message}`)
      }))
  }
})

describe("a retry under a budget", () => {
  it.effect("takes from it before each wait and tells the last error when it is spent", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", floor: 3 })
      const { call } = failing()
      const protectedCall = call.pipe(thrice, RetryBudget.within(budget))
      assert.deepStrictEqual(yield* run(protectedCall), Exit.fail("blip 3"))
      assert.deepStrictEqual(yield* run(protectedCall), Exit.fail("blip 5"))
      const at = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(yield* Effect.exit(protectedCall), Exit.fail("blip 6"))
      assert.strictEqual(yield* Clock.currentTimeMillis, at)
      const { refused, retries } = yield* budget.snapshot
      assert.deepStrictEqual({ refused, retries }, { refused: 2, retries: 2 + 1 })
    }))

  it.effect("pays a success into it, whether the first attempt made it or a later one", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model" })
      let attempt = 0
      const flaky = Effect.suspend(() => ++attempt === 2 ? Effect.succeed("ok") : Effect.fail("blip"))
      assert.deepStrictEqual(yield* run(flaky.pipe(thrice, RetryBudget.within(budget))), Exit.succeed("ok"))
      yield* Effect.succeed("ok").pipe(thrice, RetryBudget.within(budget))
      const { retries, successes } = yield* budget.snapshot
      assert.deepStrictEqual({ retries, successes }, { retries: 1, successes: 2 })
    }))

  it.effect("pays nothing for a failure, a defect or an interruption, and takes nothing for what is not retried", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model" })
      for (const exit of [Exit.die("bug"), Exit.interrupt(1), Exit.fail({ isRetryable: false })]) {
        assert.deepStrictEqual(
          yield* Effect.exit(Effect.suspend(() => exit).pipe(thrice, RetryBudget.within(budget))),
          exit
        )
      }
      const { refused, retries, successes } = yield* budget.snapshot
      assert.deepStrictEqual({ refused, retries, successes }, { refused: 0, retries: 0, successes: 0 })
    }))

  it.effect("shares it with every other retry under it, and an option wins over what is around", () =>
    Effect.gen(function*() {
      const around = yield* RetryBudget.make({ name: "around", floor: 1 })
      const own = yield* RetryBudget.make({ name: "own", floor: 1 })
      const [first, second, third] = [failing(), failing(), failing()]
      yield* run(first.call.pipe(Retry.retry(exact), RetryBudget.within(around)))
      yield* run(second.call.pipe(Retry.retry({ ...exact, maxAttempts: 9 }), RetryBudget.within(around)))
      yield* run(third.call.pipe(Retry.retry({ ...exact, budget: own }), RetryBudget.within(around)))
      assert.deepStrictEqual([first.calls, second.calls, third.calls], [2, 1, 2])
      assert.strictEqual((yield* own.snapshot).retries, 1)
      assert.strictEqual((yield* around.snapshot).retries, 1)
    }))

  it.effect("keeps three layers of three tries within one budget", () =>
    Effect.gen(function*() {
      const nested = (call: Effect.Effect<never, string>) => call.pipe(thrice, thrice, thrice)
      const calls = (floor: number, attempts: number) =>
        Effect.gen(function*() {
          const budget = yield* RetryBudget.make({ name: "model", floor })
          const target = failing()
          yield* run(nested(target.call).pipe(Attempts.within(attempts), RetryBudget.within(budget)))
          return target.calls
        })
      assert.strictEqual(yield* calls(100, 100), 27)
      assert.strictEqual(yield* calls(4, 100), 5)
      assert.strictEqual(yield* calls(0, 100), 1)
      assert.strictEqual(yield* calls(100, 3), 3)
      assert.strictEqual(yield* calls(4, 3), 3)
      assert.strictEqual(yield* calls(2, 9), 3)
    }))

  it.effect("counts a success once in each budget, however many layers see it", () =>
    Effect.gen(function*() {
      const outer = yield* RetryBudget.make({ name: "outer" })
      const inner = yield* RetryBudget.make({ name: "inner" })
      const layer = (budget: RetryBudget.RetryBudget) => Retry.retry({ ...exact, budget })
      const call = Effect.succeed("ok").pipe(layer(outer), layer(inner), layer(inner), layer(outer))
      yield* Effect.all([call, call], { concurrency: 2 })
      assert.strictEqual((yield* outer.snapshot).successes, 2)
      assert.strictEqual((yield* inner.snapshot).successes, 2)
    }))

  it.effect("counts each of several calls inside one outer retry", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model" })
      const calls = Effect.forEach([1, 2, 3], (n) => thrice(Effect.succeed(n)), { concurrency: 3 })
      yield* calls.pipe(thrice, RetryBudget.within(budget))
      assert.strictEqual((yield* budget.snapshot).successes, 3)
    }))

  it.effect("spends neither budget when the other is spent, nor either before a hopeless wait", () =>
    Effect.gen(function*() {
      const spent = yield* RetryBudget.make({ name: "spent", floor: 0 })
      const full = yield* RetryBudget.make({ name: "full", floor: 9 })
      const left = (budget: RetryBudget.RetryBudget, attempts: number, options: Retry.Options) =>
        Effect.andThen(Effect.exit(failing().call.pipe(Retry.retry({ ...exact, ...options }))), Attempts.left).pipe(
          Attempts.within(attempts),
          RetryBudget.within(budget),
          run
        )
      assert.deepStrictEqual(yield* left(spent, 3, {}), Exit.succeed(2))
      assert.deepStrictEqual(yield* left(full, 1, {}), Exit.succeed(0))
      assert.deepStrictEqual(yield* left(full, 3, { maxDuration: "5 millis" }), Exit.succeed(2))
      assert.deepStrictEqual(yield* left(full, 3, { while: () => false }), Exit.succeed(2))
      const { refused, retries } = yield* full.snapshot
      assert.deepStrictEqual({ refused, retries }, { refused: 0, retries: 0 })
    }))

  it.effect("leaves what was spent for a wait spent when the wait is interrupted, until the window has passed", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", floor: 1 })
      const target = failing()
      const fiber = yield* fork(target.call.pipe(thrice, RetryBudget.within(budget)))
      yield* Fiber.interrupt(fiber)
      assert.isFalse(yield* budget.take)
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* budget.take)
      assert.strictEqual(target.calls, 1)
    }))

  it.effect("as a schedule, spends from it too", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model", floor: 3 })
      const [first, second] = [failing(), failing()]
      const schedule = Retry.schedule({ ...exact, budget })
      assert.deepStrictEqual(yield* run(Effect.retry(first.call, schedule)), Exit.fail("blip 3"))
      const ambient = Effect.retry(second.call, Retry.schedule(exact)).pipe(RetryBudget.within(budget))
      assert.deepStrictEqual(yield* run(ambient), Exit.fail("blip 2"))
    }))

  it.effect("a service class shares one budget between everything its layer is provided to", () =>
    Effect.gen(function*() {
      class Budget extends RetryBudget.Service<Budget>()("test/Budget", { floor: 3 }) {}
      const target = failing()
      const program = Effect.gen(function*() {
        yield* Effect.exit(target.call.pipe(thrice, Budget.within))
        yield* Effect.exit(target.call.pipe(thrice, Budget.within))
        return yield* (yield* Budget).snapshot
      })
      const exit = yield* run(Effect.provide(program, Budget.layer))
      assert.strictEqual(target.calls, 5)
      assert.deepStrictEqual(
        exit,
        Exit.succeed({ name: "test/Budget", available: 0, successes: 0, retries: 3, refused: 1 })
      )
      yield* run(Effect.provide(program, Budget.layerWith({ floor: 0 })))
      assert.strictEqual(target.calls, 7)
    }))
})

describe("a storm", () => {
  /** A hundred calls a second, each tried up to three times, on a target that is up, down for a minute, and up again. */
  const storm = (guard: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const [downFrom, downTo, end] = [20_000, 80_000, 100_000]
      const received: Array<number> = []
      let failed = 0
      const call = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        received.push(now)
        return now >= downFrom && now < downTo ? Effect.fail("down") : Effect.void
      })
      for (let now = 0; now < end; now += 10) {
        yield* fork(Effect.tapError(guard(thrice(call)), () => Effect.sync(() => failed++)))
        yield* TestClock.adjust("10 millis")
      }
      return {
        failed,
        between: (from: number, to: number) => received.filter((at) => at >= from && at < to).length,
        down: received.filter((at) => at >= downFrom && at < downTo).length
      }
    })

  it.effect("that lasts a minute triples the load without a budget, and adds at most the ratio and the floor with one", () =>
    Effect.gen(function*() {
      const calls = 6000
      const bare = yield* storm((self) => self)
      assert.isAbove(bare.down, calls * 2.9)
      yield* TestClock.setTime(0)
      const [ratio, floor] = [0.2, 10]
      const budget = yield* RetryBudget.make({ name: "model", ratio, floor })
      const { between, down } = yield* storm(RetryBudget.within(budget))
      assert.isAtMost(down, (1 + ratio) * calls + floor)
      // What was earned before is spent at once; from then on there is the floor, once in each window.
      assert.isAtMost(between(20_000, 30_000), 1000 + ratio * 2000 + floor)
      for (let from = 30_000; from < 80_000; from += 10_000) {
        assert.isAtMost(between(from, from + 10_000), 1000 + ratio * 1000 + floor)
      }
      assert.isAtMost(between(40_000, 80_000), 4000 + 4 * floor)
      assert.isAbove(between(40_000, 80_000), 4000)
    }))

  it.effect("that is over leaves a budget that is as good as new", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ name: "model" })
      yield* storm(RetryBudget.within(budget))
      const { available, retries, successes } = yield* budget.snapshot
      // Of the hundred slices of the window, the newest has only begun.
      assert.deepStrictEqual({ available, retries, successes }, { available: 208, retries: 0, successes: 990 })
      let attempt = 0
      const blip = Effect.suspend(() => ++attempt === 1 ? Effect.fail("blip") : Effect.succeed("answered"))
      assert.deepStrictEqual(yield* run(blip.pipe(thrice, RetryBudget.within(budget))), Exit.succeed("answered"))
    }))
})
