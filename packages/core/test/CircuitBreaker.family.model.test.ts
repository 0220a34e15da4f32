/** Random commands, calls and churn on a family, which must forget nothing that holds something. */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const capacity = 6
const Key = Schema.Literals(["a", "b", "c", "d", "e", "f", "g", "h"])

const Operation = Schema.Union([
  Schema.TaggedStruct("Command", {
    key: Key,
    command: Schema.Literals(["forceOpen", "disable", "metricsOnly", "close", "reset", "trip"])
  }),
  Schema.TaggedStruct("Call", { key: Key, fails: Schema.Boolean }),
  Schema.TaggedStruct("Begin", { key: Key }),
  Schema.TaggedStruct("End", {}),
  Schema.TaggedStruct("Churn", { keys: Schema.Literals([1, 5, 20]) }),
  Schema.TaggedStruct("Advance", { minutes: Schema.Literals([1, 30, 61]) })
])

const byHand = { forceOpen: "ForcedOpen", disable: "Disabled", metricsOnly: "MetricsOnly" } as const

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "a family forgets no circuit that is set by hand, open, half-open or in use, whatever keys come and go",
  { operations: Schema.Array(Operation) },
  ({ operations }) =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({
        name: "tenants",
        capacity,
        failureRate: "off",
        consecutiveFailures: 1,
        openFor: "365 days",
        idleTimeToLive: "1 hour"
      })
      // An operator takes a handle once, and keeps it.
      const handles = new Map<string, CircuitBreaker.CircuitBreaker>()
      for (const key of Key.literals) handles.set(key, yield* family.get(key))
      const states = new Map<string, CircuitBreaker.State>()
      const running: Array<{ readonly key: string; readonly fiber: Fiber.Fiber<unknown, unknown> }> = []
      let fresh = 0
      for (const operation of operations) {
        switch (operation._tag) {
          case "Command": {
            const { command, key } = operation
            yield* command === "trip" ? handles.get(key)!.control.trip() : handles.get(key)!.control[command]
            const state = states.get(key) ?? "Closed"
            if (command === "close" || command === "reset") states.delete(key)
            else if (command !== "trip") states.set(key, byHand[command])
            else if (state === "Closed") states.set(key, "Open")
            break
          }
          case "Call": {
            const kept = (yield* family.keys).includes(operation.key)
            const room = (yield* family.keys).length < capacity
            yield* Effect.exit(family.protect(operation.key)(operation.fails ? Effect.fail("503") : Effect.void))
            const holds = kept || room || (yield* family.keys).includes(operation.key)
            if (operation.fails && holds && !states.has(operation.key)) states.set(operation.key, "Open")
            break
          }
          case "Begin": {
            const { key } = operation
            const state = states.get(key)
            const fiber = yield* Effect.forkChild(family.protect(key)(Effect.never), { startImmediately: true })
            const isKept = (yield* family.keys).includes(key)
            if (isKept && state !== "Open" && state !== "ForcedOpen") running.push({ key, fiber })
            else yield* Fiber.interrupt(fiber)
            break
          }
          case "End":
            yield* Fiber.interrupt(running.shift()?.fiber ?? (yield* Effect.forkChild(Effect.void)))
            break
          case "Churn":
            for (let i = 0; i < operation.keys; i++) {
              assert.isTrue(Exit.isSuccess(yield* Effect.exit(family.protect(`fresh ${fresh++}`)(Effect.void))))
            }
            break
          case "Advance":
            yield* TestClock.adjust(`${operation.minutes} minutes`)
        }
        // What was opened by a call or a trip stays so for a year, which no history lasts.
        for (const [key, state] of states) {
          assert.strictEqual(yield* handles.get(key)!.state, state, `${key} after ${JSON.stringify(operation)}`)
          const passes = Exit.isSuccess(yield* Effect.exit(handles.get(key)!.gate(Effect.void)))
          assert.strictEqual(passes, state === "Disabled" || state === "MetricsOnly", key)
        }
        assert.strictEqual((yield* family.snapshot).inFlight, running.length)
        const kept = yield* family.keys
        for (const key of [...states.keys(), ...running.map(({ key }) => key)]) assert.include(kept, key)
        const holding = new Set([...states.keys(), ...running.map(({ key }) => key)]).size
        assert.isAtMost(kept.length, Math.max(capacity, holding) + 1)
      }
      yield* Fiber.interruptAll(running.map(({ fiber }) => fiber))
      assert.strictEqual((yield* family.snapshot).inFlight, 0)
    }),
  { arbitrary: { runs, size: 40, maxShrinks: 1000 }, timeout: 5_000 + 50 * runs }
)
