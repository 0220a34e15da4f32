/** Whatever is changed in a saved state, it is refused by name, or what is restored works and keeps its laws. */
import { assert, describe, it } from "@effect/vitest"
import {
  AdaptiveThrottle,
  CircuitBreaker,
  ConcurrencyLimit,
  Hedge,
  RateLimiter,
  Registry,
  RetryBudget,
  SavedState
} from "@switchgear/core"
import { Duration, Effect, Exit, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const algorithms = ["gradient", "aimd", "vegas", "gradient2"] as const

const guards = Effect.gen(function*() {
  return {
    counted: yield* CircuitBreaker.make({
      name: "counted",
      window: CircuitBreaker.lastCalls(4),
      minimumCalls: 2,
      openFor: "1 minute",
      rampUp: { over: "10 seconds", from: 0.2 }
    }),
    timed: yield* CircuitBreaker.make({
      name: "timed",
      window: CircuitBreaker.lasting("1 second", { buckets: 4 })
    }),
    family: yield* CircuitBreaker.Family.make({ name: "family", minimumCalls: 1, openFor: "1 minute" }),
    limiter: yield* RateLimiter.make({
      name: "limits",
      limits: [
        RateLimiter.requests(5, "1 second", { kind: "sliding-window" }),
        RateLimiter.tokens(9, "1 second")
      ]
    }),
    budget: yield* RetryBudget.make({ name: "budget" }),
    throttle: yield* AdaptiveThrottle.make({ name: "throttle", minimumCalls: 1 }),
    hedge: yield* Hedge.make({ name: "hedge", delay: "1 second", on: "result" }),
    adaptive: yield* Effect.forEach(
      algorithms,
      (algorithm) =>
        ConcurrencyLimit.make({ name: algorithm, algorithm, sample: "duration", window: 10, minimumCalls: 3, max: 50 })
    )
  }
})

type Guards = Effect.Success<typeof guards>

const calls = ({ adaptive, budget, counted, family, hedge, limiter, throttle, timed }: Guards, failed: boolean) =>
  Effect.gen(function*() {
    const work = failed ? Effect.fail("503") : Effect.void
    yield* Effect.exit(counted.protect(work))
    yield* Effect.exit(timed.protect(work))
    yield* Effect.exit(family.protect("a")(work))
    yield* Effect.exit(throttle.protect(work))
    yield* Effect.exit(hedge.protect(work))
    yield* Effect.exit(limiter.reserve({ tokens: 3 }))
    yield* budget.deposit
    yield* budget.take
    for (const limit of adaptive) {
      for (let i = 0; i < 5; i++) yield* Effect.forkChild(limit.protect(Effect.sleep(10 + i)))
    }
    yield* TestClock.adjust(30)
  })

/** A state in which everything has happened. */
const busy = Effect.gen(function*() {
  const made = yield* guards
  yield* calls(made, false)
  yield* calls(made, true)
  yield* calls(made, true)
  yield* made.limiter.pause("30 seconds")
  yield* made.adaptive[0]!.control.pin(3)
  yield* Effect.flatMap(made.family.get("b"), ({ control }) => control.forceOpen)
  return JSON.stringify(yield* SavedState.save)
})

const nested = (levels: number): unknown => levels === 0 ? 0 : [nested(levels - 1)]

const strange: ReadonlyArray<unknown> = [
  null,
  true,
  -1,
  0,
  0.5,
  1e-300,
  1e21,
  1e300,
  -1e300,
  2 ** 53,
  8.64e15,
  -8.64e15,
  "",
  "Closed",
  "Open",
  "ForcedOpen",
  "3",
  "__proto__",
  "x".repeat(1_000_000),
  [],
  {},
  [[]],
  nested(100),
  JSON.parse("1e400"),
  JSON.parse("{\"__proto__\":{\"state\":\"Open\"}}"),
  JSON.parse("{\"constructor\":{\"prototype\":1}}"),
  NaN,
  undefined
]

const Edit = Schema.Struct({
  place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
  how: Schema.Literals(["replace", "replace", "scale", "scale", "remove", "add", "repeat"]),
  by: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
})

const keysAdded = ["__proto__", "constructor", "age", "name", "left", "openFor", "pinned", "beforeOutage", "toString"]
const scales = [-1, 0, 0.5, 1.0001, 3, 1000, 1e6, 1e9, 1e15, 1e30]

/** Every place in a value, as the keys that lead to it. */
const places = (value: unknown, path: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> => [
  path,
  ...(typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, inside]) => places(inside, [...path, key]))
    : [])
]

const built = (as: unknown, entries: ReadonlyArray<readonly [string, unknown]>): unknown =>
  Array.isArray(as) ? entries.map(([, value]) => value) : Object.fromEntries(entries)

const edited = (json: unknown, [key, ...rest]: ReadonlyArray<string>, edit: typeof Edit.Type): unknown => {
  const by = strange[edit.by % strange.length]
  if (key === undefined || typeof json !== "object" || json === null) {
    if (edit.how === "scale" && typeof json === "number") return json * scales[edit.by % scales.length]!
    if (edit.how !== "add" || typeof json !== "object" || json === null) return by
    return built(json, [...Object.entries(json), [keysAdded[edit.place % keysAdded.length]!, by]])
  }
  const isLast = rest.length === 0
  return built(
    json,
    Object.entries(json).flatMap(([name, value]): ReadonlyArray<readonly [string, unknown]> => {
      if (name !== key) return [[name, value]]
      if (isLast && edit.how === "remove") return []
      if (isLast && edit.how === "repeat") return [[name, value], [name, value]]
      return [[name, edited(value, rest, edit)]]
    })
  )
}

