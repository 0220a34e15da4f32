/** The Redis of a fleet as a node of a world: how it begins again, and what a node sees of it meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { SimulatedRedis, World } from "@switchgear/core/testing"
import { Effect, Layer, Ref } from "effect"

const call: ClusterStore.BookingCall = {
  said: 0,
  longestWay: 2000,
  limits: [["model:requests", {
    gap: 60_000,
    burst: 20,
    ahead: 0,
    want: 5,
    back: 0,
    unused: 0,
    oldest: 0,
    within: 0,
    latest: 0,
    fullAfter: 0,
    terms: "20:1",
    before: "",
    scale: 1
  }]]
}

/** Books five turns a second, and writes down what it gets: turns, or why not. */
const client = Layer.effectDiscard(Effect.gen(function*() {
  const node = yield* World.Node
  const store = yield* ClusterStore.ClusterStore
  const seen = yield* node.disk<ReadonlyArray<number | string>>("seen", [])
  const book = store.limits(call).pipe(
    Effect.map(([answer]) => answer!.granted),
    Effect.catchTag("StoreFailed", ({ operation, reason }) => Effect.succeed(`${operation} ${reason}`)),
    Effect.flatMap((told) => Ref.update(seen, (before) => [...before, told]))
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(book, Effect.sleep("1 second"))))
})).pipe(Layer.provide(SimulatedRedis.layerStore("redis")))

const seenOf = (options: SimulatedRedis.Options) =>
  Effect.gen(function*() {
    let seen: ReadonlyArray<number | string> = []
    const watch = World.invariant("seen", (view) => () => {
      seen = view.disk("client", "seen", seen)
      return undefined
    })
    yield* World.run({
      nodes: { redis: SimulatedRedis.layer(options), client },
      invariants: [watch],
      script: [{ at: "3.5 seconds", crash: "redis", for: "1 second" }],
      for: "7.9 seconds"
    })
    return seen
  })

describe("a simulated Redis", () => {
  it.live("begins again with nothing, and fails calls while it is down", () =>
    Effect.map(
      seenOf({}),
      (seen) => assert.deepStrictEqual(seen.slice(-8), [5, 5, 5, 5, "limits failed", 5, 5, 5])
    ))

  it.live("goes on as its last copy where it is copied", () =>
    Effect.map(
      seenOf({ copies: "2.5 seconds" }),
      (seen) => assert.deepStrictEqual(seen.slice(-8), [5, 5, 5, 5, "limits failed", 5, 0, 0])
    ))

  it.live("refuses an option that does not exist, or is out of its range", () =>
    Effect.gen(function*() {
      for (const options of [{ copys: 1 }, { copies: 0 }]) {
        const world = World.run({ nodes: { redis: SimulatedRedis.layer(options as never) }, for: 1 })
        const exit = yield* Effect.exit(world)
        assert.match(String(exit), /SimulatedRedis.layer: .*(copys|copies)/)
      }
    }))
})
