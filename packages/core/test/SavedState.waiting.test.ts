/** Guards that a process makes late, or not at all, and guards of one name. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter, Registry, SavedState } from "@switchgear/core"
import { Cause, Duration, Effect, Exit, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const day = 86_400_000

const make = (name: string) => CircuitBreaker.make({ name, openFor: "10 days" })

const opened = (...names: ReadonlyArray<string>) =>
  inProcess(Effect.gen(function*() {
    for (const name of names) yield* (yield* make(name)).control.trip()
    return JSON.stringify(yield* SavedState.save)
  }))

const leftOf = ({ snapshot }: CircuitBreaker.CircuitBreaker) =>
  Effect.map(snapshot, ({ nextRetry }) => nextRetry && Duration.toMillis(nextRetry))

/** A process that begins at a time, restores, and saves after some of the guards were made. */
const process = (at: number, text: string, made: ReadonlyArray<string>, options?: SavedState.WaitOptions) =>
  inProcess(Effect.gen(function*() {
    yield* TestClock.setTime(at)
    yield* SavedState.restoreEach(JSON.parse(text), options)
    const left = yield* Effect.forEach(made, (name) => Effect.flatMap(make(name), leftOf))
    const saved = yield* SavedState.save
    return { left, saved, text: JSON.stringify(saved) }
  }))

describe("the state of a guard that is not made", () => {
  it.effect("is saved again, with its age, and restored in a later process to what is left", () =>
    Effect.gen(function*() {
      let text = yield* opened("a", "b")
      for (let hour = 1; hour <= 5; hour++) {
        const { left, saved, text: next } = yield* process(hour * 3_600_000, text, ["a"])
        assert.deepStrictEqual(left, [10 * day - hour * 3_600_000])
        assert.deepStrictEqual(saved.guards.map(({ age, id }) => [id, age]), [["a", undefined], [
          "b",
          hour * 3_600_000
        ]])
        text = next
      }
      const { left } = yield* process(6 * 3_600_000, text, ["b"])
      assert.deepStrictEqual(left, [10 * day - 6 * 3_600_000])
    }))

  it.effect("is not saved any more a day after the last process that had the guard, or after keepFor", () =>
    Effect.gen(function*() {
      const text = yield* opened("a", "b")
      const ids = ({ saved: { guards } }: Effect.Success<ReturnType<typeof process>>) => guards.map(({ id }) => id)
      assert.deepStrictEqual(ids(yield* process(day, text, ["a"])), ["a", "b"])
      assert.deepStrictEqual(ids(yield* process(day + 1, text, ["a"])), ["a"])
      assert.deepStrictEqual(ids(yield* process(9 * day, text, ["a"], { keepFor: "9 days" })), ["a", "b"])
      assert.deepStrictEqual(ids(yield* process(9 * day, text, ["a"], { keepFor: "Infinity" })), ["a", "b"])
      assert.deepStrictEqual(ids(yield* process(2, text, ["a"], { keepFor: 1 })), ["a"])
      // By steps that are shorter than a day it is not kept longer.
      const half = yield* process(day / 2, text, ["a"])
      assert.deepStrictEqual(ids(yield* process(day + 1, half.text, ["a"])), ["a"])
    }))

  it.effect("waits in one process for keepFor, also where it is old, and then is forgotten", () =>
    Effect.gen(function*() {
      const text = yield* opened("a", "b")
      const states = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(5 * day)
        yield* SavedState.restoreEach(JSON.parse(text))
        yield* TestClock.adjust(day)
        const a = yield* leftOf(yield* make("a"))
        yield* TestClock.adjust(1)
        return [a, yield* leftOf(yield* make("b"))]
      }))
      assert.deepStrictEqual(states, [4 * day, undefined])
    }))

  it.effect("waits no longer when the scope of the restoring is closed", () =>
    Effect.gen(function*() {
      const text = yield* opened("a")
      yield* inProcess(Effect.gen(function*() {
        const scope = yield* Scope.make()
        yield* Scope.provide(SavedState.restoreEach(JSON.parse(text)), scope)
        assert.strictEqual((yield* SavedState.save).guards.length, 1)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* SavedState.save).guards.length, 0)
        assert.strictEqual(yield* (yield* make("a")).state, "Closed")
      }))
    }))

  it.effect("is refused by name with a time that is none", () =>
    inProcess(Effect.gen(function*() {
      const exit = yield* Effect.exit(
        SavedState.restoreEach({ version: 1, savedAt: 0, guards: [], leftOut: [] }, { keepFor: 0 })
      )
      assert.include(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "", "keepFor")
    })))
})

