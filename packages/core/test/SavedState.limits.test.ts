/** Limits that change while a limiter runs, and a limiter that is restored: nothing is given twice, and nothing is lost. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter, Registry, SavedState } from "@switchgear/core"
import { Duration, Effect, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

/** Limits of one shape, as a process may be made with them or given later. */
const amounts = [[6, 1000, 60, 2000], [12, 1000, 30, 2000], [6, 3000, 60, 6000], [3, 500, 240, 4000]] as const
const limitsOf = (which: number, kind: RateLimiter.LimitKind) => {
  const [requests, per, tokens, perTokens] = amounts[which]!
  return [
    RateLimiter.requests(requests, per, { kind }),
    RateLimiter.tokens(tokens, perTokens, kind === "token-bucket" ? { burst: tokens * 1.5 } : { kind })
  ]
}

const Which = Schema.Literals([0, 1, 2, 3])
const Kind = Schema.Literals(["token-bucket", "sliding-window"])
const Step = Schema.Union([
  Schema.TaggedStruct("Take", { tokens: Schema.Literals([0, 5, 20]) }),
  Schema.TaggedStruct("Take", { tokens: Schema.Literals([0, 5, 20]) }),
  Schema.TaggedStruct("Settle", { tokens: Schema.Literals([0, 30, 90]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([100, 900]) }),
  Schema.TaggedStruct("Limits", { which: Which }),
  Schema.TaggedStruct("Wait", { millis: Schema.Literals([0, 7, 130, 640, 2100]) })
])

const play = (limiter: RateLimiter.RateLimiter, kind: RateLimiter.LimitKind) => (step: typeof Step.Type) => {
  switch (step._tag) {
    case "Take":
      return Effect.map(Effect.result(limiter.reserve({ tokens: step.tokens })), told)
    case "Settle":
      return Effect.map(
        Effect.result(Effect.flatMap(limiter.reserve({ tokens: 1 }), ({ settle }) => settle({ tokens: step.tokens }))),
        told
      )
    case "Pause":
      return Effect.as(limiter.pause(step.millis), "paused")
    case "Limits":
      return Effect.as(limiter.setLimits(limitsOf(step.which, kind)), "changed")
    case "Wait":
      return Effect.as(TestClock.adjust(step.millis), "waited")
  }
}

const told = (result: Result.Result<unknown, { readonly reason: string }>) =>
  Result.isSuccess(result) ? "taken" : result.failure.reason

const seen = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits, pausedFor }) => ({
    available: limits.map(({ available }) => Math.round(available * 1e6) / 1e6),
    capacity: limits.map(({ capacity }) => capacity),
    pausedFor: pausedFor && Math.round(Duration.toMillis(pausedFor))
  }))

