/** What is restored in another process is what a process that lived on would show. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter, Registry, RetryBudget, SavedState } from "@switchgear/core"
import { Clock, Duration, Effect, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"

/** Guards with options under which every state is reached within a few steps. */
const guards = Effect.gen(function*() {
  const halfOpen = { calls: 1 }
  return {
    counted: yield* CircuitBreaker.make({
      name: "counted",
      window: CircuitBreaker.lastCalls(5),
      minimumCalls: 2,
      openFor: "300 millis",
      halfOpen,
      rampUp: { over: "1 second", from: 0.25 }
    }),
    timed: yield* CircuitBreaker.make({
      name: "timed",
      window: CircuitBreaker.lasting("700 millis", { buckets: 7 }),
      minimumCalls: 3,
      openFor: "200 millis",
      consecutiveFailures: 4,
      halfOpen
    }),
    family: yield* CircuitBreaker.Family.make({
      name: "family",
      window: CircuitBreaker.lastCalls(4),
      minimumCalls: 2,
      openFor: "400 millis",
      halfOpen,
      capacity: 3,
      // Uses within a hundredth of it count as one, whatever the process: a millisecond.
      idleTimeToLive: "100 millis"
    }),
    bucket: yield* RateLimiter.make({
      name: "bucket",
      limits: [RateLimiter.requests(4, "1 second"), RateLimiter.tokens(100, "2 seconds", { burst: 150 })]
    }),
    sliding: yield* RateLimiter.make({
      name: "sliding",
      limits: [RateLimiter.requests(3, "500 millis", { kind: "sliding-window" })]
    }),
    budget: yield* RetryBudget.make({ name: "budget", ratio: 0.5, floor: 2, window: "1 second" })
  }
})

type Guards = Effect.Success<typeof guards>

const Step = Schema.Union([
  Schema.TaggedStruct("Call", {
    to: Schema.Literals(["counted", "timed", "a", "b", "c", "d"]),
    ends: Schema.Literals(["success", "failure", "failure"])
  }),
  Schema.TaggedStruct("Take", { from: Schema.Literals(["bucket", "sliding"]), tokens: Schema.Literals([0, 10, 70]) }),
  Schema.TaggedStruct("Settle", { tokens: Schema.Literals([0, 50, 300]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([50, 400, 2000]) }),
  Schema.TaggedStruct("Retry", { take: Schema.Boolean }),
  Schema.TaggedStruct("Command", {
    to: Schema.Literals(["counted", "timed", "a"]),
    command: Schema.Literals(["forceOpen", "disable", "metricsOnly", "close", "trip", "reset"])
  }),
  Schema.TaggedStruct("Wait", { millis: Schema.Literals([0, 1, 30, 100, 130, 350, 1000]) })
])

/** Runs a step, and says how it ended. */
const play = (guards: Guards) => (step: typeof Step.Type): Effect.Effect<string> => {
  const circuit = (to: string) =>
    to === "counted" || to === "timed" ? Effect.succeed(guards[to]) : guards.family.get(to)
  const told = <A, E>(self: Effect.Effect<A, E>) =>
    Effect.map(
      Effect.result(self),
      (result) =>
        Result.isSuccess(result)
          ? "succeeded"
          : String((result.failure as { message?: string }).message ?? result.failure)
    )
  switch (step._tag) {
    case "Call": {
      const work = step.ends === "success" ? Effect.void : Effect.fail("503")
      return Effect.flatMap(circuit(step.to), (breaker) => told(breaker.protect(work)))
    }
    case "Take":
      return told(guards[step.from].reserve({ tokens: step.tokens }))
    case "Settle":
      return told(
        Effect.flatMap(guards.bucket.reserve({ tokens: 20 }), ({ settle }) => settle({ tokens: step.tokens }))
      )
    case "Pause":
      return told(guards.bucket.pause(step.millis))
    case "Retry":
      return step.take ? Effect.map(guards.budget.take, String) : told(guards.budget.deposit)
    case "Command":
      return Effect.flatMap(
        circuit(step.to),
        ({ control }) => told(step.command === "trip" ? control.trip() : control[step.command])
      )
    case "Wait":
      return Effect.as(TestClock.adjust(step.millis), "waited")
  }
}

/** What there is to see of the guards, but for counters, which begin at zero in a new process. */
const observe = (guards: Guards) =>
  Effect.gen(function*() {
    const circuits = yield* Effect.forEach(["a", "b", "c", "d"], (key) => guards.family.get(key))
    const seen = yield* Effect.forEach([guards.counted, guards.timed, ...circuits], ({ snapshot }) => snapshot)
    const limits = yield* Effect.forEach([guards.bucket, guards.sliding], ({ snapshot }) => snapshot)
    const { refused: _, ...budget } = yield* guards.budget.snapshot
    return {
      circuits: seen.map(({ calls, failed, failureRate, name, nextRetry, openingsInRow, rampUp, since, state }) => ({
        name,
        calls,
        failed,
        failureRate,
        nextRetry: nextRetry && Duration.toMillis(nextRetry),
        openingsInRow,
        rampUp: rampUp && Math.round(rampUp * 1e9),
        // A circuit that nothing has happened to began with its process.
        since: state === "Closed" ? undefined : since,
        state
      })),
      limits: limits.map(({ limits, pausedFor }) => ({
        available: limits.map(({ available }) => Math.round(available * 1e6)),
        pausedFor: pausedFor && Duration.toMillis(pausedFor)
      })),
      budget
    }
  })

/** The same wall clock with a monotonic clock of another origin. */
const withOtherOrigin = <A, E, R>(self: Effect.Effect<A, E, R>, millis: number) =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const nanos = BigInt(millis) * 1_000_000n
    const shifted: Clock.Clock = Object.create(clock, {
      monotonicTimeNanosUnsafe: { value: () => clock.monotonicTimeNanosUnsafe() + nanos }
    })
    return Effect.provideService(self, Clock.Clock, shifted)
  })

