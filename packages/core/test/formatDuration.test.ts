/** Durations in messages: two units at most, never shorter than they are. */
import { CircuitBreaker, Deadline, RateLimiter } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Schema } from "effect"
import { TestClock } from "effect/testing"

const waitOf = ({ message }: { readonly message: string }) => /Try again in (.*?)[.,]/.exec(message)![1]!

const wait = (retryAfter: Duration.Duration) =>
  waitOf(new CircuitBreaker.CircuitOpen({ breaker: "model", state: "Open", retryAfter }))

const limit = (after: Duration.Duration) =>
  /ended after (.*?) and/.exec(new Deadline.DeadlineExceeded({ limit: "attempt", after }).message)![1]!

const nanosOf: Record<string, bigint> = {
  d: 86_400_000_000_000n,
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  ns: 1n
}

/** What a person reads. */
const parsed = (text: string): { readonly units: number; readonly nanos: bigint } => {
  const pieces = text === "0" ? [] : text.split(" ").map((piece) => /^(\d+)([a-z]+)$/.exec(piece)!)
  const nanos = pieces.reduce((sum, [, amount, unit]) => sum + BigInt(amount!) * nanosOf[unit!]!, 0n)
  return { units: pieces.length, nanos }
}

describe("a duration in a message", () => {
  it("has two units at most, and a wait longer than a second has no fractions of one", () => {
    const texts = (of: (duration: Duration.Duration) => string, ...all: ReadonlyArray<Duration.Input>) =>
      all.map((duration) => of(Duration.fromInputUnsafe(duration)))
    assert.deepStrictEqual(
      texts(wait, 0, "0.2 millis", "999.5 millis", 1000, 1001, "90 seconds", 5_399_001, "25 hours", 86_399_999),
      ["0", "1ms", "1s", "1s", "2s", "1m 30s", "1h 30m", "1d 1h", "1d"]
    )
    assert.deepStrictEqual(
      texts(limit, "1.5 seconds", "61.001 seconds", "7200001 millis", "36 hours", 1, "Infinity"),
      ["1s 500ms", "1m 2s", "2h 1m", "1d 12h", "1ms", "Infinity"]
    )
  })

  it.effect("is so in errors, log lines and refused options", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(1, "1 day")] })
      yield* limiter.reserve({})
      yield* TestClock.adjust("12345 millis")
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.reserve({}))), "1d")
      const refused = yield* Effect.exit(
        CircuitBreaker.make({ name: "model", patience: Duration.millis(-93_784_005) })
      )
      assert.include(
        Exit.isFailure(refused) ? Cause.pretty(refused.cause) : "",
        "patience must be a duration of zero or more, got -1d 3h"
      )
    }))

  const lengths = Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_000 })),
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200_000_000 })),
    Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 4e9 }))
  ])

  it.prop(
    "has two units at most, is never shorter than it is, and is longer by a second or 5 % at most",
    { millis: lengths },
    ({ millis }) => {
      const duration = Duration.millis(millis)
      const nanos = Duration.toNanosUnsafe(duration)
      for (const text of [wait(duration), limit(duration)]) {
        const read = parsed(text)
        assert.isAtMost(read.units, 2, text)
        assert.isTrue(read.nanos >= nanos, text)
        const more = read.nanos - nanos
        assert.isTrue(more <= 1_000_000_000n || more * 20n <= nanos, text)
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})
