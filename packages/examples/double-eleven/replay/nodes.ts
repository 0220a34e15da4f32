/** A lane on several nodes behind a balancer that deals customers out in turn. Their circuits are those of one fleet. */
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer } from "effect"
import type { Lane, Plan } from "./lanes.ts"
import type { Night } from "./night.ts"

/** The lane on so many nodes. Each has its part of the places; the circuits that are told are those of the first. */
export const onNodes = (nodes: number) => (plan: Plan): Plan =>
  nodes === 1 || !plan.hasCircuits ? plan : {
    ...plan,
    tells: `${plan.tells} On ${nodes} nodes, whose circuits are those of one fleet.`,
    make: (client, night) =>
      Effect.gen(function*() {
        const store = yield* Layer.build(ClusterStore.layerMemory)
        const lanes: Array<Lane> = []
        for (let i = 0; i < nodes; i++) {
          const fleet = yield* Effect.provide(Layer.build(Layer.fresh(Cluster.layer())), store)
          lanes.push(yield* Effect.provide(plan.make(client, partOf(night, nodes)), fleet))
        }
        let next = 0
        return {
          ask: (question) => Effect.suspend(() => lanes[next++ % nodes]!.ask(question)),
          breakers: lanes[0]!.breakers,
          saved: Effect.map(
            Effect.all(lanes.map(({ saved }) => saved)),
            (all) => all.reduce((sum, saved) => sum + saved)
          )
        }
      })
  }

const partOf = (night: Night, nodes: number): Night => ({
  ...night,
  scaled: (ofAMillion) => Math.max(1, Math.round(night.scaled(ofAMillion) / nodes))
})
