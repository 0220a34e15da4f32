/** Nodes of a fleet that share the circuit "model", by the test clock, and what a store says of it. */
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { message } from "../clusterStore/messages.ts"

export interface Node {
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly cluster: Cluster.Cluster["Service"]
}

export const node = (
  options: Partial<CircuitBreaker.Options> = {},
  own: Cluster.Options = {}
): Effect.Effect<Node, never, ClusterStore.ClusterStore | Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(Cluster.layer(own)))
    const breaker = yield* Effect.provide(
      CircuitBreaker.make({ name: "model", shared: true, openFor: "10 seconds", ...options }),
      context
    )
    yield* TestClock.adjust("300 millis")
    return { breaker, cluster: Context.get(context, Cluster.Cluster) }
  })

/** What a store says to a node that knows nothing. */
export const answerOf = (store: ClusterStore.ClusterStore["Service"]) =>
  Effect.map(
    store.circuits({
      node: "observer",
      said: 0,
      longestWay: 2000,
      goneAfter: 15_000,
      holdFor: 10_000,
      circuits: [["model", message]]
    }),
    ({ circuits: [answer] }) => answer!
  )
