/**
 * A fleet in a world in which all can happen between its nodes and their store: messages late, lost, told twice, nodes and the
 * store paused, cut off, killed and started again with nothing, clocks that jump and drift.
 */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer, PubSub, Ref, Stream } from "effect"
import { vi } from "vitest"

type Call = Parameters<ClusterStore.ClusterStore["Service"]["circuits"]>[0]
type Reply = Effect.Success<ReturnType<ClusterStore.ClusterStore["Service"]["circuits"]>>
type Event = Stream.Success<Effect.Success<ClusterStore.ClusterStore["Service"]["subscribe"]>>

interface Kept {
  readonly record: {
    readonly state: string
    readonly epoch: number
    readonly rows: ReadonlyArray<unknown>
    readonly halfOpen: { readonly holders: ReadonlyArray<unknown>; readonly results: number } | undefined
  }
}

interface Table {
  readonly circuits: Map<string, Kept>
  readonly callCircuits: (call: Call, micros: number, publish: (event: Event) => void) => Reply
}
const { MemoryTable } = await vi.importActual<{ readonly MemoryTable: new() => Table }>(
  "../../src/clusterStore/memoryTable.ts"
)

const probes = 5

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 40)

class Store extends Context.Service<Store, {
  readonly table: Table
  readonly circuits: (call: Call) => Effect.Effect<Reply>
}>()("test/Store") {}

class Pushed
  extends Context.Service<Pushed, { readonly push: (event: Event) => Effect.Effect<void> }>()("test/Pushed")
{}

class Breaker extends Context.Service<Breaker, CircuitBreaker.CircuitBreaker>()("test/Breaker") {}

class Target extends Context.Service<Target, { readonly ask: Effect.Effect<void, string> }>()("test/Target") {}

/** Redis: it tells all nodes what it changes. When it begins again it has nothing, or is a copy that is a few seconds old. */
const storeOf = (begins: "empty" | "stale") =>
  Layer.effect(
    Store,
    Effect.gen(function*() {
      const node = yield* World.Node
      const clock = yield* Clock.Clock
      const scope = yield* Effect.scope
      const table = new MemoryTable()
      if (begins === "stale") {
        const copy = yield* node.disk<ReadonlyArray<readonly [string, Kept]>>("copy", [])
        for (const [name, kept] of yield* Ref.get(copy)) table.circuits.set(name, kept)
        const save = Effect.suspend(() => Ref.set(copy, structuredClone([...table.circuits])))
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("3 seconds"), save)))
      }
      return {
        table,
        circuits: (call) =>
          Effect.suspend(() => {
            const events: Array<Event> = []
            const micros = Math.floor(Number(clock.currentTimeNanosUnsafe()) / 1000)
            const reply = table.callCircuits(call, micros, (event) => events.push(event))
            const pushing = Effect.forEach(
              events.flatMap((event) => node.peers.map((peer) => [peer, event] as const)),
              ([peer, event]) =>
                Effect.forkIn(Effect.ignore(node.call(peer, Pushed, ({ push }) => push(event))), scope),
              { discard: true }
            )
            return Effect.as(pushing, reply)
          })
      }
    })
  )

/** It is there, but for a while. */
const target = Layer.effect(
  Target,
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    return {
      ask: Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const at = now - began
        return at >= 10_000 && at < 25_000 ? Effect.fail("503") : Effect.void
      })
    }
  })
)

const overTheWorld = Layer.effectContext(Effect.gen(function*() {
  const node = yield* World.Node
  const events = yield* PubSub.unbounded<Event>()
  return Context.make(ClusterStore.ClusterStore, {
    circuits: (call) =>
      Effect.mapError(
        node.call("store", Store, ({ circuits }) => circuits(call)),
        (cause) => new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed", cause })
      ),
    limits: () => Effect.never,
    subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription)
  }).pipe(Context.add(Pushed, { push: (event) => Effect.asVoid(PubSub.publish(events, event)) }))
}))

