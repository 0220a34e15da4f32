/** Judges, schedules and listeners that throw or answer nonsense: no result changes, and nothing leaks. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Cascade, CircuitBreaker, Outcome, Pipeline, Registry, Retry } from "@switchgear/core"
import { Cause, Duration, Effect, Exit, Fiber, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

/** A circuit, and a way to use it in the middle of something, on the same clock. */
interface Subject {
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly run: (effect: Effect.Effect<unknown, unknown>) => unknown
}

const makeSubject = (options: Omit<CircuitBreaker.Options, "name">): Effect.Effect<Subject> =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model", ...options })
    return { breaker, run: Effect.runSyncExitWith(yield* Effect.context<never>()) }
  })

const thrown = (): never => {
  throw new Error("nonsense")
}

/** What a judge may do; the last ones do it to the circuit that asks. */
const judges: { readonly [Name in string]: (exit: Exit.Exit<unknown, unknown>, subject: Subject) => unknown } = {
  throws: thrown,
  nothing: () => undefined,
  null: () => null,
  text: () => "Success",
  promise: () => Promise.resolve(Outcome.success),
  failedPromise: () => Promise.reject(new Error("too late")),
  effect: () => Effect.succeed(Outcome.success),
  unknownTag: () => ({ _tag: "Fine" }),
  tripWithout: () => ({ _tag: "TripFor" }),
  tripForText: () => ({ _tag: "TripFor", duration: "5 seconds" }),
  tripForEver: () => ({ _tag: "TripFor", duration: Duration.infinity }),
  tripForNothing: () => ({ _tag: "TripFor", duration: Duration.zero }),
  afterEver: () => Outcome.failureAfter("Infinity"),
  afterText: () => ({ _tag: "Failure", retryAfter: "soon" }),
  getter: () => ({
    get _tag(): never {
      return thrown()
    }
  }),
  sound: (exit) => Outcome.fromExit(exit),
  resets: (exit, { breaker, run }) => {
    run(breaker.control.reset)
    return Outcome.fromExit(exit)
  },
  opens: (exit, { breaker, run }) => {
    run(breaker.control.trip())
    return Outcome.fromExit(exit)
  },
  calls: (exit, { breaker, run }) => {
    run(breaker.protectWith({ classify: Outcome.fromExit })(Effect.fail("inner")))
    return Outcome.fromExit(exit)
  }
}

const delays = (delay: () => Effect.Effect<Duration.Duration, unknown>): Schedule.Schedule<unknown, number> =>
  Schedule.fromStep(
    Effect.succeed((_: number, input: number) =>
      Effect.map(delay(), (delay): [number, Duration.Duration] => [input, delay])
    )
  ) as Schedule.Schedule<unknown, number>

const schedules: { readonly [Name in string]: Schedule.Schedule<unknown, number> } = {
  throws: delays(thrown),
  throwsFirst: Schedule.fromStep(Effect.sync(thrown)),
  fails: delays(() => Effect.fail("no")),
  dies: delays(() => Effect.die("no")),
  waits: delays(() => Effect.as(Effect.sleep("1 second"), Duration.seconds(7))),
  never: delays(() => Effect.never),
  negative: delays(() => Effect.succeed(Duration.millis(-5))),
  endless: delays(() => Effect.succeed(Duration.infinity)),
  zero: delays(() => Effect.succeed(Duration.zero)),
  text: delays(() => Effect.succeed("soon" as never)),
  sound: Schedule.spaced("5 seconds")
}

const listeners: { readonly [Name in string]: (subject: Subject) => unknown } = {
  throws: thrown,
  closes: ({ breaker, run }) => run(breaker.control.close),
  calls: ({ breaker, run }) => run(breaker.protect(Effect.fail("inner"))),
  silent: () => {}
}

const names = <const Names extends { readonly [Name in string]: unknown }>(of: Names) =>
  Schema.Literals(Object.keys(of) as [string, ...Array<string>])

const results = {
  success: Exit.succeed("ok"),
  failure: Exit.fail("503"),
  later: Exit.fail({ retryAfter: Duration.days(365) }),
  defect: Exit.die("bug")
} as const

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "whatever its judge, its schedule and its listeners do, a circuit changes no result and leaks nothing",
  {
    schedule: names(schedules),
    listener: names(listeners),
    calls: Schema.Array(Schema.Struct({
      judge: names(judges),
      result: Schema.Literals(["success", "failure", "later", "defect"]),
      runsFor: Schema.Literals([0, 1000]),
      wait: Schema.Literals([0, 1000, 30_000, 600_000])
    }))
  },
  ({ calls, listener, schedule }) =>
    Effect.gen(function*() {
      const subject = yield* makeSubject({ minimumCalls: 2, openFor: schedules[schedule], halfOpen: { calls: 2 } })
      const { breaker } = subject
      const registry = yield* Registry.CurrentRegistry
      registry.observe({ happened: () => listeners[listener]!(subject) })
      const running: Array<readonly [Fiber.Fiber<Exit.Exit<unknown, unknown>>, Exit.Exit<unknown, unknown>]> = []
      const check = (got: Exit.Exit<unknown, unknown>, unguarded: Exit.Exit<unknown, unknown>) => {
        const error = Exit.isFailure(got) ? Cause.squash(got.cause) : undefined
        if (!(error instanceof CircuitBreaker.CircuitOpen)) assert.deepStrictEqual(got, unguarded)
      }
      for (const { judge, result, runsFor, wait } of calls) {
        const unguarded: Exit.Exit<unknown, unknown> = results[result]
        const guarded = Effect.andThen(Effect.sleep(runsFor), unguarded).pipe(
          breaker.protectWith({ classify: (exit) => judges[judge]!(exit, subject) as Outcome.Outcome })
        )
        const fiber = yield* Effect.forkChild(Effect.exit(guarded), { startImmediately: true })
        running.push([fiber, unguarded])
        yield* TestClock.adjust(wait)
        const { nextRetry, state } = yield* breaker.snapshot
        if (state === "Open") assert.isTrue(Duration.isPositive(nextRetry!) && Duration.isFinite(nextRetry!))
      }
      yield* TestClock.adjust("1 second")
      for (const [fiber, unguarded] of running) check(yield* Fiber.join(fiber), unguarded)
      assert.strictEqual((yield* breaker.snapshot).inFlight, 0)
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())),
  { arbitrary: { runs, size: 30, maxShrinks: 1000 }, timeout: 5_000 + 30 * runs }
)

