/** What a retry counts is what a plain model counts, by hand and inside a pipeline, whatever ends its calls. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Deadline, Pipeline, Retry, RetryBudget } from "@switchgear/core"
import { Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const none: Retry.Snapshot = {
  name: "retry",
  calls: 0,
  attempts: 0,
  retries: 0,
  recovered: 0,
  gaveUp: { attempts: 0, deadline: 0, budget: 0, retryAfter: 0 },
  notRetried: 0
}

const exact = { baseDelay: "100 millis", jitter: "none" } as const

/** Runs to the end of virtual time. */
const run = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(self), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** An effect that fails so many times, with that error, before it succeeds. */
const failing = (times: number, error: unknown = "blip") => {
  let attempts = 0
  return Effect.suspend(() => ++attempts <= times ? Effect.fail(error) : Effect.succeed("answered"))
}

describe("a retry counts", () => {
  it.effect("calls, attempts and the calls that recovered, under its name", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ ...exact, name: "model", maxAttempts: 3 })
      yield* run(retry.protect(failing(0)))
      yield* run(retry.protect(failing(1)))
      yield* run(retry.protect(failing(2)))
      const counted = { ...none, name: "model", calls: 3, attempts: 6, retries: 3, recovered: 2 }
      assert.deepStrictEqual(yield* retry.snapshot, counted)
      assert.strictEqual(retry.name, "model")
    }))

  const gaveUp = (reason: keyof Retry.Snapshot["gaveUp"], retries: number) => ({
    ...none,
    calls: 1,
    attempts: 1 + retries,
    retries,
    gaveUp: { ...none.gaveUp, [reason]: 1 }
  })
  const busy = { retryAfter: Duration.minutes(1) }

  it.effect("why it gave up", () =>
    Effect.gen(function*() {
      const counts = (
        options: Retry.Options,
        error: unknown = "blip",
        around: (self: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown> = (self) => self
      ) =>
        Effect.gen(function*() {
          const retry = yield* Retry.make({ ...exact, ...options })
          const exit = yield* run(around(retry.protect(failing(9, error))))
          assert.deepStrictEqual(exit, Exit.fail(error))
          return yield* retry.snapshot
        })
      const budget = yield* RetryBudget.make({ name: "model", floor: 1 })
      assert.deepStrictEqual(yield* counts({ maxAttempts: 3 }), gaveUp("attempts", 2))
      assert.deepStrictEqual(yield* counts({ maxAttempts: 1 }), gaveUp("attempts", 0))
      assert.deepStrictEqual(yield* counts({ maxAttempts: 9, maxDuration: "300 millis" }), gaveUp("deadline", 1))
      assert.deepStrictEqual(yield* counts({}, "blip", Deadline.within("50 millis")), gaveUp("deadline", 0))
      assert.deepStrictEqual(yield* counts({ budget }), gaveUp("budget", 1))
      assert.deepStrictEqual(yield* counts({}, "blip", Attempts.within(2)), gaveUp("budget", 1))
      assert.deepStrictEqual(yield* counts({}, busy), gaveUp("retryAfter", 0))
    }))

  it.effect("a budget of the user's that refuses as such, and one that has not answered in time as a matter of time", () =>
    Effect.gen(function*() {
      const made = yield* RetryBudget.make({ name: "model" })
      const answering = (take: Effect.Effect<boolean>): RetryBudget.RetryBudget => ({ ...made, take })
      for (
        const [budget, reason] of [
          [answering(Effect.succeed(false)), "budget"],
          [answering(Effect.delay(Effect.succeed(false), "1 second")), "budget"],
          [answering(Effect.never), "deadline"],
          [answering(Effect.delay(Effect.succeed(true), "1 minute")), "deadline"]
        ] as const
      ) {
        const limited = yield* Retry.make({ ...exact, budget, maxDuration: "30 seconds" })
        assert.deepStrictEqual(yield* run(limited.protect(failing(9))), Exit.fail("blip"))
        assert.deepStrictEqual(yield* limited.snapshot, gaveUp(reason, 0))
        const retry = yield* Retry.make({ ...exact, budget })
        const { protect } = yield* Pipeline.make({ deadline: "30 seconds", retry })
        assert.deepStrictEqual(yield* run(protect(failing(9))), Exit.fail("blip"))
        assert.deepStrictEqual(yield* retry.snapshot, gaveUp(reason, 0))
        const schedule = Retry.schedule({ ...exact, budget, maxDuration: "30 seconds" })
        assert.deepStrictEqual(yield* run(Effect.retry(failing(9), schedule)), Exit.fail("blip"))
      }
    }))

  it.effect("errors that are not worth another attempt apart, and defects and interruptions not at all", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make(exact)
      yield* run(retry.protect(failing(9, { isRetryable: false })))
      yield* run(retry.protect(failing(9, { _tag: "Mine", isRetryable: false })))
      assert.deepStrictEqual(yield* retry.snapshot, { ...none, calls: 2, attempts: 2, notRetried: 2 })
      yield* run(retry.protect(Effect.die("bug")))
      const fiber = yield* Effect.forkChild(retry.protect(failing(9)), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* retry.snapshot, { ...none, calls: 4, attempts: 4, notRetried: 2 })
    }))

  it.effect("the last error alone: one that follows retries and is not worth another is not given up", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ ...exact, maxAttempts: 2, while: (error) => error === "blip" })
      let attempts = 0
      yield* run(retry.protect(Effect.suspend(() => Effect.fail(++attempts === 1 ? "blip" : "wrong key"))))
      assert.deepStrictEqual(yield* retry.snapshot, { ...none, calls: 1, attempts: 2, retries: 1, notRetried: 1 })
    }))

  it.effect("for itself, and a snapshot stays as it was read", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* Retry.make(exact), yield* Retry.make(exact)]
      const before = yield* first.snapshot
      yield* run(first.protect(failing(9)))
      assert.deepStrictEqual(before, none)
      assert.deepStrictEqual(yield* second.snapshot, none)
    }))

  it.effect("each layer of nested retries for itself", () =>
    Effect.gen(function*() {
      const [inner, outer] = [yield* Retry.make(exact), yield* Retry.make({ ...exact, maxAttempts: 2 })]
      yield* run(outer.protect(inner.protect(failing(4))))
      assert.deepStrictEqual(yield* outer.snapshot, { ...none, calls: 1, attempts: 2, retries: 1, recovered: 1 })
      assert.deepStrictEqual(yield* inner.snapshot, {
        ...none,
        calls: 2,
        attempts: 5,
        retries: 3,
        recovered: 1,
        gaveUp: { ...none.gaveUp, attempts: 1 }
      })
    }))
})