const breaker = Layer.effect(
  Breaker,
  CircuitBreaker.make({ name: "model", shared: true, openFor: "2 seconds", halfOpen: { calls: probes } })
)

const member = breaker.pipe(
  Layer.provideMerge(Cluster.layer()),
  Layer.provideMerge(overTheWorld),
  Layer.tap((context) =>
    Effect.gen(function*() {
      const node = yield* World.Node
      const { protect } = Context.get(context, Breaker)
      const ask = node.call("target", Target, ({ ask }) => ask).pipe(Deadline.attempt("500 millis"), protect)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.exit(ask), Effect.sleep("50 millis"))))
    })
  )
)

const members = ["a", "b", "c", "d"]

const recordOf = (view: World.View) => view.service("store", Store)?.table.circuits.get("model")?.record

/** Each life of the store begins with nothing. */
const lawful = World.invariant("the store keeps its laws", (view) => {
  let last: { readonly table: Table; readonly epoch: number } | undefined
  return () => {
    const table = view.service("store", Store)?.table
    const record = recordOf(view)
    if (table === undefined || record === undefined) return undefined
    const before = last?.table === table ? last.epoch : 0
    last = { table, epoch: record.epoch }
    if (record.epoch < before) return `the epoch went from ${before} to ${record.epoch}`
    if (record.rows.length > 30) return `the window has ${record.rows.length} rows`
    const { halfOpen } = record
    const most = halfOpen === undefined ? 0 : halfOpen.holders.length + halfOpen.results
    return most > probes ? `${most} probes are held or have results` : undefined
  }
})

/** From when on all must be well: the last fault has ended, the target is back, and all have been heard. */
const settled = 70_000

const settles = World.invariant("all nodes close, and agree with the store, after the last fault", (view) => () => {
  if (view.now() < settled) return undefined
  const states = members.map((name) => {
    const circuit = view.service(name, Breaker)
    return circuit === undefined ? "down" : view.runSync(name, circuit.state)
  })
  const all = [...states, recordOf(view)?.state]
  return all.every((state) => state === "Closed") ? undefined : `the nodes and the store are ${all.join(", ")}`
})

const worldOf = (begins: "empty" | "stale") => ({
  nodes: { store: storeOf(begins), target, a: member, b: member, c: member, d: member },
  invariants: [lawful, settles],
  promises: "none",
  for: "75 seconds"
} as const)

const world = worldOf("empty")

describe("a fleet in a world of faults", () => {
  it.live("opens and closes together where there are none", () =>
    Effect.gen(function*() {
      const states: Array<string> = []
      const seen = World.invariant("seen", (view) => () => {
        const now = members.map((name) => {
          const circuit = view.service(name, Breaker)
          return circuit === undefined ? "down" : view.runSync(name, circuit.state)
        })
        const all = now.every((state) => state === now[0]) ? now[0]! : undefined
        if (all !== undefined && states.at(-1) !== all) states.push(all)
        return undefined
      })
      yield* World.run({ ...world, invariants: [...world.invariants, seen] })
      assert.deepStrictEqual([states[0], states[1], states.at(-1)], ["Closed", "Open", "Closed"])
    }), 60_000)

  it.live(
    "closes when its time has come also where the clock of the store goes back by a minute",
    () => World.run({ ...world, script: [{ at: "16 seconds", skew: "store", offset: "-1 minute" }] }),
    60_000
  )

  it.live("gives out the probes again of which the answers were lost", () =>
    World.run({
      ...world,
      seed: 942_186,
      script: [{ at: "22.8 seconds", partition: "store", for: "1 second", direction: "outgoing" }]
    }), 60_000)

  for (const begins of ["empty", "stale"] as const) {
    it.live(
      `keeps its laws whatever happens to nodes, clocks, messages and a store that begins again ${begins}`,
      () =>
        World.check({
          ...worldOf(begins),
          runs,
          faults: { nodes: ["store", ...members], within: "40 seconds", lasting: [1000, 100, 5000], atMost: 8 }
        }),
      30_000 + 2000 * runs
    )
  }
})
