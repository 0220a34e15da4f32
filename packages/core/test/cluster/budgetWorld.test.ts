/**
 * A budget of a fleet in a world in which all can happen to its nodes and to the way to their store: messages late and lost, nodes
 * paused, cut off, killed and started again, clocks that jump and drift.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { CurrentBudgetFleet } from "@switchgear/core/runtime"
import { World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, Random } from "effect"
import { vi } from "vitest"

const { MemoryTable } = await vi.importActual<typeof import("../../src/clusterStore/memoryTable.ts")>(
  "../../src/clusterStore/memoryTable.ts"
)

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 40)

const limit = 400_000

class Store extends Context.Service<Store, {
  /** What is out of the budget, as far as the store knows. */
  readonly out: () => number
  readonly budgets: (
    call: ClusterStore.BudgetCall,
    id: string
  ) => Effect.Effect<ReadonlyArray<ClusterStore.BudgetAnswer>>
}>()("test/Store") {}

/** What one life of a node has spent and reserved. */
class Spender extends Context.Service<Spender, { used: number; passed: number; refused: number }>()("test/Spender") {}

const store = Layer.effect(
  Store,
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const table = new MemoryTable()
    const heard = new Set<string>()
    let out = 0
    return {
      out: () => out,
      budgets: (call, id) =>
        Effect.suspend(() => {
          // A connection tells nothing twice.
          if (heard.has(id)) return Effect.never
          heard.add(id)
          const answers = table.callBudgets(call, Number(clock.currentTimeNanosUnsafe()) / 1000)
          for (const { sums: { given, returned } } of answers) out = given - returned
          // Connections break after what was asked is done.
          return Effect.flatMap(Random.next, (share) => share < 0.03 ? Effect.never : Effect.succeed(answers))
        })
    }
  })
)

const overTheWorld = Layer.effect(
  ClusterStore.ClusterStore,
  Effect.gen(function*() {
    const node = yield* World.Node
    const life = yield* Random.next
    let told = 0
    return {
      circuits: () =>
        Effect.map(Clock.currentTimeMillis, (now) => ({ now, nodes: members.length, sequence: 0, circuits: [] })),
      limits: () => Effect.never,
      budgets: (call) =>
        Effect.suspend(() => {
          const id = `${life} ${told++}`
          return Effect.mapError(
            node.call("store", Store, ({ budgets }) => budgets(call, id)),
            (cause) => new ClusterStore.StoreFailed({ operation: "budgets", reason: "failed", cause })
          )
        }),
      subscribe: Effect.never
    }
  })
)

const spender = Layer.effect(
  Spender,
  Effect.gen(function*() {
    const share = (yield* CurrentBudgetFleet)!.open({ name: "team:0", limit, unit: "cents", start: 0, end: 1e15 })!
    const told = { used: 0, passed: 0, refused: 0 }
    const call = Effect.gen(function*() {
      const amount = Math.round(10 * 1000 ** (yield* Random.next))
      share.asked(amount, limit)
      let hasRoom = amount <= share.room(limit)
      const answered = hasRoom ? undefined : share.awaits(amount, limit)
      if (answered !== undefined) {
        yield* answered
        hasRoom = amount <= share.roomAfterWait(limit)
      }
      if (!hasRoom) return void told.refused++
      told.passed++
      told.used += amount
      share.add(0, amount)
      const spent = Math.round(amount * (yield* Random.next))
      yield* Effect.sleep(2000 * (yield* Random.next))
      told.used += spent - amount
      share.add(spent, -amount)
    })
    // In bursts, so that much goes back.
    const pause = Effect.flatMap(Random.next, (share) => Effect.sleep(share < 0.1 ? 5000 * share : 100 * share))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.forkScoped(call), pause)))
    return told
  })
)

const member = spender.pipe(
  Layer.provideMerge(Cluster.layer({ away: "closed" })),
  Layer.provideMerge(overTheWorld)
)

const members = ["a", "b", "c", "d"]

/** What all lives of all nodes have spent and reserved, and what those that live hold, is out; and no more is out than there is. */
const bounded = (told: (sums: { readonly passed: number; readonly refused: number; readonly used: number }) => void) =>
  World.invariant("no more is spent, reserved and held than the store has given out", (view) => {
    const lives = new Set<Spender["Service"]>()
    return () => {
      let held = 0
      for (const name of members) {
        const life = view.service(name, Spender)
        const cluster = view.service(name, Cluster.Cluster)
        if (life === undefined || cluster === undefined) continue
        lives.add(life)
        const { budgets } = view.runSync(name, cluster.status)
        held += budgets.held - budgets.owed
      }
      const out = view.service("store", Store)?.out() ?? 0
      const sums = { used: 0, passed: 0, refused: 0 }
      for (const life of lives) for (const key of Object.keys(sums) as Array<keyof typeof sums>) sums[key] += life[key]
      told(sums)
      return sums.used + held > out || out > limit
        ? `${sums.used} are spent and reserved, ${held} are held, and ${out} of ${limit} are out`
        : undefined
    }
  })

const worldOf = (invariant: ReturnType<typeof bounded>) => ({
  nodes: { store, a: member, b: member, c: member, d: member },
  invariants: [invariant],
  promises: "none",
  for: "30 seconds"
} as const)

describe("a budget in a world of faults", () => {
  it.live("is spent where only some answers are lost", () =>
    Effect.gen(function*() {
      let last = { passed: 0, refused: 0, used: 0 }
      yield* World.run(worldOf(bounded((sums) => last = sums)))
      assert.isAtLeast(last.used, 0.95 * limit)
      assert.isAbove(last.refused, 10)
    }), 60_000)

  it.live(
    "is never passed, whatever happens to nodes, clocks and messages",
    () =>
      World.check({
        ...worldOf(bounded(() => {})),
        runs,
        faults: { nodes: members, within: "25 seconds", lasting: [1000, 100, 5000], atMost: 8 }
      }),
    30_000 + 2000 * runs
  )
})
