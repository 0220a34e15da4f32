import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Cause, Duration, Effect, Equal, Hash, Schema } from "effect"
import { inspect, types } from "node:util"

const { CircuitOpen } = CircuitBreaker

const rejectedAfter = (change: (control: CircuitBreaker.Control) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model" })
    yield* change(breaker.control)
    return yield* Effect.flip(breaker.protect(Effect.void))
  })

const opened = rejectedAfter((control) => control.trip("5 seconds"))
const forced = rejectedAfter((control) => control.forceOpen)

const withoutTrace = (error: Error): string => inspect(error).replaceAll(/\n\s+at .*/g, "")

describe("a rejection", () => {
  for (
    const [title, cheap, make] of [
      [
        "with a time",
        opened,
        () => new CircuitOpen({ breaker: "model", state: "Open", retryAfter: Duration.seconds(5) })
      ],
      ["without a time", forced, () => new CircuitOpen({ breaker: "model", state: "ForcedOpen" })]
    ] as const
  ) {
    it.effect(`is what its constructor builds, ${title}`, () =>
      Effect.gen(function*() {
        const built = yield* cheap
        const made = make()
        assert.instanceOf(built, CircuitOpen)
        assert.isTrue(types.isNativeError(built))
        assert.strictEqual(Object.getPrototypeOf(built), Object.getPrototypeOf(made))
        assert.deepStrictEqual(Object.entries(built), Object.entries(made))
        assert.strictEqual(built.name, made.name)
        assert.strictEqual(built.message, made.message)
        assert.strictEqual(String(built), String(made))
        assert.strictEqual(JSON.stringify(built), JSON.stringify(made))
        assert.strictEqual(withoutTrace(built), withoutTrace(made))
        assert.isTrue(Equal.equals(built, made) && Equal.equals(made, built))
        assert.strictEqual(Hash.hash(built), Hash.hash(made))
        assert.isTrue(Schema.is(CircuitOpen)(built))
        const encoded = yield* Schema.encodeEffect(CircuitOpen)(built)
        assert.deepStrictEqual(encoded, yield* Schema.encodeEffect(CircuitOpen)(made))
        assert.isTrue(Equal.equals(yield* Schema.decodeEffect(CircuitOpen)(encoded), built))
        assert.strictEqual(Cause.pretty(Cause.fail(built)), Cause.pretty(Cause.fail(made)).split("\n")[0])
        assert.strictEqual(yield* Effect.flip(built), built)
      }))
  }

  it.effect("is an object of its own, so that what a reporter marks on one is not on the next", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* breaker.control.forceOpen
      const call = Effect.flip(breaker.protect(Effect.void))
      const first = yield* call
      Object.assign(first, { reported: true })
      const second = yield* call
      assert.notStrictEqual(second, first)
      assert.notProperty(second, "reported")
    }))

  it.effect("leaves the stack traces of other errors as they were", () =>
    Effect.gen(function*() {
      const before = Error.stackTraceLimit
      yield* forced
      assert.strictEqual(Error.stackTraceLimit, before)
      assert.include(new Error("here").stack, "rejection.test.ts")
    }))
})
