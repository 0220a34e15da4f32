/** What a snapshot counts: in the window, since the beginning, and against which thresholds. */
import { Bulkhead, CircuitBreaker, Outcome } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad" as const)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const totalsOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.snapshot, ({ totals }) => totals)

const after = (duration: Duration.Input, work: Effect.Effect<string, string>) =>
  Effect.andThen(Effect.sleep(duration), work)

describe("the thresholds of a snapshot", () => {
  it.effect("are the options in force, defaults included", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      assert.deepStrictEqual((yield* breaker.snapshot).thresholds, {
        window: CircuitBreaker.lastCalls(100),
        minimumCalls: 10,
        failureRate: 0.5,
        slowCallRate: 1,
        slowCallDuration: undefined,
        consecutiveFailures: undefined,
        halfOpenCalls: 5
      })
    }))

  it.effect("leave out what is off, and show durations as durations", () =>
    Effect.gen(function*() {
      const tenants = yield* CircuitBreaker.Family.make({
        name: "tenants",
        window: CircuitBreaker.lasting("1 minute", { buckets: 6 }),
        failureRate: "off",
        slowCallDuration: "1.5 seconds",
        slowCallRate: 0.8,
        consecutiveFailures: 3,
        minimumCalls: 20,
        halfOpen: { calls: 2 }
      })
      assert.deepStrictEqual((yield* (yield* tenants.get("acme")).snapshot).thresholds, {
        window: { _tag: "Lasting", duration: Duration.minutes(1), buckets: 6 },
        minimumCalls: 20,
        failureRate: undefined,
        slowCallRate: 0.8,
        slowCallDuration: Duration.millis(1500),
        consecutiveFailures: 3,
        halfOpenCalls: 2
      })
    }))

  it.effect("let a page show how far the circuit is from opening", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 20 })
      yield* Effect.forEach([ok, ok, ok, ok, ok, ok, ok, bad, bad, bad], (call) => Effect.exit(breaker.protect(call)))
      const { calls, failed, thresholds } = yield* breaker.snapshot
      assert.strictEqual(
        `${failed} of ${calls} failed, opens at ${thresholds.failureRate! * 100} % of ${thresholds.minimumCalls}`,
        "3 of 10 failed, opens at 50 % of 20"
      )
    }))
})

describe("slowFailed of a snapshot", () => {
  for (const window of [CircuitBreaker.lastCalls(3), CircuitBreaker.lasting("10 seconds")]) {
    it.effect(`counts calls of the window that failed and were slow, also in flight: ${window._tag}`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          name: "model",
          window,
          minimumCalls: 3,
          failureRate: "off",
          slowCallDuration: "1 second"
        })
        yield* fork(breaker.protect(after("2 seconds", bad)))
        yield* fork(breaker.protect(after("1 second", ok)))
        yield* Effect.exit(breaker.protect(bad))
        yield* TestClock.adjust("1 second")
        const seen = Effect.map(
          breaker.snapshot,
          ({ calls, failed, slow, slowFailed }) => ({ calls, failed, slow, slowFailed })
        )
        assert.deepStrictEqual(yield* seen, { calls: 3, failed: 1, slow: 2, slowFailed: 0 })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* seen, { calls: 3, failed: 2, slow: 2, slowFailed: 1 })
        yield* TestClock.adjust("10 seconds")
        yield* Effect.forEach([1, 2, 3], () => breaker.protect(ok))
        assert.deepStrictEqual(yield* seen, { calls: 3, failed: 0, slow: 0, slowFailed: 0 })
      }))
  }

  it.effect("counts probes in HalfOpen", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        slowCallDuration: "1 second",
        failureRate: 1,
        openFor: "1 second"
      })
      yield* breaker.control.trip()
      yield* TestClock.adjust("1 second")
      yield* fork(breaker.protect(after("1 second", bad)))
      yield* fork(breaker.protect(after("1 second", ok)))
      yield* TestClock.adjust("1 second")
      const { failed, slow, slowFailed, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ failed, slow, slowFailed, state }, {
        failed: 1,
        slow: 2,
        slowFailed: 1,
        state: "HalfOpen"
      })
    }))
})

