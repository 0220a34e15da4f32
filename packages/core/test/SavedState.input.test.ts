/** What is restored from anything, at any time, into anything. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter, Registry, RetryBudget, SavedState } from "@switchgear/core"
import { Duration, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const model = CircuitBreaker.make({
  name: "model",
  window: CircuitBreaker.lastCalls(4),
  minimumCalls: 2,
  openFor: "1 minute"
})

/** Saves, in a process of its own, what the effect has done. */
const savedBy = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  inProcess(Effect.andThen(work, Effect.map(SavedState.save, (saved) => JSON.stringify(saved))))

const open = savedBy(Effect.flatMap(model, ({ control }) => control.trip()))

const reasons = ({ ignored, restored }: SavedState.Report) => [
  ...restored.map(({ id }) => `${id}: restored`),
  ...ignored.map(({ id, reason }) => `${id}: ${reason}`)
]

describe("restoring", () => {
  it.effect("leaves an opening what is left of it, and a circuit whose opening is over half-open since then", () =>
    Effect.gen(function*() {
      const text = yield* open
      const after = (millis: number) =>
        inProcess(Effect.gen(function*() {
          const breaker = yield* model
          yield* TestClock.setTime(millis)
          yield* SavedState.restore(JSON.parse(text))
          const { nextRetry, since, state } = yield* breaker.snapshot
          return { state, since, left: nextRetry && Duration.toSeconds(nextRetry) }
        }))
      assert.deepStrictEqual(yield* after(20_000), { state: "Open", since: 0, left: 40 })
      assert.deepStrictEqual(yield* after(60_000), { state: "HalfOpen", since: 60_000, left: undefined })
      assert.deepStrictEqual(yield* after(8e15), { state: "HalfOpen", since: 60_000, left: undefined })
    }))

  it.effect("takes a clock that has gone back for an age of zero", () =>
    Effect.gen(function*() {
      const text = yield* savedBy(
        TestClock.setTime(5e12).pipe(Effect.andThen(model), Effect.flatMap(({ control }) => control.trip()))
      )
      const { age, left } = yield* inProcess(Effect.gen(function*() {
        const breaker = yield* model
        const { age } = yield* SavedState.restore(JSON.parse(text))
        return { age, left: (yield* breaker.snapshot).nextRetry }
      }))
      assert.deepStrictEqual(age, Duration.zero)
      assert.deepStrictEqual(left, Duration.minutes(1))
    }))

  it.effect("admits the probes of a half-open circuit anew: those in flight have ended with their process", () =>
    Effect.gen(function*() {
      const text = yield* savedBy(Effect.gen(function*() {
        const breaker = yield* model
        yield* breaker.control.trip("1 second")
        yield* TestClock.adjust("3 seconds")
        for (let i = 0; i < 5; i++) yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
        assert.strictEqual((yield* breaker.snapshot).inFlight, 5)
      }))
      const { inFlight, since, state } = yield* inProcess(Effect.gen(function*() {
        const breaker = yield* model
        yield* TestClock.setTime(10_000)
        yield* SavedState.restore(JSON.parse(text))
        yield* breaker.protect(Effect.void)
        return yield* breaker.snapshot
      }))
      assert.deepStrictEqual({ inFlight, since, state }, { inFlight: 0, since: 1000, state: "HalfOpen" })
    }))

  it.effect("announces a circuit that is not Closed any more", () =>
    Effect.gen(function*() {
      const text = yield* open
      const history = yield* inProcess(Effect.gen(function*() {
        yield* model
        yield* SavedState.restore(JSON.parse(text))
        return yield* Registry.history
      }))
      assert.deepStrictEqual(history.map(({ from, reason, to }) => ({ from, reason, to })), [
        { from: "Closed", reason: "restored", to: "Open" }
      ])
    }))

  it.effect("says of each guard why it was not restored, and leaves it as it is", () =>
    Effect.gen(function*() {
      const text = yield* savedBy(Effect.gen(function*() {
        const breakers = yield* Effect.forEach(["used", "larger", "gone", "good"], (name) =>
          CircuitBreaker.make({ name, window: CircuitBreaker.lastCalls(4) }))
        yield* Effect.forEach(breakers, ({ control }) =>
          control.forceOpen)
        yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(1, "1 second")] })
        yield* RetryBudget.make({ name: "budget" })
      }))
      const { report, states } = yield* inProcess(Effect.gen(function*() {
        const used = yield* CircuitBreaker.make({ name: "used", window: CircuitBreaker.lastCalls(4) })
        yield* used.protect(Effect.void)
        const larger = yield* CircuitBreaker.make({ name: "larger", window: CircuitBreaker.lastCalls(5) })
        const good = yield* CircuitBreaker.make({ name: "good", window: CircuitBreaker.lastCalls(4) })
        yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.tokens(1, "1 second")] })
        yield* RetryBudget.make({ name: "budget", window: "3 seconds" })
        const report = yield* SavedState.restore(JSON.parse(text))
        return { report, states: yield* Effect.forEach([used, larger, good], ({ state }) => state) }
      }))
      assert.deepStrictEqual(reasons(report), [
        "good: restored",
        "used: in-use",
        "larger: other-options",
        "gone: not-registered",
        "limits: other-options",
        "budget: other-options"
      ])
      assert.deepStrictEqual(states, ["Closed", "Closed", "ForcedOpen"])
    }))

  it.effect("restores each guard that is made inside the layer once, when it is made", () =>
    Effect.gen(function*() {
      const text = yield* open
      const states = yield* inProcess(
        Effect.provide(
          Effect.gen(function*() {
            const first = yield* Effect.scoped(Effect.flatMap(model, ({ state }) => state))
            const second = yield* Effect.scoped(Effect.flatMap(model, ({ state }) => state))
            return [first, second]
          }),
          SavedState.layer(JSON.parse(text))
        )
      )
      assert.deepStrictEqual(states, ["Open", "Closed"])
    }))

  it.effect("keeps the openings in row of a circuit, whose schedule goes on where it was", () =>
    Effect.gen(function*() {
      const make = Schema.decodeUnknownSync(CircuitBreaker.OptionsSchema)({
        name: "model",
        openFor: { baseDelay: "1 second", factor: 3, maxDelay: "1 hour" },
        consecutiveFailures: 1,
        halfOpen: { calls: 1 }
      })
      const fail = (breaker: CircuitBreaker.CircuitBreaker) => Effect.exit(breaker.protect(Effect.fail("503")))
      const text = yield* savedBy(Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make(make)
        yield* fail(breaker)
        yield* TestClock.adjust("1 second")
        yield* fail(breaker)
      }))
      const left = yield* inProcess(Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make(make)
        yield* TestClock.setTime(4000)
        yield* SavedState.restore(JSON.parse(text))
        yield* fail(breaker)
        return (yield* breaker.snapshot).nextRetry
      }))
      assert.deepStrictEqual(left, Duration.seconds(9))
    }))

  it.effect("saves the other guards where the code of a kind throws or answers what is no JSON", () =>
    inProcess(Effect.gen(function*() {
      const kindOf = (tag: string, save: () => Schema.Json): Registry.Kind<object, number> => ({
        tag,
        snapshot: () => Effect.succeed(1),
        saving: {
          save,
          restore: () => {
            throw new Error("bug")
          }
        }
      })
      const throwing = kindOf("test/Throwing", () => {
        throw new Error("bug")
      })
      yield* Registry.register({ kind: throwing, name: "own", guard: {} })
      yield* Registry.register({ kind: kindOf("test/Huge", () => "x".repeat(70_000_000)), name: "own", guard: {} })
      yield* Registry.register({ kind: kindOf("test/Good", () => 1), name: "own", guard: {} })
      const { guards, leftOut } = yield* SavedState.save
      assert.deepStrictEqual(leftOut.map(({ kind }) => kind), ["test/Throwing", "test/Huge"])
      assert.deepStrictEqual(guards.map(({ kind }) => kind), ["test/Good"])
      assert.deepStrictEqual(reasons(yield* SavedState.restore({ version: 1, savedAt: 0, guards, leftOut })), [
        "own: failed"
      ])
    })))
})

