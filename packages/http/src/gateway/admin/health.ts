/** How the gateway is: as well as its guards are, and not up while it refuses requests because it has too much to do. */
import type * as Registry from "@switchgear/core/Registry"
import * as Effect from "effect/Effect"
import type { Running } from "./model.ts"

export const healthOf = ({ counts, shedding, view }: Running): Effect.Effect<Registry.Health> =>
  Effect.map(view.health, (health) => {
    const bounds = shedding.of(counts.shed)
    if (bounds.length === 0) return health
    return {
      ...health,
      status: health.status === "down" ? "down" : "degraded",
      reasons: [
        ...health.reasons,
        ...bounds.map((name) => ({
          kind: "Gateway",
          name,
          reason: "shedding",
          count: 1,
          critical: false,
          retryAfter: undefined
        }))
      ]
    }
  })
