/** What a closed circuit costs more where it is shared by a fleet: its calls wait for nobody. */
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Exit, Layer, Scope } from "effect"
import { inFiber, measure } from "../harness.ts"
import { bareSynchronous, synchronous } from "../operations.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const window = CircuitBreaker.lastCalls(100)

export const fleet = async (settings: Settings): Promise<Section> => {
  const alone = await Effect.runPromise(CircuitBreaker.make({ name: "alone", window }))
  const scope = Scope.makeUnsafe()
  const shared = await Effect.runPromise(
    Layer.buildWithScope(Layer.provide(Cluster.layer(), ClusterStore.layerMemory), scope).pipe(
      Effect.flatMap((node) => Effect.provide(CircuitBreaker.make({ name: "shared", shared: true, window }), node)),
      Scope.provide(scope)
    )
  )
  const rows = await measure(settings, [
    bareSynchronous,
    { name: "alone", over: bareSynchronous.name, run: inFiber(alone.protect(synchronous)) },
    {
      name: "of a fleet",
      over: bareSynchronous.name,
      against: [{ peer: "alone", atMost: 1.03 }],
      run: inFiber(shared.protect(synchronous))
    }
  ])
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    title: "Closed breaker of a fleet: a call that passes",
    notes: ["Both have a count window of 100. The node tells its fleet of the calls meanwhile."],
    rows
  }
}
