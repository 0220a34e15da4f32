/** Combines the health of all guards into the health of the application. */
import * as Duration from "effect/Duration"
import type { Condition, KindHealth } from "./kind.ts"
import type { PassedOver } from "./passedOver.ts"

/**
 * A reason why the application is not `up`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reason extends Condition {
  /** The tag of the kind. */
  readonly kind: string
  /** The id of the entry. */
  readonly name: string
  /** Whether this guard can make the application `down`. */
  readonly critical: boolean
  /** What to do about it: where the status is `unknown`. */
  readonly remedy?: string | undefined
}

/**
 * The health of the application, as far as its guards can tell.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Health {
  /** `unknown` when the registry is empty; then the reasons say where the guards are, if that is known. */
  readonly status: "up" | "degraded" | "down" | "unknown"
  /** Empty when up. */
  readonly reasons: ReadonlyArray<Reason>
}

/** The health of one guard. */
export interface Told {
  readonly kind: string
  readonly id: string
  readonly critical: boolean
  /** Undefined if its kind does not affect the health. */
  readonly health: KindHealth | undefined
}

// A kind of a user's may answer nonsense, which must not make the sum of all others nonsense.
const countOf = (count: number | undefined): number => count !== undefined && count > 0 && count < Infinity ? count : 0

// A duration has another JSON form when it is not a whole number of milliseconds, or has no end.
const wholeMillis = (duration: Duration.Duration | undefined): Duration.Duration | undefined =>
  duration !== undefined && Duration.isFinite(duration)
    ? Duration.millis(Math.ceil(Duration.toMillis(duration)))
    : undefined

/** The health where there are no guards, with the reasons that are known. */
export const unknown = (passedOver: ReadonlyArray<PassedOver>, elsewhere: number): Health => {
  const reasons = passedOver.map(({ count, kind, name }): Reason => ({
    kind,
    name,
    critical: false,
    reason: "outside-scope",
    count,
    retryAfter: undefined,
    remedy: "It was made outside a scope. Make it in a scope, by its layer, or add it with Registry.register."
  }))
  if (elsewhere > 0) {
    reasons.push({
      kind: "Registry",
      name: "process",
      critical: false,
      reason: "other-registry",
      count: elsewhere,
      retryAfter: undefined,
      remedy: "The guards are in the registry of the process. Provide the registry to them, too: " +
        "Layer.provideMerge(guards, Registry.layer())."
    })
  }
  return { status: "unknown", reasons }
}

export const fold = (told: ReadonlyArray<Told>): Health => {
  const reasons: Array<Reason> = []
  let all = 0
  let unreachable = 0
  for (const { critical, health, id, kind } of told) {
    for (const condition of health?.conditions ?? []) {
      if (!(condition.count > 0)) continue
      const retryAfter = wholeMillis(condition.retryAfter)
      reasons.push({ kind, name: id, critical, ...condition, retryAfter })
    }
    if (!critical) continue
    const targets = countOf(health?.targets?.all)
    all += targets
    unreachable += Math.min(targets, countOf(health?.targets?.unreachable))
  }
  return { status: all > 0 && unreachable === all ? "down" : reasons.length > 0 ? "degraded" : "up", reasons }
}
