import { CircuitBreaker, Deadline, Pipeline, Registry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

describe("a pipeline with a named time-out", () => {
  it.effect("ends an attempt in its time, counts it, and tells the circuit, as with a duration", () =>
    Effect.gen(function*() {
      const timeout = yield* Deadline.make({ name: "model", duration: "1 second" })
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      const { protect } = yield* Pipeline.make({ breaker, attemptTimeout: timeout })
      assert.strictEqual(yield* protect(Effect.succeed("in time")), "in time")
      const late = yield* fork(Effect.exit(protect(Effect.never)))
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.join(late)
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), Deadline.DeadlineExceeded)
      assert.deepInclude(yield* timeout.snapshot, { calls: 2, timeouts: 1 })
      assert.deepInclude((yield* breaker.snapshot).totals, { successes: 1, failures: 1 })
    }))

  it.effect("is wrapped where it stands if somebody else has made it", () =>
    Effect.gen(function*() {
      const own = yield* Deadline.make({ name: "model", duration: "1 second" })
      let calls = 0
      const wrapped: Deadline.Timeout = {
        ...own,
        protect: (self) =>
          Effect.suspend(() => {
            calls++
            return own.protect(self)
          })
      }
      const { protect } = yield* Pipeline.make({ attemptTimeout: wrapped, deadline: "1 minute" })
      const late = yield* fork(Effect.exit(protect(Effect.never)))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(late)))
      assert.deepStrictEqual([calls, (yield* own.snapshot).timeouts], [1, 1])
    }))

  it.effect("gives way to a time from the configuration, and stays where there is none", () =>
    Effect.gen(function*() {
      const timeout = yield* Deadline.make({ name: "model", duration: "1 second" })
      const after = (file: unknown) =>
        Effect.gen(function*() {
          const { protect } = yield* Pipeline.fromConfig("model", { attemptTimeout: timeout })
          const late = yield* fork(Effect.exit(protect(Effect.never)))
          yield* TestClock.adjust("500 millis")
          return late.pollUnsafe() === undefined ? "later" : "by then"
        }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(file)))
      assert.strictEqual(yield* after({ model: { attemptTimeout: "500 millis" } }), "by then")
      assert.strictEqual(yield* after({ model: {} }), "later")
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))

  it("has the error of a time-out in its type, and asks for a forgotten yield", () => {
    const typed = (timeout: Deadline.Timeout) => Pipeline.make({ attemptTimeout: timeout })
    expectTypeOf(typed).returns.toEqualTypeOf<Effect.Effect<Pipeline.Pipeline<Deadline.DeadlineExceeded>>>()
    // @ts-expect-error: a time-out that still has to be made is none
    const forgotten = () => Pipeline.make({ attemptTimeout: Deadline.make({ name: "model", duration: 1 }) })
    expectTypeOf(forgotten).toBeFunction()
  })
})
