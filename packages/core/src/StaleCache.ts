/**
 * The last good answer is kept for when there is no new one.
 *
 * A value is **fresh** for `timeToLive` and is then served without a call. After that it is **stale** for `staleFor`: it
 * is not served while the call succeeds, and is there to fall back on when the call fails. Equal keys that are asked for
 * at once share one call. Only successes are stored, failures and defects never.
 *
 * **Order.** Outside everything that guards the call, so that a hit costs no slot, no token and no attempt. In a
 * cascade, read through it with {@link StaleCache.through} in the first place and fall back on
 * {@link StaleCache.lastGood} after the last target.
 *
 * **Gotchas.** The key must hold everything the answer depends on, the tenant included. Callers who share a call share
 * its outcome, also where the deadline of the one that began it cut it short; a caller that is interrupted only leaves,
 * and the call is interrupted with its last caller. A crowd of different keys pushes out the least recently used.
 *
 * ```ts
 * import { StaleCache } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: "5 millis" })
 *   yield* Effect.succeed("42").pipe(cache.through("question"))
 *   yield* Effect.sleep("10 millis")
 *   return yield* Effect.fail("503").pipe(cache.orStale("question"))
 * })
 *
 * const { freshness, value } = await Effect.runPromise(program)
 * freshness // => "stale"
 * value // => "42"
 * ```
 */
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { LruMap } from "./internal/lruMap.ts"
import { OptionsOf } from "./internal/options.ts"
import { monotonicMillis } from "./internal/time.ts"

/** What is kept, and for how long. Only `name` must be given. */
export interface Options<in A = unknown> {
  readonly name: string
  /** Values kept; the least recently used goes first. @default 10_000 */
  readonly capacity?: number | undefined
  /** How long a value is served without a call; zero to call every time. @default "5 minutes" */
  readonly timeToLive?: Duration.Input | undefined
  /** How long after that it is kept to fall back on. @default "1 hour" */
  readonly staleFor?: Duration.Input | undefined
  /** Which successes are worth keeping: not, say, an answer that was cut off. @default all */
  readonly storeWhen?: ((value: A) => boolean) | undefined
}

/** Where a value came from: the call just made, the cache within `timeToLive`, or the cache after it. */
export type Freshness = "loaded" | "fresh" | "stale"

/** A value and where it came from. */
export interface Cached<out A> {
  readonly value: A
  readonly freshness: Freshness
  /** Time since the value was stored. */
  readonly age: Duration.Duration
}

/** What there is to read about a cache at one moment. */
export interface Snapshot {
  readonly name: string
  readonly size: number
  readonly capacity: number
  /** Values served fresh, loaded by a call, and served stale, since the beginning. */
  readonly served: { readonly [F in Freshness]: number }
}

