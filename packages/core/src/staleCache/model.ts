/** The types of a stale cache. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StaleCacheStore } from "../StaleCacheStore.ts"
import type { Mode } from "./asking.ts"
import type { Cached, Freshness } from "./cached.ts"

/**
 * What is kept, and for how long. Only `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<in out A = any> {
  readonly name: string
  /**
   * The number of values kept in memory, from 1 to 16,777,216; the least recently used is evicted first. @default
   * 10_000
   */
  readonly capacity?: number | undefined
  /**
   * The number of bytes kept in memory, measured by `sizeOf`; the least recently used is evicted first. A larger value
   * is served but not stored. @default unlimited
   */
  readonly maxBytes?: number | undefined
  /**
   * The number of bytes of a value, called once when it is stored. A value for which it throws or returns no number of
   * zero or more is not stored. @default with `maxBytes` an estimate: 2 bytes for each UTF-16 code unit of the key and
   * of the strings of the value, 8 for a number, the length of buffers, 16 for each object and 8 for each of its
   * fields; without it, none
   */
  readonly sizeOf?: ((value: A, key: string) => number) | undefined
  /** How long a value is fresh: a duration of zero or more; zero makes a call every time. @default "5 minutes" */
  readonly timeToLive?: Duration.Input | undefined
  /** How long a value is stale after that: a duration of zero or more. @default "1 hour" */
  readonly staleFor?: Duration.Input | undefined
  /**
   * How long `orStale` waits for the call when there is a stale value. Then it serves the stale value, and the call
   * continues in the background for the next caller: at most one for each key, which ends by its own time-outs. Zero
   * serves the stale value at once. @default "Infinity": waits until the call ends
   */
  readonly after?: Duration.Input | undefined
  /**
   * Decides which successes are stored; false, for example, for a truncated answer. If it throws, the value is not
   * stored. @default all
   */
  readonly storeWhen?: ((value: A) => boolean) | undefined
  /**
   * Copies a value on its way in and on its way out, so that a caller that changes its value changes that of no other
   * caller. On the way in it can also leave out what is not worth keeping. If it throws on the way in, the value is not
   * stored; on the way out it must not throw. @default none: all callers of a key get the same value
   */
  readonly copy?: ((value: A, way: "in" | "out") => A) | undefined
  /** Where values are kept besides memory, such as `StaleCacheStore.fromPersistence`. @default memory only */
  readonly store?: StaleCacheStore<A> | undefined
  /**
   * The longest time of one store operation: a finite duration above zero. After that, a read is a miss and a write is
   * given up. @default "50 millis"
   */
  readonly storeTimeout?: Duration.Input | undefined
}

/**
 * How one call uses the cache.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallOptions {
  /**
   * - `"use"` serves the fresh value, or joins the call in flight, or starts one.
   * - `"refresh"` starts a call even if there is a fresh value, joins no earlier call, and stores the answer.
   * - `"bypass"` makes the call for this caller alone, and neither reads nor stores anything.
   *
   * @default "use"
   */
  readonly mode?: Mode | undefined
  /**
   * Called in the step in which the caller starts or joins a call, before the call runs. All callers that share a call
   * get the same object, which tells their call from others. Not called where a fresh value is in memory, nor with
   * `"bypass"`. If it throws, the caller dies, and the call is not made for it.
   */
  readonly onCall?: ((call: object) => void) | undefined
}

/**
 * When one call is answered with the stale value.
 *
 * @since 0.1.0
 * @category options
 */
export interface OrStaleOptions<in E> extends CallOptions {
  /** Which errors are answered with the stale value. If it throws, the call fails with its own error. @default any */
  readonly when?: ((error: E) => boolean) | undefined
  /**
   * How long to wait for the call when there is a stale value; a refresh always waits. @default as in {@link Options}
   */
  readonly after?: Duration.Input | undefined
}

/**
 * The state of a cache at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** Values in memory. */
  readonly size: number
  readonly capacity: number
  /** Bytes in memory; zero without `maxBytes` and `sizeOf`, because nothing is measured then. */
  readonly bytes: number
  readonly maxBytes: number | undefined
  /** Values served since the cache was made: fresh, loaded by a call, and stale. */
  readonly served: { readonly [F in Freshness]: number }
  /** Store operations that failed, died, returned invalid data or took too long since the cache was made. */
  readonly storeFailures: number
}

/**
 * A stale cache. Make it once and share it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StaleCache<in out A> {
  readonly name: string
  /** Serves the fresh value, or makes the call and stores its answer. Fails with the errors of the call. */
  readonly through: (
    key: string,
    options?: CallOptions | undefined
  ) => <E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<Cached<A>, E, R>
  /**
   * Like `through`, and serves the stale value, if there is one, when the call fails with an error that `when` allows
   * or takes longer than `after`. A defect of the call stays a defect.
   */
  readonly orStale: <E>(
    key: string,
    options?: OrStaleOptions<E> | undefined
  ) => <E1 extends E, R>(call: Effect.Effect<A, E1, R>) => Effect.Effect<Cached<A>, E1, R>
  /** The value of the key, fresh or stale; the younger one if memory and store both have one. */
  readonly lastGood: (key: string) => Effect.Effect<Cached<A> | undefined>
  readonly set: (key: string, value: A) => Effect.Effect<void>
  readonly invalidate: (key: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  /**
   * Makes all values stale: the next caller of each key makes a call, and the stale value is served if that fails. Values of a
   * store that were stored before count as stale in this process too.
   */
  readonly expire: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
