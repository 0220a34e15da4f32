/** The guards of a target as their user reads them. */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Duration from "effect/Duration"
import type { TargetHealth } from "./model.ts"

export const targetHealth = (
  circuit: CircuitBreaker.Snapshot,
  { inFlight, queued }: Pick<Bulkhead.Snapshot, "inFlight" | "queued">,
  limits: Pick<RateLimiter.Snapshot, "pausedFor"> | undefined
): TargetHealth => ({
  state: circuit.state,
  since: circuit.since,
  failureRate: circuit.failureRate,
  calls: circuit.calls,
  failed: circuit.failed,
  inFlight,
  waiting: queued,
  refused: circuit.rejected,
  openings: circuit.openings,
  nextRetry: circuit.nextRetry && Duration.toMillis(circuit.nextRetry),
  pausedFor: limits?.pausedFor && Math.ceil(Duration.toMillis(limits.pausedFor))
})
