/** A value that the cache serves, and where it came from. */
import type * as Duration from "effect/Duration"

/** Where a value came from: the call just made, the cache within `timeToLive`, or the cache after it. */
export type Freshness = "loaded" | "fresh" | "stale"

/** A value and where it came from. */
export interface Cached<out A> {
  readonly value: A
  readonly freshness: Freshness
  /** Time since the value was stored. */
  readonly age: Duration.Duration
}

export const isFresh = <A>(found: Cached<A> | undefined): found is Cached<A> => found?.freshness === "fresh"