describe("keys of a family", () => {
  it.effect("have their state before their first call, and are forgotten as those of a process that lived on", () =>
    Effect.gen(function*() {
      const family = CircuitBreaker.Family.make({
        name: "tenants",
        openFor: "1 minute",
        minimumCalls: 1,
        idleTimeToLive: "1 hour"
      })
      const text = yield* inProcess(Effect.gen(function*() {
        const made = yield* family
        for (const key of ["a", "b"]) yield* Effect.exit(made.protect(key)(Effect.fail("503")))
        for (const key of ["a", "b"]) yield* Effect.flatMap(made.get(key), ({ control }) => control.trip())
        return JSON.stringify(yield* SavedState.save)
      }))
      yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(10_000)
        const made = yield* family
        yield* SavedState.restore(JSON.parse(text))
        // Only one of them is called here, and both are saved.
        yield* Effect.exit(made.protect("a")(Effect.void))
        const { guards } = yield* SavedState.save
        const { circuits } = guards[0]!.state as { readonly circuits: ReadonlyArray<{ readonly key: string }> }
        assert.deepStrictEqual(circuits.map(({ key }) => key).sort(), ["a", "b"])
        assert.strictEqual((yield* (yield* made.get("b")).snapshot).state, "Open")
      }))
    }))
})

describe("guards of one name", () => {
  it.effect("have their states in the order in which they were made", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        const [, second] = yield* Effect.forEach([0, 1, 2], () => make("model"))
        yield* second!.control.forceOpen
        return JSON.stringify(yield* SavedState.save)
      }))
      const states = yield* inProcess(Effect.gen(function*() {
        const made = yield* Effect.forEach([0, 1], () => make("model"))
        const { ignored } = yield* SavedState.restore(JSON.parse(text))
        assert.deepStrictEqual(ignored, [{ kind: "CircuitBreaker", id: "model#3", reason: "not-registered" }])
        return yield* Effect.forEach(made, ({ state }) => state)
      }))
      assert.deepStrictEqual(states, ["Closed", "ForcedOpen"])
    }))

  it.effect("do not get the state of a guard that is named like their id", () =>
    Effect.gen(function*() {
      const text = yield* opened("model#2")
      yield* inProcess(Effect.gen(function*() {
        const [, second] = yield* Effect.forEach([0, 1], () => make("model"))
        const { ignored } = yield* SavedState.restore(JSON.parse(text))
        assert.deepStrictEqual(ignored, [{ kind: "CircuitBreaker", id: "model#2", reason: "other-name" }])
        assert.strictEqual(yield* second!.state, "Closed")
      }))
      yield* inProcess(Effect.gen(function*() {
        yield* SavedState.restoreEach(JSON.parse(text))
        yield* Effect.scoped(Effect.gen(function*() {
          yield* make("model")
          assert.strictEqual(yield* (yield* make("model")).state, "Closed")
        }))
        // It waits for the guard that it belongs to.
        assert.strictEqual(yield* (yield* make("model#2")).state, "Open")
      }))
    }))

  it.effect.prop(
    "and of names like ids: each state is with a guard of its name and place, or is ignored by name",
    {
      before: Schema.Array(Schema.Literals(["a", "a", "a#2", "a#3", "a#2#2"])).check(Schema.isMaxLength(7)),
      after: Schema.Array(Schema.Literals(["a", "a", "a#2", "a#3", "a#2#2"])).check(Schema.isMaxLength(7)),
      isLate: Schema.Boolean
    },
    ({ after, before, isLate }) =>
      Effect.gen(function*() {
        const limiter = (name: string) => RateLimiter.make({ name, limits: [RateLimiter.requests(100, "1 minute")] })
        // Each one is known by what was taken from it.
        const text = yield* inProcess(Effect.gen(function*() {
          const all = yield* Effect.forEach(before, limiter)
          for (const [i, { reserve }] of all.entries()) yield* reserve({ requests: i + 1 })
          return JSON.stringify(yield* SavedState.save)
        }))
        yield* inProcess(Effect.gen(function*() {
          if (isLate) yield* SavedState.restoreEach(JSON.parse(text))
          const all = yield* Effect.forEach(after, limiter)
          const { ignored, restored } = yield* SavedState.restore(JSON.parse(text))
          assert.strictEqual(restored.length + ignored.length, before.length)
          const taken = yield* Effect.forEach(all, ({ snapshot }) =>
            Effect.map(snapshot, ({ limits }) => Math.round(100 - limits[0]!.available)))
          for (const [i, one] of taken.entries())
            if (one > 0)
              assert.strictEqual(before[one - 1], after[i])
          const given = taken.filter((one) =>
            one > 0
          )
          assert.strictEqual(new Set(given).size, given.length)
          if (!isLate) assert.strictEqual(given.length, restored.length)
          if (JSON.stringify(before) === JSON.stringify(after))
            assert.deepStrictEqual(
              taken,
              before.map((_, i) => i + 1)
            )
        }))
      }),
    { arbitrary: { runs: 400 } }
  )
})
