import { assert, describe, it } from "@effect/vitest"
import { Load, Scenario } from "@switchgear/core/testing"
import { Deferred, Effect } from "effect"

const orderOf = (order?: "fifo" | { readonly seed: string }, seed = "1") =>
  Effect.gen(function*() {
    const seen: Array<number> = []
    const scenario = Scenario.make({
      name: "who wakes first",
      order,
      load: [{ name: "at once", arrivals: Load.constant({ rate: 1000, for: "20 millis" }) }],
      provider: [{ name: "up" }],
      policy: (provider) =>
        Effect.map(Deferred.make<void>(), (open) => ({ index }) =>
          Effect.gen(function*() {
            yield* provider
            if (index === 19) yield* Deferred.succeed(open, undefined)
            yield* Deferred.await(open)
            seen.push(index)
          })),
      claims: []
    })
    yield* Scenario.report(scenario, { seed })
    return seen.join()
  })

describe("the order of a scenario", () => {
  it.effect("is that of Effect by default, whatever the seed", () =>
    Effect.gen(function*() {
      const orders = yield* Effect.forEach(["1", "2", "3"], (seed) => orderOf(undefined, seed))
      assert.deepStrictEqual(new Set(orders).size, 1)
      assert.strictEqual(yield* orderOf("fifo"), orders[0])
    }))

  it.effect("is drawn by the seed of the run when it has a seed of its own, and is the same for the same seeds", () =>
    Effect.gen(function*() {
      const orders = yield* Effect.forEach(["1", "2", "3", "4", "5", "6"], (seed) => orderOf({ seed: "a" }, seed))
      assert.isAbove(new Set(orders).size, 1)
      assert.deepStrictEqual(
        yield* Effect.forEach(["1", "2", "3", "4", "5", "6"], (seed) => orderOf({ seed: "a" }, seed)),
        orders
      )
    }))

  it.effect("is refused by name when it is none", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(orderOf("chance" as "fifo"))
      assert.strictEqual(exit._tag, "Failure")
      assert.include(String(exit), "order")
    }))
})
