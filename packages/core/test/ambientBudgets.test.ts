/** Ambient budgets belong to the caller, and work that goes on by itself neither inherits them for ever nor piles them up. */
import { Attempts, Retry, RetryBudget } from "@switchgear/core"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

const again = Retry.retry({ maxAttempts: 5, baseDelay: "1 millis", jitter: "none" })

/** A call that always fails, and how often it was made. */
const failing = () => {
  const call = { made: 0 }
  return { call, effect: Effect.suspend(() => Effect.fail(++call.made)) }
}

it.effect("`Attempts.detached` takes work out of the budget around it", () =>
  Effect.gen(function*() {
    const { call, effect } = failing()
    const detached = effect.pipe(again, Attempts.detached, Effect.ignore)
    const bounded = effect.pipe(again, Effect.ignore)
    const run = (self: Effect.Effect<void>) =>
      Effect.gen(function*() {
        const before = call.made
        const fiber = yield* Effect.forkChild(self.pipe(Attempts.within(2)), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        return call.made - before
      })
    assert.deepStrictEqual([yield* run(bounded), yield* run(detached)], [2, 5])
  }))

it.effect("a detached fiber is under the budget of the request that began it", () =>
  Effect.gen(function*() {
    const { call, effect } = failing()
    yield* Effect.forkDetach(effect.pipe(again, Effect.ignore), { startImmediately: true }).pipe(Attempts.within(2))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(call.made, 2)
  }))

/** Work that begins itself anew, detached, under a budget of its own. */
const chain = (
  generations: number,
  budget: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  last: Effect.Effect<void>
) => {
  let generation = 0
  const job: Effect.Effect<void> = Effect.suspend(() =>
    ++generation === generations
      ? budget(last)
      : budget(Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.yieldNow, job), { startImmediately: true })))
  )
  return job
}

it.effect("a chain of detached work keeps no budget of those before, and does not grow the stack", () =>
  Effect.gen(function*() {
    const { call, effect } = failing()
    const seen: Array<number> = []
    const last = Attempts.left.pipe(
      Effect.map((left) => void seen.push(left)),
      Effect.andThen(effect.pipe(again, Effect.ignore))
    )
    yield* chain(20_000, Attempts.within(3), last)
    yield* Effect.repeat(Effect.yieldNow, { times: 21_000 })
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual([seen, call.made], [[2], 3])
  }))

it.effect("a chain of detached retries pays into its budget at a constant cost", () =>
  Effect.gen(function*() {
    const budget = yield* RetryBudget.make({ name: "model" })
    yield* chain(20_000, Retry.retry({ budget, baseDelay: "1 millis" }), Effect.void)
    yield* Effect.repeat(Effect.yieldNow, { times: 21_000 })
    assert.strictEqual((yield* budget.snapshot).successes, 20_000)
  }))

it.effect("a budget in force counts for what runs in it, nested or not", () =>
  Effect.gen(function*() {
    const { call, effect } = failing()
    const nested = effect.pipe(again, Attempts.within(4), again, Attempts.within(3), Effect.ignore)
    const fiber = yield* Effect.forkChild(nested, { startImmediately: true })
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    assert.strictEqual(call.made, 3)
  }))

it.effect("a retry budget written to the published interface is asked by its effects", () =>
  Effect.gen(function*() {
    let left = 2
    let successes = 0
    const budget: RetryBudget.RetryBudget = {
      name: "mine",
      take: Effect.sync(() => left-- > 0),
      deposit: Effect.sync(() => void successes++),
      snapshot: Effect.succeed({ name: "mine", available: 0, successes: 0, retries: 0, refused: 0 })
    }
    const { call, effect } = failing()
    for (
      const guarded of [
        effect.pipe(Retry.retry({ maxAttempts: 5, baseDelay: "1 millis", budget })),
        effect.pipe(again, RetryBudget.within(budget)),
        Effect.retry(effect, Retry.schedule({ maxAttempts: 5, baseDelay: "1 millis", budget }))
      ]
    ) {
      left = 2
      call.made = 0
      const fiber = yield* Effect.forkChild(Effect.exit(guarded), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(call.made, 3)
    }
    yield* Effect.void.pipe(Retry.retry({ budget }))
    assert.strictEqual(successes, 1)
  }))