const editedAt = (json: unknown, edit: typeof Edit.Type): unknown => {
  const all = places(json)
  return edited(json, all[edit.place % all.length]!, edit)
}

const reasons = new Set(["not-registered", "other-name", "not-saved", "in-use", "other-options", "malformed"])

const finite = (value: number) => Number.isFinite(value)

/** What holds of the guards at any time. */
const laws = ({ adaptive, budget, counted, hedge, limiter, throttle, timed }: Guards) =>
  Effect.gen(function*() {
    for (const { failureRate, nextRetry, since } of [yield* counted.snapshot, yield* timed.snapshot]) {
      assert.isTrue(failureRate === undefined || (failureRate >= 0 && failureRate <= 1), `rate ${failureRate}`)
      assert.isTrue(nextRetry === undefined || Duration.toDays(nextRetry) <= 36_525)
      assert.isTrue(finite(since))
    }
    const { limits, pausedFor } = yield* limiter.snapshot
    assert.isTrue(limits.every(({ available, capacity }) => finite(available) && available <= capacity))
    assert.isTrue(pausedFor === undefined || Duration.toMinutes(pausedFor) <= 10)
    for (const limit of adaptive) {
      const { baselines, concurrency, limit: now, max, min } = yield* limit.snapshot
      assert.isTrue(now >= min && now <= max, `limit ${now}`)
      assert.isTrue(Number.isSafeInteger(concurrency) && concurrency >= 1, `slots ${concurrency}`)
      assert.isTrue(baselines.every(({ millis }) => millis > 0 && finite(millis)))
    }
    const { rejectionRate } = yield* throttle.snapshot
    assert.isTrue(rejectionRate >= 0 && rejectionRate < 1)
    const { available } = yield* budget.snapshot
    assert.isTrue(available >= 0 && finite(available))
    const { budget: hedges } = yield* hedge.snapshot
    assert.isTrue(hedges >= 0 && hedges <= 10)
  })

/** Every guard lets a call through again; where an operator has opened a circuit, after its command. */
const comesBack = ({ adaptive, budget, counted, family, hedge, limiter, throttle, timed }: Guards) =>
  Effect.gen(function*() {
    const a = yield* family.get("a")
    for (const breaker of [counted, timed, a]) {
      assert.notStrictEqual(yield* breaker.state, "Open")
      if ((yield* breaker.state) === "ForcedOpen") yield* breaker.control.close
      yield* breaker.protect(Effect.void)
    }
    yield* limiter.reserve({ tokens: 3 })
    for (const limit of adaptive) yield* limit.protect(Effect.void)
    yield* throttle.protect(Effect.void)
    yield* hedge.protect(Effect.void)
    assert.isTrue(yield* budget.take)
  })

const tries = (text: string, edits: ReadonlyArray<typeof Edit.Type>) =>
  Effect.gen(function*() {
    const state = edits.reduce(editedAt, JSON.parse(text))
    const again = yield* inProcess(Effect.gen(function*() {
      const made = yield* guards
      const exit = yield* Effect.exit(SavedState.restoreEach(state))
      if (Exit.isFailure(exit)) {
        assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Fail"])
        assert.include(JSON.stringify(exit), "InvalidSavedState")
      } else {
        for (const { reason } of exit.value.ignored) assert.isTrue(reasons.has(reason), reason)
        const named = (state as { readonly guards: ReadonlyArray<unknown> }).guards
        assert.strictEqual(exit.value.restored.length + exit.value.ignored.length, named.length)
      }
      yield* laws(made)
      const { guards: saved, leftOut } = yield* SavedState.save
      assert.deepStrictEqual(leftOut, [])
      yield* calls(made, false)
      yield* calls(made, true)
      yield* laws(made)
      // One change alone makes no opening longer.
      if (edits.length === 1) {
        yield* TestClock.adjust("11 minutes")
        yield* laws(made)
        yield* comesBack(made)
      }
      yield* TestClock.adjust(Duration.days(36_600))
      yield* laws(made)
      yield* comesBack(made)
      return JSON.stringify({ version: 1, savedAt: 0, guards: saved, leftOut })
    }))
    // What was made of it is a state of its own.
    yield* inProcess(Effect.gen(function*() {
      const made = yield* guards
      const { ignored } = yield* SavedState.restore(JSON.parse(again))
      for (const { reason } of ignored) assert.isTrue(reason !== "malformed" && reason !== "failed", reason)
      yield* laws(made)
    }))
    assert.strictEqual(Object.keys(Object.prototype).length, 0)
    assert.strictEqual(({} as { state?: unknown }).state, undefined)
  })

describe("a saved state that was changed", () => {
  it.effect("is restored whole where nothing was changed", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(busy)
      yield* inProcess(Effect.gen(function*() {
        yield* guards
        const { ignored, restored } = yield* SavedState.restore(JSON.parse(text))
        assert.deepStrictEqual(ignored, [])
        assert.strictEqual(restored.length, 11)
      }))
    }))

  it.effect.prop(
    "is refused by name, or gives guards that keep their laws and let calls through again",
    { edits: Schema.Array(Edit).check(Schema.isMinLength(1), Schema.isMaxLength(3)) },
    ({ edits }) => Effect.flatMap(inProcess(busy), (text) => tries(text, edits)),
    { arbitrary: { runs: Number(process.env.SWITCHGEAR_STATES ?? 200) }, timeout: 600_000 }
  )
})
