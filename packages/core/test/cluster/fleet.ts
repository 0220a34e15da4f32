/** A fleet over a real store in tests: what a real server takes is not known, so all waits are for something that is seen. */
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import { Context, Effect, Layer, Schedule } from "effect"

/** A node whose time-out is no claim about the machine, that soon sees others come, and whose calls pass soon after a closing. */
export const node = Effect.gen(function*() {
  const context = yield* Layer.build(
    Layer.fresh(Cluster.layer({ timeout: "500 millis", interval: "500 millis", heartbeat: "2 seconds" }))
  )
  const breaker = yield* Effect.provide(
    CircuitBreaker.make({ name: "model", shared: true, openFor: "1 minute", rampUp: { over: "100 millis" } }),
    context
  )
  return { breaker, cluster: Context.get(context, Cluster.Cluster) }
})

export type Node = Effect.Success<typeof node>

export const nodes = (count: number) => Effect.forEach(Array.from({ length: count }), () => node)

export const fail = ({ breaker }: Pick<Node, "breaker">, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.exit(breaker.protect(Effect.fail("503"))), {
    discard: true
  })

/** Waits until it is so. */
export const until = <E, R>(is: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(is, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeout("25 seconds")
  )

export const statesOf = (nodes: ReadonlyArray<Node>) => Effect.forEach(nodes, ({ breaker }) => breaker.state)

export const all = (nodes: ReadonlyArray<Node>, state: CircuitBreaker.State) =>
  until(Effect.map(statesOf(nodes), (states) => states.every((each) => each === state)))

export const are = (nodes: ReadonlyArray<Node>, state: Cluster.Status["state"], count = 0) =>
  until(
    Effect.map(
      Effect.forEach(nodes, ({ cluster }) => cluster.status),
      (all) => all.every((each) => each.state === state && each.nodes >= count)
    )
  )

export const joined = (nodes: ReadonlyArray<Node>) => are(nodes, "joined", nodes.length)

/** The fleet opens together and closes by a command. */
export const worksTogether = (nodes: ReadonlyArray<Node>) =>
  Effect.gen(function*() {
    yield* joined(nodes)
    // Just after a closing, few calls pass.
    yield* until(
      Effect.andThen(
        Effect.forEach(nodes, (one) => fail(one, 10)),
        Effect.map(statesOf(nodes), (states) => states.every((state) => state === "Open"))
      )
    )
    // The fleet may not have opened yet: then there is nothing to close.
    yield* until(
      Effect.andThen(
        nodes[0]!.cluster.control("model")!.close,
        Effect.map(statesOf(nodes), (states) => states.every((state) => state === "Closed"))
      )
    )
  })
