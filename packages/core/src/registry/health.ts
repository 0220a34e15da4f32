/** Combines the health of all guards into the health of the application. */
import type { Condition, KindHealth } from "./kind.ts"

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
}

/**
 * The health of the application, as far as its guards can tell.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Health {
  /** `unknown` when the registry is empty. */
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

export const fold = (told: ReadonlyArray<Told>): Health => {
  const reasons: Array<Reason> = []
  let all = 0
  let unreachable = 0
  for (const { critical, health, id, kind } of told) {
    for (const condition of health?.conditions ?? []) {
      if (condition.count > 0) reasons.push({ kind, name: id, critical, retryAfter: undefined, ...condition })
    }
    if (!critical) continue
    const targets = countOf(health?.targets?.all)
    all += targets
    unreachable += Math.min(targets, countOf(health?.targets?.unreachable))
  }
  if (told.length === 0) return { status: "unknown", reasons }
  return { status: all > 0 && unreachable === all ? "down" : reasons.length > 0 ? "degraded" : "up", reasons }
}
