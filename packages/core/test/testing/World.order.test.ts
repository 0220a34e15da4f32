/** The order of the fibers of a node that are ready at the same time. */
import { assert, describe, it } from "@effect/vitest"
import { World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, Ref } from "effect"

class Slots extends Context.Service<Slots, { readonly take: Effect.Effect<void> }>()("test/Slots") {}

/** Lets one call in at a time: it looks, and takes in a later step. */
const slots = Layer.effect(
  Slots,
  Effect.gen(function*() {
    const most = yield* (yield* World.Node).disk("most", 0)
    let running = 0
    return {
      take: Effect.gen(function*() {
        yield* Effect.sleep("1 second")
        if (running === 1) return
        yield* Clock.currentTimeMillis
        running++
        yield* Ref.update(most, (before) => Math.max(before, running))
        yield* Effect.sleep("1 second")
        running--
      })
    }
  })
)

const callers = Layer.effectDiscard(Effect.gen(function*() {
  const node = yield* World.Node
  const take = node.call("slots", Slots, (slots) => slots.take)
  yield* Effect.forkScoped(Effect.all([take, take], { concurrency: "unbounded" }))
}))

const world = {
  nodes: { slots, callers },
  link: { latency: 0 },
  for: "4 seconds",
  promises: "none",
  invariants: [
    World.invariant("one call is in at a time", (view) => () => {
      const most = view.disk("slots", "most", 0)
      return most > 1 ? `${most} were` : undefined
    })
  ]
} as const

describe("the order of the fibers of a node", () => {
  it.live("is that of Effect by default, in which a race never shows", () =>
    Effect.gen(function*() {
      const faults = { kinds: ["skew"], nodes: ["callers"] } as const
      assert.deepStrictEqual(yield* World.check({ ...world, runs: 300, faults }), { runs: 300 })
    }))

  it.live("is drawn with a seed, so that a check finds a race, which its counterexample shows again", () =>
    Effect.gen(function*() {
      const faults = { kinds: ["skew"], nodes: ["callers"] } as const
      const drawn = { ...world, order: { seed: "race" } }
      const found = yield* Effect.flip(World.check({ ...drawn, runs: 1000, faults }))
      assert.deepStrictEqual(found.script, [])
      const again = yield* Effect.flip(World.run({ ...drawn, seed: found.seed, script: found.script }))
      assert.deepStrictEqual(again, found.error)
    }))

  it.live("is one for one seed, and another for another, also after a restart", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const forks = Layer.effectDiscard(Effect.gen(function*() {
        for (const each of ["1", "2", "3", "4", "5", "6"]) {
          yield* Effect.forkScoped(Effect.andThen(Effect.sleep(5), Effect.sync(() => seen.push(each))))
        }
      }))
      const order = (seed: number) =>
        Effect.gen(function*() {
          seen.length = 0
          const script = [{ at: 10, restart: "a" }]
          const { digest } = yield* World.run({ nodes: { a: forks, b: forks }, for: 20, order: { seed }, script })
          assert.strictEqual(seen.length, 18)
          return [...seen, digest].join()
        })
      const seeds = [1, 2, 3, 4]
      const [one, again] = [yield* Effect.forEach(seeds, order), yield* Effect.forEach(seeds, order)]
      assert.deepStrictEqual(one, again)
      assert.strictEqual(new Set(one).size, 4)
    }))
})
