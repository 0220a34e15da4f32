/** Calls with costs of their own: `protectCall` takes and corrects what `protectWith` does. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, RateLimiter } from "@switchgear/core"
import { Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

type Guarded = <E>(
  limiter: RateLimiter.RateLimiter,
  self: Effect.Effect<number, E>,
  terms: RateLimiter.Terms<number>
) => Effect.Effect<number, E | RateLimiter.RateLimited>

const ways: Readonly<Record<string, Guarded>> = {
  "by protectWith": (limiter, self, terms) =>
    limiter.protectWith<number>({ costs: () => terms.costs(), settle: (value) => terms.settle(value) })(self),
  "by protectCall": (limiter, self, terms) => RateLimiter.protectCall(limiter, self, terms),
  "by protectCall, of a limiter that is wrapped": (limiter, self, terms) =>
    RateLimiter.protectCall({ ...limiter }, self, terms)
}

const Call = Schema.Struct({
  tokens: Schema.Literals([0, 1, 4, 11, 2.5]),
  used: Schema.Literals([0, 2, 7, 30]),
  ends: Schema.Literals(["answers", "fails", "dies", "is refused inside", "is interrupted", "cannot be settled"]),
  after: Schema.Literals([0, 300, 2000])
})

const Case = Schema.Struct({
  maxWait: Schema.Literals([0, 500]),
  calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(8))
})

const told = (guarded: Guarded, { calls, maxWait }: typeof Case.Type) =>
  Effect.gen(function*() {
    const limits = [RateLimiter.requests(4, "1 second"), RateLimiter.tokens(10, "1 second")]
    const limiter = yield* RateLimiter.make({ name: "l", limits, maxWait })
    const full = yield* Bulkhead.make({ name: "full", concurrency: 1, queue: 0 })
    const holding = yield* Effect.forkChild(full.protect(Effect.never), { startImmediately: true })
    const seen: Array<unknown> = []
    for (const { after, ends, tokens, used } of calls) {
      const work: Readonly<Record<typeof ends, Effect.Effect<number, unknown>>> = {
        answers: Effect.succeed(used),
        fails: Effect.fail("503"),
        dies: Effect.die("bug"),
        "is refused inside": full.protect(Effect.succeed(used)),
        "is interrupted": Effect.interrupt,
        "cannot be settled": Effect.succeed(-1)
      }
      const call = guarded(limiter, work[ends], {
        costs: () => ({ tokens }),
        settle: (value) => {
          if (value < 0) throw new Error("bug")
          return { tokens: value }
        }
      })
      const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
      yield* TestClock.adjust(after)
      const exit = fiber.pollUnsafe()
      const end = exit === undefined || exit._tag === "Failure" ? exit?._tag : exit.value
      seen.push(
        typeof end !== "object" || Exit.isSuccess(end)
          ? end
          : end.cause.reasons.map((reason) => reason._tag === "Fail" ? String(reason.error) : reason._tag),
        yield* limiter.snapshot
      )
      yield* Fiber.interrupt(fiber)
    }
    yield* Fiber.interrupt(holding)
    return [seen, yield* limiter.snapshot]
  })

describe("a call with costs of its own", () => {
  it.effect.prop(
    "is admitted, refused and corrected as by protectWith",
    { of: Case },
    ({ of }) =>
      Effect.gen(function*() {
        const [first, ...others] = yield* Effect.forEach(
          Object.values(ways),
          (guarded) => Effect.provide(told(guarded, of), TestClock.layer())
        )
        for (const other of others) assert.deepStrictEqual(other, first)
      })
  )

  it.effect("can run many times, each with costs that are asked for anew", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "l", limits: [RateLimiter.tokens(10, "1 hour")] })
      let tokens = 1
      const call = RateLimiter.protectCall(limiter, Effect.succeed(0), {
        costs: () => ({ tokens: tokens++ }),
        settle: () => ({})
      })
      yield* call
      yield* call
      assert.strictEqual((yield* limiter.snapshot).limits[0]!.available, 7)
    }))
})

describe("a call that has failed", () => {
  for (
    const [what, settleFailed, left] of [
      ["keeps what it has taken", undefined, 3],
      ["gives back what it says", () => ({ tokens: 0 }), 10],
      ["keeps what it has taken where that cannot be said", () => ({ tokens: NaN }), 3]
    ] as const
  ) {
    it.effect(what, () =>
      Effect.gen(function*() {
        const limits = [RateLimiter.tokens(10, "1 hour"), RateLimiter.requests(10, "1 hour")]
        const limiter = yield* RateLimiter.make({ name: "l", limits })
        const terms = { costs: () => ({ tokens: 7 }), settle: () => ({}), settleFailed }
        for (const self of [Effect.fail("down"), Effect.interrupt]) {
          const before = RateLimiter.availableOf(limiter, "tokens")!
          if (before < 7) continue
          yield* Effect.exit(RateLimiter.protectCall(limiter, Effect.andThen(Effect.void, self), terms))
          assert.strictEqual(RateLimiter.availableOf(limiter, "tokens"), left)
        }
        assert.isBelow(RateLimiter.availableOf(limiter, "requests")!, 10)
      }))
  }
})