describe("a judge that answers nonsense", () => {
  it.effect("is replaced by the default for that call, and the lease ends", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", classify: (() => undefined) as never })
      assert.strictEqual(yield* breaker.protect(Effect.succeed("mine")), "mine")
      yield* Effect.exit(breaker.protect(Effect.fail("503")))
      const { calls, failed, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, failed, inFlight }, { calls: 2, failed: 1, inFlight: 0 })
    }))
})

describe("a schedule of openings without a sound answer", () => {
  for (const name of Object.keys(schedules)) {
    it.effect(`opens anyway: ${name}`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1, openFor: schedules[name]! })
        assert.deepStrictEqual(yield* Effect.exit(breaker.protect(Effect.fail("503"))), Exit.fail("503"))
        assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.seconds(name === "sound" ? 5 : 30))
      }))
  }
})

describe("a listener", () => {
  it.effect("that throws changes no result, and the state has changed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      const registry = yield* Registry.CurrentRegistry
      registry.observe({ happened: thrown })
      assert.deepStrictEqual(yield* Effect.exit(breaker.protect(Effect.fail("mine"))), Exit.fail("mine"))
      const { inFlight, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ inFlight, state }, { inFlight: 0, state: "Open" })
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))

  it.effect("that changes the circuit is told of that afterwards, in order", () =>
    Effect.gen(function*() {
      const { breaker, run } = yield* makeSubject({ minimumCalls: 1, rampUp: { over: "1 minute" } })
      const registry = yield* Registry.CurrentRegistry
      const seen: Array<string> = []
      registry.observe({
        happened: (event) => {
          if (event._tag !== "Transition") return
          if (event.to === "HalfOpen") run(breaker.control.forceOpen)
          seen.push(`${event.from} to ${event.to}`)
        }
      })
      const stream = yield* Effect.forkChild(Stream.runCollect(Stream.take(breaker.transitions, 3)), {
        startImmediately: true
      })
      yield* Effect.exit(breaker.protect(Effect.fail("503")))
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(breaker.protect(Effect.void))))
      assert.strictEqual(yield* breaker.state, "ForcedOpen")
      const expected = ["Closed to Open", "Open to HalfOpen", "HalfOpen to ForcedOpen"]
      assert.deepStrictEqual(seen, expected)
      assert.deepStrictEqual((yield* Fiber.join(stream)).map(({ from, to }) => `${from} to ${to}`), expected)
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))
})

describe("An error", () => {
  const errors: { readonly [Name in string]: object } = {
    retryAfter: {
      get retryAfter() {
        return thrown()
      }
    },
    isRetryable: {
      get isRetryable() {
        return thrown()
      }
    },
    tag: {
      get _tag() {
        return thrown()
      }
    },
    everything: new Proxy({}, { get: thrown, has: thrown, getPrototypeOf: thrown })
  }
  for (const [name, error] of Object.entries(errors)) {
    it.effect(`whose fields throw when they are read is told as it is, and every slot comes free: ${name}`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
        const retry = yield* Retry.make({ maxAttempts: 1 })
        const pipeline = yield* Pipeline.make({ deadline: "1 minute", retry, bulkhead, breaker })
        const isTold = (exit: Exit.Exit<unknown, unknown>) =>
          Exit.isFailure(exit) &&
          exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && reason.error === error)
        for (const protect of [breaker.protect, Retry.retry({ maxAttempts: 1 }), pipeline.protect])
          assert.isTrue(isTold(yield* Effect.exit(protect(Effect.fail(error)))))
        assert.deepInclude(yield* breaker.snapshot, { inFlight: 0, failed: 2 })
        assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
        assert.isTrue(Outcome.isRetryable(error))
        assert.isFalse(Outcome.isRejection(error))
        const exhausted = yield* Effect.flip(Cascade.run(Cascade.first("model", Effect.fail(error))))
        assert.include(exhausted.message, "model (object)")
        assert.isUndefined(exhausted.retryAfter)
      }))
  }
})