const circular: { self?: unknown } = {}
circular.self = circular

const nothing: ReadonlyArray<readonly [string, unknown]> = [
  ["not-json", undefined],
  ["not-json", () => 1],
  ["not-json", circular],
  ["not-json", { version: 1, savedAt: NaN, guards: [], leftOut: [] }],
  [
    "not-json",
    new Proxy({}, {
      ownKeys: () => {
        throw new Error("trap")
      }
    })
  ],
  [
    "not-json",
    Object.defineProperty({}, "version", {
      enumerable: true,
      get: () => {
        throw new Error("trap")
      }
    })
  ],
  ["not-json", new Date(0)],
  ["too-large", Array(200_000_000)],
  ["malformed", null],
  ["malformed", "{}"],
  ["malformed", []],
  ["malformed", {}],
  ["malformed", { version: 1, savedAt: 1e300, guards: [], leftOut: [] }],
  ["malformed", { version: 1, savedAt: 0, guards: {}, leftOut: [] }],
  ["version", { version: 2, savedAt: 0, guards: [], leftOut: [] }]
]

describe("what is no saved state", () => {
  for (const [i, [reason, value]] of nothing.entries()) {
    it.effect(`is refused as ${reason}, ${i}`, () =>
      inProcess(Effect.gen(function*() {
        const breaker = yield* model
        const error = yield* Effect.flip(SavedState.restore(value))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(yield* breaker.state, "Closed")
      })))
  }

  /** Any place of a state that was saved, replaced by any other JSON. */
  const Edit = Schema.Struct({
    at: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))).check(Schema.isMaxLength(9)),
    by: Schema.Union([
      Schema.Null,
      Schema.Literals([-1, 0, 0.5, 1e300, -1e300, 2 ** 53, "", "Closed", "Open", "3", "__proto__", true])
    ])
  })

  it.effect.prop(
    "breaks no guard where any place of it is replaced: each goes on, and opens no longer than a hundred years",
    {
      edits: Schema.Array(Edit).check(Schema.isMinLength(1), Schema.isMaxLength(3))
    },
    ({ edits }) =>
      Effect.gen(function*() {
        const guards = Effect.gen(function*() {
          const breaker = yield* model
          const timed = yield* CircuitBreaker.make({
            name: "timed",
            window: CircuitBreaker.lasting("1 second", { buckets: 4 })
          })
          const family = yield* CircuitBreaker.Family.make({ name: "family", minimumCalls: 1 })
          const limiter = yield* RateLimiter.make({
            name: "limits",
            limits: [RateLimiter.requests(5, "1 second", { kind: "sliding-window" }), RateLimiter.tokens(9, "1 second")]
          })
          const budget = yield* RetryBudget.make({ name: "budget" })
          return { breaker, timed, family, limiter, budget }
        })
        const use = ({ breaker, budget, family, limiter, timed }: Effect.Success<typeof guards>) =>
          Effect.gen(function*() {
            yield* Effect.exit(breaker.protect(Effect.fail("503")))
            yield* Effect.exit(timed.protect(Effect.fail("503")))
            yield* Effect.exit(family.protect("a")(Effect.fail("503")))
            yield* Effect.exit(limiter.reserve({ tokens: 3 }))
            yield* budget.deposit
            yield* budget.take
          })
        const text = yield* savedBy(Effect.flatMap(guards, use))
        yield* inProcess(Effect.gen(function*() {
          const made = yield* guards
          const state = edits.reduce((json, { at, by }) => replaced(json, at, by), JSON.parse(text))
          yield* Effect.result(SavedState.restore(state))
          yield* use(made)
          for (const { failureRate, nextRetry } of [yield* made.breaker.snapshot, yield* made.timed.snapshot]) {
            assert.isTrue(failureRate === undefined || (failureRate >= 0 && failureRate <= 1))
            assert.isTrue(nextRetry === undefined || Duration.toDays(nextRetry) <= 36_525)
          }
          const { limits } = yield* made.limiter.snapshot
          assert.isTrue(limits.every(({ available, capacity }) => available <= capacity))
          yield* TestClock.adjust("3 seconds")
          yield* made.limiter.reserve({ tokens: 3 })
          assert.isTrue((yield* made.budget.snapshot).available >= 0)
        }))
      }),
    { arbitrary: { runs: 300 } }
  )
})

/** The value with the place that the indices lead to replaced; of an object they count its fields. */
const replaced = (json: unknown, [first, ...rest]: ReadonlyArray<number>, by: unknown): unknown => {
  if (first === undefined || typeof json !== "object" || json === null) return by
  const keys = Object.keys(json)
  const key = keys[first % Math.max(1, keys.length)]
  if (key === undefined) return by
  const inside = replaced((json as Record<string, unknown>)[key], rest, by)
  return Array.isArray(json) ? json.with(Number(key), inside) : { ...json, [key]: inside }
}