describe("a limiter that is restored", () => {
  it.effect.prop(
    "is one that lived on and was given the limits of the new process, whatever limits either had",
    {
      kind: Kind,
      first: Which,
      before: Schema.Array(Step).check(Schema.isMinLength(3), Schema.isMaxLength(25)),
      age: Schema.Literals([0, 1, 90, 450, 1200, 5000, 1e9]),
      // What the new process is made with, and the limits that it is given before and after the restoring.
      second: Which,
      made: Schema.Array(Which).check(Schema.isMaxLength(2)),
      after: Schema.Array(Step).check(Schema.isMaxLength(20))
    },
    ({ after, age, before, first, kind, made, second }) =>
      Effect.gen(function*() {
        const last = made.at(-1) ?? second
        const lived = yield* inProcess(Effect.gen(function*() {
          yield* TestClock.setTime(86_400_000)
          const limiter = yield* RateLimiter.make({ name: "limits", limits: limitsOf(first, kind) })
          yield* Effect.forEach(before, play(limiter, kind))
          const text = JSON.stringify(yield* SavedState.save)
          const held = (yield* limiter.snapshot).limits[1]!
          yield* TestClock.adjust(age)
          const now = 86_400_000 + age + before.reduce((sum, step) => sum + (step._tag === "Wait" ? step.millis : 0), 0)
          yield* limiter.setLimits(limitsOf(last, kind))
          const start = yield* seen(limiter)
          // A debt that is larger than both buckets, because limits were lowered meanwhile, is cut to the larger one.
          const isCut = kind === "token-bucket" && held.available < -Math.max(held.capacity, start.capacity[1]!)
          return {
            text,
            now,
            isCut,
            start,
            ended: yield* Effect.forEach(after, play(limiter, kind)),
            end: yield* seen(limiter)
          }
        }))
        if (lived.isCut) return
        const restored = yield* inProcess(Effect.gen(function*() {
          yield* TestClock.setTime(lived.now)
          const limiter = yield* RateLimiter.make({ name: "limits", limits: limitsOf(second, kind) })
          yield* Effect.forEach(made, (which) => limiter.setLimits(limitsOf(which, kind)))
          const { ignored } = yield* SavedState.restore(JSON.parse(lived.text))
          assert.deepStrictEqual(ignored, [])
          const start = yield* seen(limiter)
          return { start, ended: yield* Effect.forEach(after, play(limiter, kind)), end: yield* seen(limiter) }
        }))
        assert.deepStrictEqual(restored.start, lived.start)
        assert.deepStrictEqual(restored.ended, lived.ended)
        assert.deepStrictEqual(restored.end, lived.end)
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect("has had the refill of the limits before, for the time between", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(100, "1 minute")] })
        yield* limiter.setLimits([RateLimiter.requests(10, "1 minute", { burst: 10 })])
        for (let i = 0; i < 10; i++) yield* limiter.reserve({})
        return JSON.stringify(yield* SavedState.save)
      }))
      const available = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(6000)
        const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(100, "1 minute")] })
        yield* SavedState.restore(JSON.parse(text))
        return (yield* limiter.snapshot).limits[0]!.available
      }))
      // One in six seconds, and not ten.
      assert.strictEqual(Math.round(available * 1e6), 1e6)
    }))

  it.effect("has no debt that is larger than the bucket", () =>
    Effect.gen(function*() {
      const make = RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(10, "1 minute")] })
      const text = yield* inProcess(Effect.andThen(make, Effect.map(SavedState.save, (saved) => JSON.stringify(saved))))
      const available = yield* inProcess(Effect.gen(function*() {
        const limiter = yield* make
        const { restored } = yield* SavedState.restore(JSON.parse(text.replace("\"level\":10", "\"level\":-1e300")))
        assert.strictEqual(restored.length, 1)
        return (yield* limiter.snapshot).limits[0]!.available
      }))
      assert.strictEqual(available, -10)
    }))

  it.effect("is in use after a command that takes from it, and not after new limits", () =>
    Effect.gen(function*() {
      const limits = [RateLimiter.requests(10, "1 minute")]
      const text = yield* inProcess(Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ name: "limits", limits })
        yield* limiter.reserve({})
        return JSON.stringify(yield* SavedState.save)
      }))
      const after = (command: (limiter: RateLimiter.RateLimiter) => Effect.Effect<void>) =>
        inProcess(Effect.gen(function*() {
          const limiter = yield* RateLimiter.make({ name: "limits", limits })
          yield* command(limiter)
          const { ignored } = yield* SavedState.restore(JSON.parse(text))
          return [...ignored.map(({ reason }) => reason), (yield* limiter.snapshot).limits[0]!.available]
        }))
      assert.deepStrictEqual(
        yield* after(({ setLimits }) => setLimits([RateLimiter.requests(20, "1 minute", { burst: 20 })])),
        [9]
      )
      assert.deepStrictEqual(yield* after(({ clampAvailable }) => clampAvailable({ requests: 4 })), ["in-use", 4])
      assert.deepStrictEqual(yield* after(({ pause }) => pause("1 second")), ["in-use", 0])
    }))
})
