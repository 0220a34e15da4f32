/** What was learnt outlives its process: concurrency limits, throttles, hedges. An old limit is trusted less. */
import { assert, describe, it } from "@effect/vitest"
import { AdaptiveThrottle, ConcurrencyLimit, Hedge, Registry, SavedState } from "@switchgear/core"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const hour = 3_600_000

const algorithms = ["gradient", "aimd", "vegas", "gradient2"] as const
const Algorithm = Schema.Literals(algorithms)

const make = (algorithm: ConcurrencyLimit.AlgorithmName, options: Partial<ConcurrencyLimit.Options> = {}) =>
  ConcurrencyLimit.make({
    name: "limit",
    algorithm,
    sample: "duration",
    window: 100,
    minimumCalls: 3,
    initial: 10,
    min: 2,
    max: 40,
    ...options
  })

/** Waves of calls: how many begin at once, how long they take, how many of them are dropped. */
const Wave = Schema.Struct({
  calls: Schema.Literals([1, 4, 12, 40]),
  millis: Schema.Literals([100, 120, 500]),
  drops: Schema.Literals([0, 0, 1, 4]),
  kind: Schema.Literals(["chat", "summary"])
})

interface WaveLike {
  readonly calls: number
  readonly millis: number
  readonly drops: number
  readonly kind: string
}

const play = (limit: ConcurrencyLimit.ConcurrencyLimit) => (wave: WaveLike) =>
  Effect.gen(function*() {
    for (let i = 0; i < wave.calls; i++) {
      const work = Effect.andThen(
        Effect.sleep(wave.millis),
        i < wave.drops ? Effect.fail({ status: 503 }) : Effect.void
      )
      const call = Effect.provideService(limit.protect(work), ConcurrencyLimit.CurrentClass, wave.kind)
      yield* Effect.forkChild(Effect.exit(call))
    }
    yield* TestClock.adjust(3000)
  })

const learnt = (limit: ConcurrencyLimit.ConcurrencyLimit) =>
  Effect.map(limit.snapshot, ({ baselines, concurrency, limit, pinned, reason }) => ({
    baselines,
    concurrency,
    limit,
    pinned,
    reason
  }))

const after = <A, E>(
  text: string,
  age: number,
  algorithm: ConcurrencyLimit.AlgorithmName,
  use: (limit: ConcurrencyLimit.ConcurrencyLimit) => Effect.Effect<A, E>,
  options?: Partial<ConcurrencyLimit.Options>
) =>
  inProcess(Effect.gen(function*() {
    const { savedAt } = JSON.parse(text) as { readonly savedAt: number }
    yield* TestClock.setTime(savedAt + age)
    const limit = yield* make(algorithm, options)
    const { ignored } = yield* SavedState.restore(JSON.parse(text))
    return { ignored: ignored.map(({ reason }) => reason), seen: yield* use(limit) }
  }))

const signal: ConcurrencyLimit.Options["signal"] = (exit) => exit._tag === "Success" ? "success" : "drop"

