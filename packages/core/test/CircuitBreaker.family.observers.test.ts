/** Observers that use the family they are told of, in the middle of its changes: what is set by hand holds, and nothing is lost. */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker, Registry } from "@switchgear/core"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Use = Schema.Struct({
  key: Schema.Literals(["a", "b", "c", "d"]),
  does: Schema.Literals(["forceOpen", "disable", "close", "reset", "trip", "fails", "answers", "fails later"])
})

const Step = Schema.Union([
  Use,
  Use,
  Use,
  Schema.Struct({ wait: Schema.Literals([1, 10, 40]) }),
  // What the observer does when it is told next.
  Schema.Struct({ reaction: Use })
])

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "a family holds what was set by hand, and has each key once, whatever its observers do with it",
  { capacity: Schema.Literals([1, 2, 3]), steps: Schema.Array(Step) },
  ({ capacity, steps }) =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({
        name: "hosts",
        capacity,
        minimumCalls: 1,
        openFor: 10,
        idleTimeToLive: 30,
        halfOpen: { calls: 1 }
      })
      const byHand = new Map<string, CircuitBreaker.State>()
      const reactions: Array<typeof Use.Type> = []
      const running: Array<Fiber.Fiber<unknown, unknown>> = []
      const act = ({ does, key }: typeof Use.Type): Effect.Effect<unknown> => {
        const guard = family.protect(key)
        switch (does) {
          case "fails":
            return Effect.exit(guard(Effect.fail("503")))
          case "answers":
            return Effect.exit(guard(Effect.void))
          case "fails later":
            return Effect.map(
              Effect.forkDetach(Effect.exit(guard(Effect.delay(Effect.fail("503"), 15))), { startImmediately: true }),
              (fiber) => running.push(fiber)
            )
          case "trip":
            return Effect.flatMap(family.get(key), ({ control }) => control.trip(5))
          default:
            return Effect.flatMap(family.get(key), ({ control }) => control[does])
        }
      }
      const run = Effect.runSyncExitWith(yield* Effect.context<never>())
      const registry = yield* Registry.CurrentRegistry
      registry.observe({
        happened: ({ subject, to }) => {
          const key = subject.slice(family.name.length + 1)
          if (to === "ForcedOpen" || to === "Disabled") byHand.set(key, to)
          else byHand.delete(key)
          const reaction = reactions.shift()
          if (reaction !== undefined) run(act(reaction))
        }
      })
      for (const step of steps) {
        if ("reaction" in step) reactions.push(step.reaction)
        else if ("wait" in step) yield* TestClock.adjust(step.wait)
        else yield* act(step)
      }
      reactions.length = 0
      yield* TestClock.adjust("1 second")
      for (const fiber of running) yield* Fiber.join(fiber)
      for (const [key, state] of byHand) {
        assert.strictEqual(yield* Effect.flatMap(family.get(key), (circuit) => circuit.state), state)
      }
      const { circuits, inFlight } = yield* family.snapshot
      assert.strictEqual(inFlight, 0)
      const keys = yield* family.keys
      assert.strictEqual(new Set(keys).size, keys.length)
      assert.strictEqual(keys.length, Object.values(circuits).reduce((sum, count) => sum + count, 0))
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())),
  { arbitrary: { runs, size: 40, maxShrinks: 1000 }, timeout: 5_000 + 30 * runs }
)