// Waits are multiples of ten and interruptions come between them, so that nothing happens at one time.
const Outcome = Schema.Literals(["success", "blip", "blip", "blip", "ask 30", "ask 250", "ask 900", "fatal", "defect"])
const Call = Schema.Struct({
  outcomes: Schema.Array(Outcome).check(Schema.isMaxLength(6)),
  attempts: Schema.UndefinedOr(Schema.Literals([1, 2, 4])),
  interruptAt: Schema.UndefinedOr(Schema.Literals([5, 15, 105, 305]))
})
type Call = typeof Call.Type
const Setup = Schema.Struct({
  maxAttempts: Schema.Literals([1, 2, 3, 6]),
  baseDelay: Schema.Literals([0, 10, 100]),
  factor: Schema.Literals([1, 2]),
  maxDelay: Schema.Literals([200, 400]),
  maxDuration: Schema.UndefinedOr(Schema.Literals([100, 350])),
  deadline: Schema.UndefinedOr(Schema.Literals([90, 250, 600])),
  floor: Schema.UndefinedOr(Schema.Literals([0, 1, 3, 8]))
})
type Setup = typeof Setup.Type

/** The specification: what is counted of calls that are made one after the other, and how often each was attempted. */
const countsOf = (setup: Setup, calls: ReadonlyArray<Call>) => {
  const counts = { ...none, gaveUp: { ...none.gaveUp } } as {
    -readonly [K in keyof Retry.Snapshot]: K extends "gaveUp" ? Record<keyof Retry.Snapshot["gaveUp"], number>
      : Retry.Snapshot[K]
  }
  let paid = 0
  for (const { attempts = Infinity, interruptAt = Infinity, outcomes } of calls) {
    counts.calls++
    for (let time = 0, made = 1;; made++) {
      const outcome = outcomes[made - 1] ?? "success"
      counts.attempts++
      if (made > 1) counts.retries++
      if (outcome === "success" && made > 1) counts.recovered++
      if (outcome === "fatal") counts.notRetried++
      if (outcome === "success" || outcome === "fatal" || outcome === "defect") break
      const asked = outcome === "blip" ? 0 : Number(outcome.slice(4))
      const wait = Math.max(asked, Math.min(setup.maxDelay, setup.baseDelay * setup.factor ** (made - 1)))
      const end = Math.min(setup.maxDuration ?? Infinity, setup.deadline ?? Infinity)
      const reason = made === setup.maxAttempts
        ? "attempts"
        : asked > setup.maxDelay
        ? "retryAfter"
        : time + wait >= end
        ? "deadline"
        : made >= attempts || paid >= (setup.floor ?? Infinity)
        ? "budget"
        : undefined
      if (reason !== undefined) {
        counts.gaveUp[reason]++
        break
      }
      paid++
      time += wait
      if (time > interruptAt) break
    }
  }
  return counts
}