describe("a concurrency limit that is restored", () => {
  it.effect.prop(
    "has its limit and its baselines, and less of them the older they are, and goes on within its bounds",
    {
      algorithm: Algorithm,
      before: Schema.Array(Wave).check(Schema.isMinLength(1), Schema.isMaxLength(12)),
      next: Schema.Array(Wave).check(Schema.isMaxLength(4)),
      max: Schema.Literals([10, 25, 40])
    },
    ({ algorithm, before, max, next }) =>
      Effect.gen(function*() {
        const lived = yield* inProcess(Effect.gen(function*() {
          const limit = yield* make(algorithm, { signal })
          yield* Effect.forEach(before, play(limit))
          return { ...yield* learnt(limit), text: JSON.stringify(yield* SavedState.save) }
        }))
        const { text, ...state } = lived
        const now = yield* after(text, 0, algorithm, learnt, { signal })
        assert.deepStrictEqual(now, { ignored: [], seen: state })
        // A clock that went back makes nothing younger than new.
        assert.deepStrictEqual(yield* after(text, -hour, algorithm, learnt, { signal }), now)
        let far = Math.abs(state.limit - 10)
        let known = state.baselines.length
        for (const age of [1, hour / 2, hour, 3 * hour, 24 * hour, 720 * hour, 1e12]) {
          const { seen } = yield* after(text, age, algorithm, learnt, { signal })
          // Always on the way from the saved limit to the initial one.
          assert.isAtMost(Math.abs(seen.limit - 10), far)
          assert.isTrue((seen.limit - 10) * (state.limit - 10) >= 0)
          assert.isAtMost(seen.baselines.length, known)
          far = Math.abs(seen.limit - 10)
          known = seen.baselines.length
          if (age === hour) assert.approximately(seen.limit, (state.limit + 10) / 2, 1e-9)
        }
        assert.isAtMost(far, 1e-9)
        assert.strictEqual(known, 0)
        // With other bounds it keeps to these.
        yield* after(text, 0, algorithm, (limit) =>
          Effect.gen(function*() {
            yield* Effect.forEach(next, play(limit))
            const seen = yield* limit.snapshot
            assert.isTrue(seen.limit >= 2 && seen.limit <= max)
            assert.strictEqual(seen.concurrency, Math.floor(seen.limit))
            assert.strictEqual(seen.inFlight + seen.queued, 0)
          }), { signal, max })
      }),
    { arbitrary: { runs: 60 }, timeout: 120_000 }
  )

  const good: WaveLike = { calls: 12, millis: 100, drops: 0, kind: "chat" }
  const repeated = (times: number, wave: WaveLike) => Array.from({ length: times }, () => wave)
  const histories: Record<string, readonly [ReadonlyArray<WaveLike>, ReadonlyArray<WaveLike>]> = {
    "while it grows": [repeated(2, good), repeated(3, good)],
    "after a sign of overload": [[...repeated(2, good), { ...good, drops: 4 }], repeated(4, good)],
    "with baselines that are learnt": [
      repeated(14, good),
      [{ ...good, millis: 120 }, { ...good, millis: 500 }, good, { ...good, millis: 120 }]
    ],
    "after an outage": [
      [...repeated(6, { ...good, calls: 36 }), ...repeated(6, { ...good, calls: 36, drops: 36 })],
      repeated(4, { ...good, calls: 36 })
    ]
  }
  for (const [when, [before, next]] of Object.entries(histories)) {
    it.effect(`goes on as one that lived on, ${when}`, () =>
      Effect.gen(function*() {
        const options = { signal, initial: 8, minimumCalls: before[0]!.calls, queue: 100 }
        const goesOn = (limit: ConcurrencyLimit.ConcurrencyLimit) =>
          Effect.forEach(next, (wave) => Effect.andThen(play(limit)(wave), learnt(limit)))
        // The windows of the others end in the midst of a wave, and vegas draws.
        for (const algorithm of ["gradient", "aimd"] as const) {
          const lived = yield* inProcess(Effect.gen(function*() {
            const limit = yield* make(algorithm, options)
            yield* Effect.forEach(before, play(limit))
            const text = JSON.stringify(yield* SavedState.save)
            return { text, seen: yield* goesOn(limit) }
          }))
          const { seen } = yield* after(lived.text, 0, algorithm, goesOn, options)
          assert.deepStrictEqual(seen, lived.seen, algorithm)
        }
      }))
  }

  it.effect("stays pinned until the next command, however old that is", () =>
    Effect.gen(function*() {
      for (const algorithm of algorithms) {
        const text = yield* inProcess(Effect.gen(function*() {
          const limit = yield* make(algorithm)
          yield* limit.control.pin(1)
          return JSON.stringify(yield* SavedState.save)
        }))
        const { seen } = yield* after(text, 720 * hour, algorithm, (limit) =>
          Effect.gen(function*() {
            const { concurrency, pinned } = yield* limit.snapshot
            yield* limit.protect(Effect.void)
            yield* limit.control.unpin
            return [pinned, concurrency, (yield* limit.snapshot).concurrency]
          }))
        assert.deepStrictEqual(seen, [1, 1, 10])
      }
    }))

  it.effect("is one with the same algorithm and sample, and without calls or commands", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        yield* make("gradient")
        return JSON.stringify(yield* SavedState.save)
      }))
      const none = () => Effect.void
      assert.deepStrictEqual((yield* after(text, 0, "aimd", none)).ignored, ["other-options"])
      assert.deepStrictEqual((yield* after(text, 0, "gradient", none, { sample: "perToken" })).ignored, [
        "other-options"
      ])
      const reason = (use: (limit: ConcurrencyLimit.ConcurrencyLimit) => Effect.Effect<unknown, unknown>) =>
        inProcess(Effect.gen(function*() {
          const limit = yield* make("gradient")
          yield* use(limit)
          return (yield* SavedState.restore(JSON.parse(text))).ignored.map(({ reason }) => reason)
        }))
      assert.deepStrictEqual(yield* reason(() => Effect.void), [])
      assert.deepStrictEqual(yield* reason(({ protect }) => protect(Effect.void)), ["in-use"])
      assert.deepStrictEqual(yield* reason(({ control }) => control.pin(3)), ["in-use"])
      assert.deepStrictEqual(yield* reason(({ control }) => control.reset), ["in-use"])
      assert.deepStrictEqual(
        yield* reason(({ protect }) => Effect.forkChild(protect(Effect.never), { startImmediately: true })),
        ["in-use"]
      )
    }))

  it.effect("is not saved where its algorithm is one's own", () =>
    inProcess(Effect.gen(function*() {
      yield* ConcurrencyLimit.make({
        name: "own",
        algorithm: ({ initial }) => ({
          limit: initial,
          reason: "initial",
          begun: () => {},
          sampled: () => {},
          ended: () => {},
          reset: () => {},
          read: () => ({ stretch: 1, drops: 0, baselines: [] })
        })
      })
      const { guards, leftOut } = yield* SavedState.save
      assert.deepStrictEqual([guards, leftOut], [[], [{ kind: "ConcurrencyLimit", id: "own" }]])
    })))
})

