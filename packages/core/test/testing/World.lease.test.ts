import { assert, describe, it } from "@effect/vitest"
import { World } from "@switchgear/core/testing"
import { Effect } from "effect"
import { type Bug, lastWrites, world } from "./world/lease.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

describe("a replicated lease", () => {
  it.live("is held by both clients in turn when nothing goes wrong, and writes most of the time", () =>
    Effect.gen(function*() {
      const writes = yield* lastWrites(world())
      const by = (client: string) => writes.filter(({ id }) => id.startsWith(client)).length
      assert.isAbove(by("a"), 10)
      assert.isAbove(by("b"), 10)
      assert.isAbove(new Set(writes.map(({ token }) => token)).size, 5)
    }))

  it.live("keeps its invariants under random faults, and still writes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* World.check({ ...world(), runs }), { runs })
      const script: World.Script = [
        { at: 5000, partition: ["a", "r1"], for: "5 seconds" },
        { at: 12_000, crash: ["r2", "store"], for: "2 seconds" },
        { at: 16_000, degrade: ["a", "b"], replyLoss: 0.3, duplicates: 0.3 }
      ]
      const writes = yield* lastWrites({ ...world(), script })
      assert.isAbove(writes.length, 20)
    }), 600_000)

  // What is left of the random faults says what each bug needs.
  const bugs: ReadonlyArray<[Bug, seed: number, invariant: RegExp, fault: RegExp]> = [
    ["no fencing", 5, /no write of an older token/, /^\S+ {2}degrade [ab] to all others, latency/],
    ["local clocks", 1, /at most one client/, /^\S+ {2}skew [ab] by -1s$/],
    ["retried without an id", 1, /every write is done once/, /^\S+ {2}(pause store|degrade [ab]|partition)/]
  ]
  it.live.each(bugs)(
    "with the bug \"%s\" breaks, and one fault is enough",
    ([bug, seed, invariant, fault]) =>
      Effect.gen(function*() {
        const found = yield* Effect.flip(World.check({ ...world(bug), seed, runs: 1000 }))
        assert.match(found.problem, invariant)
        assert.strictEqual(found.script.length, 1)
        assert.match(World.render(found.script), fault)
        // The counterexample is a run like any other, and the right program survives it.
        const again = { script: found.script, seed: found.seed }
        assert.strictEqual((yield* Effect.flip(World.run({ ...world(bug), ...again }))).message, found.problem)
        yield* World.run({ ...world(), ...again })
      }),
    120_000
  )
})
