/** All metrics: of the gateway, of its guards, and the same under resilience4j's names. */
import * as Effect from "effect/Effect"
import type { Running } from "../model.ts"
import type { Family } from "./family.ts"
import { gatewayFamilies } from "./gateway.ts"
import { resilience4jFamilies } from "./resilience4j.ts"
import { telemetryFamilies } from "./telemetry.ts"

export const allFamilies = (running: Running): Effect.Effect<ReadonlyArray<Family>> =>
  Effect.map(
    Effect.all([gatewayFamilies(running), running.view.metrics, running.view.snapshots]),
    ([own, metrics, snapshots]) => [...own, ...telemetryFamilies(metrics), ...resilience4jFamilies(snapshots)]
  )