const inProcess = <A, E>(self: Effect.Effect<A, E, never>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

describe("a restored state", () => {
  it.effect.prop("is what a process that lived on would show, and goes on in the same way", {
    before: Schema.Array(Step).check(Schema.isMinLength(5), Schema.isMaxLength(40)),
    age: Schema.Literals([0, 1, 40, 110, 250, 500, 1500, 60_000, 1e9]),
    after: Schema.Array(Step).check(Schema.isMaxLength(20)),
    origin: Schema.Literals([0, 1, 12_345, 987_654_321])
  }, ({ after, age, before, origin }) =>
    Effect.gen(function*() {
      const lived = yield* inProcess(Effect.gen(function*() {
        const made = yield* guards
        yield* TestClock.adjust("1 day")
        yield* Effect.forEach(before, play(made))
        const text = JSON.stringify(yield* SavedState.save)
        const at = yield* Clock.currentTimeMillis
        yield* TestClock.adjust(age)
        const seen = yield* observe(made)
        return { text, at, seen, ended: yield* Effect.forEach(after, play(made)), last: yield* observe(made) }
      }))
      const restored = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(lived.at + age)
        return yield* withOtherOrigin(
          Effect.gen(function*() {
            const made = yield* guards
            const { ignored } = yield* SavedState.restore(JSON.parse(lived.text))
            assert.deepStrictEqual(ignored, [])
            const seen = yield* observe(made)
            return { seen, ended: yield* Effect.forEach(after, play(made)), last: yield* observe(made) }
          }),
          origin
        )
      }))
      // As text, in which there is no zero below zero.
      for (const part of ["seen", "ended", "last"] as const) {
        assert.strictEqual(
          JSON.stringify(restored[part], null, 1),
          JSON.stringify(lived[part], null, 1),
          `${part} ${JSON.stringify(restored[part])} ${JSON.stringify(lived[part])}`
        )
      }
    }), { arbitrary: { runs: 300, size: 40 } })
})