/** A cache of last good answers. */
export interface StaleCache<in out A> {
  readonly name: string
  /** Serves the fresh value, or makes the call and keeps what it answers. The errors are the call's. */
  readonly through: (key: string) => <E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<Cached<A>, E, R>
  /**
   * Like `through`, and when the call fails with an error that `when` allows (default: any), serves the stale value if
   * there is one. Defects are not answered with it.
   */
  readonly orStale: <E>(
    key: string,
    options?: { readonly when?: ((error: E) => boolean) | undefined } | undefined
  ) => <E1 extends E, R>(call: Effect.Effect<A, E1, R>) => Effect.Effect<Cached<A>, E1, R>
  /** The value kept for the key, fresh or stale. */
  readonly lastGood: (key: string) => Effect.Effect<Cached<A> | undefined>
  readonly set: (key: string, value: A) => Effect.Effect<void>
  readonly invalidate: (key: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Makes an empty cache. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = <A>(options: Options<A>): Effect.Effect<StaleCache<A>> =>
  Effect.gen(function*() {
    const shelf = yield* Effect.sync(() => new Shelf<A>(options))
    // Keeps nothing itself: it is there for the sharing of calls in flight.
    const flights = yield* Cache.makeWith<Flight<A>, A, unknown, any, "lookup">((flight) => flight.call, {
      capacity: Infinity,
      timeToLive: () => Duration.zero,
      requireServicesAt: "lookup"
    })
    const find = (key: string) => Effect.map(Clock.Clock, (clock) => shelf.find(key, monotonicMillis(clock)))

    const load = <E, R>(key: string, call: Effect.Effect<A, E, R>): Effect.Effect<Cached<A>, E, R> => {
      const stored = Effect.tap(
        call,
        (value) => Effect.map(Clock.Clock, (clock) => shelf.keep(key, value, monotonicMillis(clock)))
      )
      const shared = Cache.get(flights, new Flight(key, stored)) as Effect.Effect<A, E, R>
      return Effect.map(shared, (value) => shelf.serve({ value, freshness: "loaded", age: Duration.zero }))
    }
    const through: StaleCache<A>["through"] = (key) => (call) =>
      Effect.flatMap(find(key), (found) =>
        found?.freshness === "fresh" ? Effect.succeed(shelf.serve(found)) : load(key, call))

    return {
      name: shelf.name,
      through,
      orStale:
        <E>(key: string, options?: { readonly when?: ((error: E) => boolean) | undefined } | undefined) =>
        <E1 extends E, R>(call: Effect.Effect<A, E1, R>): Effect.Effect<Cached<A>, E1, R> =>
          Effect.catch(through(key)(call), (error) =>
            options?.when?.(error) === false
              ? Effect.fail(error)
              : Effect.flatMap(find(key), (found) =>
                found ? Effect.succeed(shelf.serve(found)) : Effect.fail(error))),
      lastGood: (key) => Effect.map(find(key), (found) => found && shelf.serve(found)),
      set: (key, value) => Effect.map(Clock.Clock, (clock) => shelf.keep(key, value, monotonicMillis(clock))),
      invalidate: (key) => Effect.sync(() => shelf.drop(key)),
      clear: Effect.sync(() => shelf.clear()),
      snapshot: Effect.sync(() => shelf.snapshot())
    }
  })

interface Entry<A> {
  readonly value: A
  readonly storedAt: number
}

class Shelf<A> {
  readonly name: string
  private readonly timeToLive: number
  private readonly staleFor: number
  private readonly storeWhen: (value: A) => boolean
  private readonly entries: LruMap<string, Entry<A>>
  private readonly served = { loaded: 0, fresh: 0, stale: 0 }

  constructor(options: Options<A>) {
    const check = new OptionsOf("StaleCache.make")
    this.name = check.name(options.name)
    this.entries = new LruMap(check.integer("capacity", options.capacity ?? 10_000, 1))
    this.timeToLive = check.wait("timeToLive", options.timeToLive ?? "5 minutes")
    this.staleFor = check.wait("staleFor", options.staleFor ?? "1 hour")
    this.storeWhen = options.storeWhen ?? (() => true)
  }

  find(key: string, now: number): Cached<A> | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    const age = Math.max(0, now - entry.storedAt)
    if (age >= this.timeToLive + this.staleFor) {
      this.entries.delete(key)
      return undefined
    }
    return { value: entry.value, freshness: age < this.timeToLive ? "fresh" : "stale", age: Duration.millis(age) }
  }

  keep(key: string, value: A, now: number): void {
    if (this.storeWhen(value)) this.entries.set(key, { value, storedAt: now })
  }

  serve(cached: Cached<A>): Cached<A> {
    this.served[cached.freshness]++
    return cached
  }

  drop(key: string): void {
    this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
  }

  snapshot(): Snapshot {
    return { name: this.name, size: this.entries.size, capacity: this.entries.capacity, served: { ...this.served } }
  }
}

// A call in flight: equal to another for the same key, whatever its effect.
class Flight<A> implements Equal.Equal {
  readonly key: string
  readonly call: Effect.Effect<A, unknown, any>

  constructor(key: string, call: Effect.Effect<A, unknown, any>) {
    this.key = key
    this.call = call
  }

  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Flight && that.key === this.key
  }

  [Hash.symbol](): number {
    return Hash.string(this.key)
  }
}
