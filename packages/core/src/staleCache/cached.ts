/** A served value and its origin. */
import type * as Duration from "effect/Duration"

/**
 * Where a value came from: `"loaded"` by this call, `"fresh"` or `"stale"` from the cache.
 *
 * @since 0.1.0
 * @category models
 */
export type Freshness = "loaded" | "fresh" | "stale"

/**
 * A served value and where it came from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cached<out A> {
  readonly value: A
  readonly freshness: Freshness
  /** Time since the value was stored. */
  readonly age: Duration.Duration
}

export const isFresh = <A>(found: Cached<A> | undefined): found is Cached<A> => found?.freshness === "fresh"