describe("a throttle that is restored", () => {
  it.effect("rejects as one that lived on, for what is left of its window", () =>
    Effect.gen(function*() {
      const throttle = AdaptiveThrottle.make({ name: "throttle", window: "1 minute", minimumCalls: 5 })
      const rates = (age: number) =>
        Effect.gen(function*() {
          const lived = yield* inProcess(Effect.gen(function*() {
            const made = yield* throttle
            for (let i = 0; i < 30; i++) {
              yield* Effect.exit(made.protect(i < 3 ? Effect.void : Effect.fail("503")))
              yield* TestClock.adjust(1000)
            }
            const text = JSON.stringify(yield* SavedState.save)
            yield* TestClock.adjust(age)
            const { accepts, rejectionRate, requests } = yield* made.snapshot
            return { text, seen: [accepts, rejectionRate, requests] }
          }))
          const restored = yield* inProcess(Effect.gen(function*() {
            yield* TestClock.setTime(30_000 + age)
            const made = yield* throttle
            yield* SavedState.restore(JSON.parse(lived.text))
            const { accepts, rejected, rejectionRate, requests } = yield* made.snapshot
            assert.strictEqual(rejected, 0)
            return [accepts, rejectionRate, requests]
          }))
          assert.deepStrictEqual(restored, lived.seen)
          return restored[1]!
        })
      assert.isAbove(yield* rates(0), 0.5)
      assert.isAbove(yield* rates(31_000), 0.5)
      assert.strictEqual(yield* rates(60_000), 0)
      assert.strictEqual(yield* rates(720 * hour), 0)
    }))
})

describe("a hedge that is restored", () => {
  it.effect("has no budget that was spent before, however long ago", () =>
    Effect.gen(function*() {
      const hedge = Hedge.make({ name: "hedge", on: "result", delay: 10, budget: { ratio: 0.1, burst: 2 } })
      const slow = Effect.sleep(100)
      const call = (made: Hedge.Hedge) => Effect.andThen(Effect.forkChild(made.protect(slow)), TestClock.adjust(200))
      const text = yield* inProcess(Effect.gen(function*() {
        const made = yield* hedge
        for (let i = 0; i < 5; i++) yield* call(made)
        const { budget, hedges } = yield* made.snapshot
        assert.deepStrictEqual({ budget, hedges }, { budget: 0, hedges: 2 })
        return JSON.stringify(yield* SavedState.save)
      }))
      const counts = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(720 * hour)
        const made = yield* hedge
        const { ignored } = yield* SavedState.restore(JSON.parse(text))
        assert.deepStrictEqual(ignored, [])
        yield* call(made)
        const first = (yield* made.snapshot).hedges
        for (let i = 0; i < 10; i++) yield* call(made)
        return [first, (yield* made.snapshot).hedges]
      }))
      assert.deepStrictEqual(counts, [0, 1])
    }))

  it.effect("is off where too few of the last hedges have won, and keeps its own state where it is in use", () =>
    Effect.gen(function*() {
      const hedge = Hedge.make({ name: "hedge", on: "result", delay: 10, budget: { ratio: 1, burst: 100 } })
      const call = (made: Hedge.Hedge) =>
        Effect.andThen(Effect.forkChild(made.protect(Effect.sleep(100))), TestClock.adjust(200))
      const text = yield* inProcess(Effect.gen(function*() {
        const made = yield* hedge
        for (let i = 0; i < 20; i++) yield* call(made)
        assert.isTrue((yield* made.snapshot).isLosing)
        return JSON.stringify(yield* SavedState.save)
      }))
      const restored = (use: (made: Hedge.Hedge) => Effect.Effect<void>) =>
        inProcess(Effect.gen(function*() {
          const made = yield* hedge
          yield* use(made)
          const { ignored } = yield* SavedState.restore(JSON.parse(text))
          const { isLosing, winRate } = yield* made.snapshot
          return { isLosing, winRate, ignored: ignored.map(({ reason }) => reason) }
        }))
      assert.deepStrictEqual(yield* restored(() => Effect.void), { isLosing: true, winRate: 0, ignored: [] })
      assert.deepStrictEqual(yield* restored(call), { isLosing: false, winRate: 0, ignored: ["in-use"] })
    }))
})
