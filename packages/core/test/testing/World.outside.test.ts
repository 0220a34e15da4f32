/** Work of nodes outside of their fibers: the thread pool, promises, and what time is held for. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock, World } from "@switchgear/core/testing"
import { Clock, Deferred, Effect, Layer, Ref, type Scope } from "effect"
import { readFile } from "node:fs/promises"

const program = <A, E>(effect: Effect.Effect<A, E, World.Node | Scope.Scope>) => Layer.effectDiscard(effect)

/** Takes the longer, the more bytes there are. */
const hash = (bytes: number) => Effect.promise(() => crypto.subtle.digest("SHA-512", new Uint8Array(bytes)))

const read = Effect.promise(() => readFile(new URL(import.meta.url)))

describe("the thread pool", () => {
  it.live("wakes the fibers of all nodes in the order of the seed, and not in that in which it is done", () =>
    Effect.gen(function*() {
      const run = Effect.gen(function*() {
        const seen: Array<string> = []
        const works = program(Effect.gen(function*() {
          const { name } = yield* World.Node
          const note = (what: string) => Effect.sync(() => seen.push(name + what))
          const hashes = [4_000_000, 10, 1_000_000, 100].map((bytes, i) => Effect.andThen(hash(bytes), note(`${i}`)))
          yield* Effect.forEach([...hashes, Effect.andThen(read, note("file"))], (work) => Effect.forkScoped(work))
        }))
        const { digest } = yield* World.run({ nodes: { a: works, b: works }, for: 10 })
        assert.strictEqual(seen.length, 10)
        return [...seen, digest].join()
      })
      assert.strictEqual(new Set(yield* Effect.replicateEffect(run, 8)).size, 1)
    }))
})

describe("a promise", () => {
  it.live("wakes a fiber in a turn of its node, so that the invariants see what it does", () =>
    Effect.gen(function*() {
      const invariant = World.invariant("it is never 1", (view) => () => {
        const value = view.disk<number>("a", "value", 0)
        return value === 1 ? "it is" : undefined
      })
      const sets = program(Effect.gen(function*() {
        const value = yield* (yield* World.Node).disk<number>("value", 0)
        for (const next of [1, 0]) {
          yield* Effect.promise(() => Promise.resolve())
          yield* Ref.set(value, next)
        }
      }))
      const error = yield* Effect.flip(World.run({ nodes: { a: sets }, invariants: [invariant], for: 10 }))
      assert.strictEqual(error.invariant, "it is never 1")
    }))

  it.live("is an error where the world has none, on a node as elsewhere", () =>
    Effect.gen(function*() {
      const waits = program(Effect.forkScoped(Effect.promise(() => Promise.resolve())))
      const exit = yield* Effect.exit(World.run({ nodes: { a: waits }, for: 10, promises: "none" }))
      assert.include(String(exit), "with promises \"none\"")
    }))
})

describe("what a node holds time for", () => {
  const work = Effect.callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), 30)
    return Effect.sync(() => clearTimeout(timer))
  })
  /** When the node goes on, and when the test does, with a fault that begins while the node holds time. */
  const held = (fault: World.Fault) =>
    VirtualClock.play(
      Effect.scoped(Effect.gen(function*() {
        const begun = yield* Deferred.make<void>()
        const seen: Array<number> = []
        const holds = program(
          Effect.gen(function*() {
            yield* Effect.sleep(5)
            yield* Deferred.succeed(begun, undefined)
            yield* VirtualClock.hold(work)
            seen.push(yield* Clock.currentTimeMillis)
          })
        )
        const world = yield* World.make({ nodes: { a: holds } })
        yield* Deferred.await(begun)
        yield* Effect.replicateEffect(Effect.yieldNow, 20)
        yield* world.inject(fault)
        yield* Effect.sleep(100)
        return [...seen, yield* Clock.currentTimeMillis]
      })),
      { stuckAfter: "1 second" }
    )

  it.live("is let go when it crashes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* held({ crash: "a" }), [105])
    }))

  it.live("does not keep time from the end of a pause, and is held again after it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* held({ pause: "a", for: 50 }), [55, 105])
    }))

  it.live("is held while nothing happens to the node", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* held({ skew: "a" }), [5, 105])
    }))
})