const errors: { readonly [outcome: string]: Effect.Effect<string, unknown> } = {
  "success": Effect.succeed("answered"),
  "blip": Effect.fail("blip"),
  "ask 30": Effect.fail({ retryAfter: Duration.millis(30) }),
  "ask 250": Effect.fail({ retryAfter: Duration.millis(250) }),
  "ask 900": Effect.fail({ retryAfter: Duration.millis(900) }),
  "fatal": Effect.fail({ isRetryable: false }),
  "defect": Effect.die("bug")
}

const play = (setup: Setup, calls: ReadonlyArray<Call>, how: "by hand" | "pipeline") =>
  Effect.gen(function*() {
    const { deadline, floor, ...options } = setup
    const budget = floor === undefined
      ? undefined
      : yield* RetryBudget.make({ name: "retries", ratio: 0, floor, window: "1 day" })
    const retry = yield* Retry.make({ ...options, jitter: "none", budget })
    const pipeline = yield* Pipeline.make({ deadline, retry, attemptTimeout: "1 hour" })
    const byHand = <A, E>(self: Effect.Effect<A, E>) =>
      deadline === undefined ? retry.protect(self) : Deadline.within(deadline)(retry.protect(self))
    const protect: (self: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown> = how === "pipeline"
      ? pipeline.protect
      : byHand
    let begun = 0
    for (const { attempts, interruptAt, outcomes } of calls) {
      let made = 0
      const protectedCall = protect(Effect.suspend(() => {
        begun++
        return errors[outcomes[made++] ?? "success"]!
      }))
      const call = attempts === undefined ? protectedCall : Attempts.within(attempts)(protectedCall)
      const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
      yield* TestClock.adjust(interruptAt ?? "1 minute")
      yield* Fiber.interrupt(fiber)
    }
    return { begun, counts: yield* retry.snapshot }
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

it.effect.prop(
  "a retry, by hand and in a pipeline, counts what the model counts; attempts are calls and retries",
  { setup: Setup, calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(8)) },
  ({ calls, setup }) =>
    Effect.gen(function*() {
      const expected = countsOf(setup, calls)
      const byHand = yield* play(setup, calls, "by hand")
      assert.deepStrictEqual(byHand, { begun: expected.attempts, counts: expected })
      assert.deepStrictEqual(yield* play(setup, calls, "pipeline"), byHand)
      const { attempts, calls: begun, gaveUp, notRetried, recovered, retries } = byHand.counts
      assert.strictEqual(attempts, begun + retries)
      const ended = Object.values(gaveUp).reduce((sum, count) => sum + count, 0) + notRetried + recovered
      assert.isAtMost(ended, begun)
    }),
  { arbitrary: { runs } }
)
