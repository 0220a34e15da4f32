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
 * and the call is interrupted with its last caller. A crowd of different keys pushes out the least recently used. Values
 * are kept in the memory of the process, and with a {@link StaleCacheStore} beyond it.
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
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Fiber from "effect/Fiber"
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"
import { awaitEnd, HarmlessStore } from "./staleCache/harmlessStore.ts"
import { type Reading, type Rules, Shelf } from "./staleCache/shelf.ts"
import { OptionsOf } from "./internal/options.ts"
import { monotonicMillis } from "./internal/time.ts"
import { Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import * as Registry from "./Registry.ts"
import type { StaleCacheStore } from "./StaleCacheStore.ts"

/** What is kept, and for how long. Only `name` must be given. */
export interface Options<in out A = any> {
  readonly name: string
  /** Values kept in memory; the least recently used goes first. @default 10_000 */
  readonly capacity?: number | undefined
  /** How long a value is served without a call; zero to call every time. @default "5 minutes" */
  readonly timeToLive?: Duration.Input | undefined
  /** How long after that it is kept to fall back on. @default "1 hour" */
  readonly staleFor?: Duration.Input | undefined
  /** Which successes are worth keeping: not, say, an answer that was cut off. @default all */
  readonly storeWhen?: ((value: A) => boolean) | undefined
  /** Where values are kept besides memory, such as `StaleCacheStore.fromPersistence`. @default memory only */
  readonly store?: StaleCacheStore<A> | undefined
  /** How long the store may take each time; after that a read is a miss and a write is given up. @default "50 millis" */
  readonly storeTimeout?: Duration.Input | undefined
}

const toRules = (options: Options, check: OptionsOf): Rules => ({
  name: check.name(options.name),
  capacity: check.integer("capacity", options.capacity ?? 10_000, 1),
  timeToLive: check.wait("timeToLive", options.timeToLive ?? "5 minutes"),
  staleFor: check.wait("staleFor", options.staleFor ?? "1 hour"),
  storeTimeout: check.positive("storeTimeout", options.storeTimeout ?? "50 millis")
})

const written = writtenOptions<Options>()({
  name: Schema.optionalKey(Schema.String),
  capacity: Schema.optionalKey(Quantity),
  timeToLive: Schema.optionalKey(Quantity),
  staleFor: Schema.optionalKey(Quantity),
  storeTimeout: Schema.optionalKey(Quantity)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * {@link Options} as they are written in YAML or JSON; `storeWhen` and `store` are added in code. A field that is wrong or
 * unknown is refused by name.
 */
export const OptionsSchema = written.schema

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
  /** Values in memory. */
  readonly size: number
  readonly capacity: number
  /** Values served fresh, loaded by a call, and served stale, since the beginning. */
  readonly served: { readonly [F in Freshness]: number }
  /** How often the store failed, died or took too long, since the beginning. */
  readonly storeFailures: number
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
  /** The value kept for the key, fresh or stale; the younger one if memory and store have both. */
  readonly lastGood: (key: string) => Effect.Effect<Cached<A> | undefined>
  readonly set: (key: string, value: A) => Effect.Effect<void>
  readonly invalidate: (key: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Makes an empty cache. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = <A>(options: Options<A>): Effect.Effect<StaleCache<A>> =>
  Effect.gen(function*() {
    const shelf = yield* Effect.sync(() =>
      new Shelf<A>(toRules(options, new OptionsOf("StaleCache.make")), options.storeWhen)
    )
    // Keeps nothing itself: it is there for the sharing of calls in flight.
    const flights = yield* Cache.makeWith<Flight<A>, Cached<A>, unknown, any, "lookup">((flight) => flight.call, {
      capacity: Infinity,
      timeToLive: () => Duration.zero,
      requireServicesAt: "lookup"
    })
    const store = options.store && new HarmlessStore(options.store, shelf.storeTimeout)

    const peek = (fiber: Fiber.Fiber<any, any>, key: string) =>
      shelf.find(key, monotonicMillis(fiber.getRef(Clock.Clock)))
    const inMemory = (key: string) => Effect.withFiber((fiber) => Effect.succeed(peek(fiber, key)))
    const inStore = store === undefined ? inMemory : (key: string) =>
      Effect.suspend(() => {
        const reading: Reading = { key, dropped: false }
        const read = Effect.suspend(() => {
          shelf.begin(reading)
          return Effect.zipWith(store.get(key), Clock.Clock, (stored, clock) => {
            const now = monotonicMillis(clock)
            if (stored) shelf.adopt(reading, stored, now, clock.currentTimeMillisUnsafe())
            return shelf.find(key, now)
          })
        })
        return Effect.ensuring(read, Effect.sync(() => shelf.end(reading)))
      })
    const find = store === undefined ?
      inMemory :
      (key: string) => Effect.flatMap(inMemory(key), (found) => isFresh(found) ? Effect.succeed(found) : inStore(key))

    // Memory has the value when this begins; the store may get it later.
    const keep = (key: string, value: A): Effect.Effect<Fiber.Fiber<unknown> | undefined> =>
      Effect.withFiber((fiber) => {
        const clock = fiber.getRef(Clock.Clock)
        return shelf.keep(key, value, monotonicMillis(clock)) && store
          ? store.set(key, { value, storedAt: clock.currentTimeMillisUnsafe() }, shelf.keptFor)
          : Effect.undefined
      })

    const load = <E, R>(key: string, call: Effect.Effect<A, E, R>): Effect.Effect<Cached<A>, E, R> => {
      const loaded: Effect.Effect<Cached<A>, E, R> = Effect.flatMap(call, (value) =>
        Effect.as(keep(key, value), { value, freshness: "loaded", age: Duration.zero }))
      const flight = store === undefined ?
        loaded :
        Effect.flatMap(inStore(key), (found) =>
          isFresh(found) ? Effect.succeed(found) : loaded)
      const shared = Cache.get(flights, new Flight(key, flight)) as Effect.Effect<Cached<A>, E, R>
      return Effect.map(shared, (cached) => shelf.serve(cached))
    }
    const through: StaleCache<A>["through"] = (key) => (call) =>
      Effect.withFiber((fiber) => {
        const kept = peek(fiber, key)
        return isFresh(kept) ? Effect.succeed(shelf.serve(kept)) : load(key, call)
      })

    const cache: StaleCache<A> = {
      name: shelf.name,
      through,
      orStale:
        <E>(key: string, options?: { readonly when?: ((error: E) => boolean) | undefined } | undefined) =>
        <E1 extends E, R>(call: Effect.Effect<A, E1, R>): Effect.Effect<Cached<A>, E1, R> =>
          Effect.catch(through(key)(call), (error) => {
            if (options?.when?.(error) === false) return Effect.fail(error)
            // The store has been asked before the call: what it had is in memory, unless it was pushed out since.
            return Effect.flatMap(inMemory(key), (found) => found ? Effect.succeed(found) : inStore(key)).pipe(
              Effect.flatMap((found) => found ? Effect.succeed(shelf.serve(found)) : Effect.fail(error))
            )
          }),
      lastGood: (key) => Effect.map(find(key), (found) => found && shelf.serve(found)),
      set: (key, value) => Effect.flatMap(keep(key, value), (writing) => writing ? awaitEnd(writing) : Effect.void),
      invalidate: (key) =>
        Effect.suspend(() => {
          shelf.drop(key)
          return store ? store.remove(key) : Effect.void
        }),
      clear: Effect.suspend(() => {
        shelf.clear()
        return store ? store.clear : Effect.void
      }),
      snapshot: Effect.sync(() => ({ ...shelf.snapshot(), storeFailures: store?.failures ?? 0 }))
    }
    yield* Registry.register({ _tag: "StaleCache", name: cache.name, cache })
    return cache
  })

/**
 * Makes a cache with the options under a path of the configuration, such as `["model", "cache"]`; what is not found there
 * is as in `options`. Options out of range are a `ConfigError`.
 */
export const fromConfig = <A>(
  path: string | ConfigProvider.Path,
  options: Partial<Options<A>> = {}
): Effect.Effect<StaleCache<A>, Config.ConfigError> =>
  Effect.flatMap(written.config(path, options), (options: Options<A>) => make(options))

const isFresh = <A>(found: Cached<A> | undefined): found is Cached<A> => found?.freshness === "fresh"

// A call in flight: equal to another for the same key, whatever its effect.
class Flight<A> implements Equal.Equal {
  readonly key: string
  readonly call: Effect.Effect<Cached<A>, unknown, any>

  constructor(key: string, call: Effect.Effect<Cached<A>, unknown, any>) {
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
