/** One node in a fleet behaves as the breaker of a process: the same vectors have the same lines. */
import { assert, it } from "@effect/vitest"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer } from "effect"
import * as path from "node:path"
import { CurrentFleet } from "./breakerPlay.ts"
import { checkAll, failures, lines } from "./conformance.ts"
import { readFolder } from "./scenario.ts"

const folders = [path.join(import.meta.dirname, "vectors"), process.env.SWITCHGEAR_VECTORS].filter((path) =>
  path !== undefined
)

const fleet = Layer.provide(
  Layer.fresh(Cluster.layer()),
  Layer.fresh(ClusterStore.layerMemory)
) as Layer.Layer<any> as Layer.Layer<never>

it.effect("the lines of one node in a fleet are those of a breaker of its own", () =>
  Effect.gen(function*() {
    for (const folder of folders) {
      const scenarios = readFolder(folder).filter(({ component }) => component === "circuitBreaker")
      const alone = yield* checkAll(scenarios)
      const inFleet = yield* Effect.provideService(checkAll(scenarios), CurrentFleet, fleet)
      assert.deepStrictEqual(failures(inFleet), [])
      assert.deepStrictEqual(lines(inFleet), lines(alone))
    }
  }))
