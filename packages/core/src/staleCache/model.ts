/** What a cache of last good answers is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StaleCacheStore } from "../StaleCacheStore.ts"
import type { Mode } from "./asking.ts"
import type { Cached, Freshness } from "./cached.ts"

/** What is kept, and for how long. Only `name` must be given. */
export interface Options<in out A = any> {
  readonly name: string
  /** Values kept in memory, at most 16,777,216; the least recently used goes first. @default 10_000 */
  readonly capacity?: number | undefined
  /**
   * Bytes kept in memory, as `sizeOf` tells them; the least recently used goes first. A value that is larger is served and
   * not kept. @default no bound but `capacity`
   */
  readonly maxBytes?: number | undefined
  /**
   * How many bytes a value takes, asked once when it is stored. A value for which it throws or answers no number of zero or
   * more is not kept. @default with `maxBytes` an estimate: 2 bytes for each UTF-16 code unit of the key and of the value's
   * texts, 8 for a number, the length of buffers, 16 for each object and 8 for each of its fields; nothing without
   */
  readonly sizeOf?: ((value: A, key: string) => number) | undefined
  /** How long a value is served without a call; zero to call every time. @default "5 minutes" */
  readonly timeToLive?: Duration.Input | undefined
  /** How long after that it is kept to fall back on. @default "1 hour" */
  readonly staleFor?: Duration.Input | undefined
  /**
   * How long `orStale` waits for the call when there is a stale value. Then it serves the stale value, and the call goes on
   * by itself for the next caller: at most one for each key, which ends by its own time-outs. Zero serves the stale value at
   * once. @default "Infinity": until the call ends
   */
  readonly after?: Duration.Input | undefined
  /** Which successes are worth keeping: not, say, an answer that was cut off. If it throws, the value is not kept. @default all */
  readonly storeWhen?: ((value: A) => boolean) | undefined
  /** Where values are kept besides memory, such as `StaleCacheStore.fromPersistence`. @default memory only */
  readonly store?: StaleCacheStore<A> | undefined
  /** How long the store may take each time; after that a read is a miss and a write is given up. @default "50 millis" */
  readonly storeTimeout?: Duration.Input | undefined
}

/** How one call uses the cache. */
export interface CallOptions {
  /**
   * - `"use"` serves the fresh value, or shares the call in flight, or makes one.
   * - `"refresh"` makes a call although there is a fresh value, joins none that was begun before, and keeps what it answers.
   * - `"bypass"` makes the call and neither reads nor keeps anything; it shares it with nobody.
   *
   * @default "use"
   */
  readonly mode?: Mode | undefined
}

/** When one call is answered with the stale value. */
export interface OrStaleOptions<in E> extends CallOptions {
  /** Which errors are answered with the stale value. If it throws, the error is told as it is. @default any */
  readonly when?: ((error: E) => boolean) | undefined
  /** How long to wait for the call when there is a stale value; a refresh waits to the end. @default as in {@link Options} */
  readonly after?: Duration.Input | undefined
}

/** What there is to read about a cache at one moment. */
export interface Snapshot {
  readonly name: string
  /** Values in memory. */
  readonly size: number
  readonly capacity: number
  /** Bytes in memory; zero when neither `maxBytes` nor `sizeOf` is given, since nothing is measured then. */
  readonly bytes: number
  readonly maxBytes: number | undefined
  /** Values served fresh, loaded by a call, and served stale, since the beginning. */
  readonly served: { readonly [F in Freshness]: number }
  /** How often the store failed, died, answered nonsense or took too long, since the beginning. */
  readonly storeFailures: number
}

/** A cache of last good answers. */
export interface StaleCache<in out A> {
  readonly name: string
  /** Serves the fresh value, or makes the call and keeps what it answers. The errors are the call's. */
  readonly through: (
    key: string,
    options?: CallOptions | undefined
  ) => <E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<Cached<A>, E, R>
  /**
   * Like `through`, and serves the stale value, if there is one, when the call fails with an error that `when` allows, or
   * takes longer than `after`. Defects are not answered with it.
   */
  readonly orStale: <E>(
    key: string,
    options?: OrStaleOptions<E> | undefined
  ) => <E1 extends E, R>(call: Effect.Effect<A, E1, R>) => Effect.Effect<Cached<A>, E1, R>
  /** The value kept for the key, fresh or stale; the younger one if memory and store have both. */
  readonly lastGood: (key: string) => Effect.Effect<Cached<A> | undefined>
  readonly set: (key: string, value: A) => Effect.Effect<void>
  readonly invalidate: (key: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
