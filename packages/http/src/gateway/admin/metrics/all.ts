/** All metrics: of the gateway, of its guards, and the same under resilience4j's names. */
import * as Effect from "effect/Effect"
import type { State } from "../model.ts"
import type { Family } from "./family.ts"
import { gatewayFamilies } from "./gateway.ts"
import { resilience4jFamilies } from "./resilience4j.ts"
import { telemetryFamilies } from "./telemetry.ts"

export const allFamilies = (running: State): Effect.Effect<ReadonlyArray<Family>> =>
  Effect.map(
    Effect.all([ownFamilies(running), running.view.guards]),
    ([own, guards]) => [...own, ...resilience4jFamilies(guards)]
  )

/** Each metric once: of the gateway and of its guards. */
export const ownFamilies = (running: State): Effect.Effect<ReadonlyArray<Family>> =>
  Effect.map(
    Effect.all([gatewayFamilies(running), running.view.metrics]),
    ([own, metrics]) => [...own, ...telemetryFamilies(metrics)]
  )