describe("the totals of a circuit", () => {
  it.effect("have every result of any state but Disabled, late ones included, until control.reset", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", slowCallDuration: "1 second", openFor: "1 minute" })
      const { control } = breaker
      yield* breaker.protect(ok)
      const late = yield* fork(breaker.protect(after("2 seconds", bad)))
      yield* control.trip()
      yield* Effect.exit(breaker.protect(ok)) // rejected
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(late)
      assert.deepStrictEqual(yield* totalsOf(breaker), { successes: 1, failures: 1, ignored: 0, slow: 1 })
      yield* TestClock.adjust("1 minute")
      yield* breaker.protect(ok) // a probe
      yield* control.metricsOnly
      yield* Effect.exit(breaker.protect(bad))
      yield* breaker.protect(ok)
      assert.deepStrictEqual(yield* totalsOf(breaker), { successes: 3, failures: 2, ignored: 0, slow: 1 })
      yield* control.disable
      yield* Effect.exit(breaker.protect(bad))
      const { late: tooLate, rejected, totals } = yield* breaker.snapshot
      assert.deepStrictEqual(totals, { successes: 3, failures: 2, ignored: 0, slow: 1 })
      assert.deepStrictEqual({ rejected, tooLate }, { rejected: 1, tooLate: 1 })
      yield* control.reset
      assert.deepStrictEqual(yield* totalsOf(breaker), { successes: 0, failures: 0, ignored: 0, slow: 0 })
    }))

  it.effect("have what says nothing about the target as ignored", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", classify: Outcome.onError(() => Outcome.ignored) })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      yield* Effect.exit(breaker.protect(bad))
      const running = yield* fork(breaker.protect(Effect.never))
      yield* Fiber.interrupt(running)
      yield* fork(bulkhead.protect(Effect.never))
      yield* Effect.exit(ok.pipe(bulkhead.protect, breaker.protect))
      assert.deepStrictEqual(yield* totalsOf(breaker), { successes: 0, failures: 0, ignored: 3, slow: 0 })
    }))

  it.effect("count a slow call once, whether it was seen in flight or at its end", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", slowCallDuration: "1 second", minimumCalls: 50 })
      for (const look of [breaker.snapshot, Effect.void]) {
        yield* fork(breaker.protect(after("3 seconds", ok)))
        yield* TestClock.adjust("2 seconds")
        yield* look
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual((yield* totalsOf(breaker)).slow, 2)
    }))
})

const Key = Schema.Literals(["a", "b", "c", "d", "e"])
const Operation = Schema.Union([
  Schema.TaggedStruct("Call", { key: Key, ending: Schema.Literals(["success", "failure", "ignored"]) }),
  Schema.TaggedStruct("Begin", { key: Key, ending: Schema.Literals(["success", "failure", "interrupt"]) }),
  Schema.TaggedStruct("End", {}),
  Schema.TaggedStruct("Trip", { key: Key }),
  Schema.TaggedStruct("Churn", { keys: Schema.Literals([1, 7]) }),
  Schema.TaggedStruct("Advance", { seconds: Schema.Literals([1, 30, 120]) })
])

type Ending = "success" | "failure" | "ignored" | "interrupt"

const exitOf = (ending: Ending): Exit.Exit<string, string> =>
  ending === "success" ? Exit.succeed("ok") : Exit.fail(ending)

it.effect.prop(
  "the totals of a family have every call that passed, kept or not, and every rejection, whatever keys are forgotten",
  { operations: Schema.Array(Operation), capacity: Schema.Literals([1, 2, 4]) },
  ({ capacity, operations }) =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({
        name: "tenants",
        capacity,
        minimumCalls: 2,
        openFor: "1 minute",
        idleTimeToLive: "2 minutes",
        classify: (exit) =>
          exit._tag === "Failure" && String(exit.cause).includes("ignored")
            ? Outcome.ignored
            : Outcome.fromExit(exit)
      })
      const expected = { successes: 0, failures: 0, ignored: 0, slow: 0 }
      let rejected = 0
      const running: Array<{ readonly ending: Ending; readonly end: () => Effect.Effect<unknown> }> = []
      const count = (ending: Ending) => {
        expected[ending === "success" ? "successes" : ending === "failure" ? "failures" : "ignored"]++
      }
      const call = (key: string, ending: Ending) =>
        Effect.map(Effect.exit(family.protect(key)(Effect.suspend(() => exitOf(ending)))), (exit) => {
          if (exit._tag === "Failure" && String(exit.cause).includes("CircuitOpen")) rejected++
          else count(ending)
        })
      let fresh = 0
      for (const operation of operations) {
        switch (operation._tag) {
          case "Call":
            yield* call(operation.key, operation.ending)
            break
          case "Begin": {
            let resume: ((exit: Exit.Exit<string, string>) => void) | undefined
            const work = Effect.callback<string, string>((given) => {
              resume = given
            })
            const fiber = yield* fork(family.protect(operation.key)(work))
            if (resume === undefined) rejected++
            else {
              const { ending } = operation
              const end = () => {
                if (ending === "interrupt") return Fiber.interrupt(fiber)
                resume!(exitOf(ending))
                return Fiber.await(fiber)
              }
              running.push({ ending, end })
            }
            break
          }
          case "End": {
            const first = running.shift()
            if (first === undefined) break
            yield* first.end()
            count(first.ending)
            break
          }
          case "Trip":
            yield* (yield* family.get(operation.key)).control.trip()
            break
          case "Churn":
            for (let n = 0; n < operation.keys; n++) yield* call(`fresh ${fresh++}`, "success")
            break
          case "Advance":
            yield* TestClock.adjust(`${operation.seconds} seconds`)
        }
        const snapshot = yield* family.snapshot
        assert.deepStrictEqual(snapshot.totals, expected, JSON.stringify(operation))
        assert.strictEqual(snapshot.rejected, rejected)
      }
    }),
  { arbitrary: { runs: Number(process.env.SWITCHGEAR_RUNS ?? 200), size: 40, maxShrinks: 1000 } }
)
