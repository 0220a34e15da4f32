/**
 * A fleet in a world in which all can happen between its nodes and their store: messages late, lost, told twice, nodes and the
 * store paused, cut off, killed and started again with nothing, clocks that jump and drift.
 */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import { SimulatedRedis, World } from "@switchgear/core/testing"
import { Clock, Context, Effect, Layer } from "effect"

const probes = 5

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 40)

class Breaker extends Context.Service<Breaker, CircuitBreaker.CircuitBreaker>()("test/Breaker") {}

class Target extends Context.Service<Target, { readonly ask: Effect.Effect<void, string> }>()("test/Target") {}

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

const breaker = Layer.effect(
  Breaker,
  CircuitBreaker.make({ name: "model", shared: true, openFor: "2 seconds", halfOpen: { calls: probes } })
)

const member = breaker.pipe(
  Layer.provideMerge(Cluster.layer()),
  Layer.provideMerge(SimulatedRedis.layerStore("store")),
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

const circuitOf = (view: World.View) => view.service("store", SimulatedRedis.Server)?.circuit("model")

/** Each life of the store begins with nothing, or with what it had. */
const lawful = World.invariant("the store keeps its laws", (view) => {
  let last: { readonly store: unknown; readonly epoch: number } | undefined
  return () => {
    const store = view.service("store", SimulatedRedis.Server)
    const circuit = circuitOf(view)
    if (store === undefined || circuit === undefined) return undefined
    const before = last?.store === store ? last.epoch : 0
    last = { store, epoch: circuit.epoch }
    if (circuit.epoch < before) return `the epoch went from ${before} to ${circuit.epoch}`
    if (circuit.rows > 30) return `the window has ${circuit.rows} rows`
    return circuit.probes > probes ? `${circuit.probes} probes are held or have results` : undefined
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
  const all = [...states, circuitOf(view)?.state]
  return all.every((state) => state === "Closed") ? undefined : `the nodes and the store are ${all.join(", ")}`
})

const worldOf = (begins: "empty" | "stale") => ({
  nodes: {
    store: SimulatedRedis.layer(begins === "stale" ? { copies: "3 seconds" } : {}),
    target,
    a: member,
    b: member,
    c: member,
    d: member
  },
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

  it.live(
    "closes also where each node has closed by itself while the store slept, which still tries the target",
    () => World.run({ ...world, seed: 20, script: [{ at: "24.9 seconds", pause: "store", for: "1 second" }] }),
    60_000
  )

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
