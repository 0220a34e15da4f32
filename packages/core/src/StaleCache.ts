/**
 * Keeps the last good answer of each key, and serves it when a call fails (stale-if-error).
 *
 * A value is **fresh** for `timeToLive`. A fresh value is served without a call. Then it is **stale** for `staleFor`. A
 * stale value is served only when the call fails or takes too long. Concurrent calls for one key share one call. Only
 * successes are stored, never failures or defects.
 *
 * **Order.** Outside all guards of the call, so that a hit costs no slot, no token and no attempt. In a cascade, use
 * {@link StaleCache.through} on the first target and {@link StaleCache.lastGood} after the last one.
 *
 * **Shared calls.** Callers that share a call get the same outcome. The call runs with the services of the caller that
 * started it, such as its tracer and its `Bulkhead.CurrentKey`, but without any caller's deadline, attempts or
 * priority: give it a time-out of its own. Each caller waits at most until its own deadline. A caller that leaves
 * returns at once. The call is interrupted when its last caller leaves; a later caller starts a new call.
 *
 * **Invalidation.** `invalidate`, `clear`, `expire` and `set` take precedence over calls in flight. The answer of such a call
 * goes to the callers that already wait for it. It is not stored, and not given to later callers. This also holds when
 * a {@link StaleCacheStore} fails to remove a value.
 *
 * **Gotchas.** The key must contain everything the answer depends on, including the tenant. A call that asks for its
 * own key, directly, through another key, or in a fiber that it forks, dies with a message instead of a deadlock. Many
 * different keys evict the least recently used ones. Callers of a key get the same value unless `copy` is given: it must
 * not be changed. Values are kept in the memory of the process; a {@link StaleCacheStore} shares them.
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
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { atOnce } from "./internal/data/atOnce.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { monotonicMillis } from "./internal/runtime/time.ts"
import { noteStore } from "./internal/runtime/takeOver.ts"
import { resumeWith } from "./internal/runtime/wake.ts"
import { NumberOrDuration, type OptionsCodec, optionsCodec } from "./internal/config/optionsCodec.ts"
import { type KeyOf, keyOf, type LayerClass, layerClass } from "./internal/runtime/serviceClass.ts"
import * as Registry from "./Registry.ts"
import { Asking, type Mode, modes } from "./staleCache/asking.ts"
import { type Cached, type Freshness, isFresh } from "./staleCache/cached.ts"
import type { CallOptions, Options, OrStaleOptions, StaleCache } from "./staleCache/model.ts"
import { kind } from "./staleCache/observe.ts"
import { originOf } from "./staleCache/operation.ts"
import { toRules } from "./staleCache/rules.ts"
import { SecondTier } from "./staleCache/secondTier.ts"
import { MemoryTier } from "./staleCache/memoryTier.ts"
import { weigh } from "./staleCache/weigh.ts"

export { kind }
export type { Cached, Freshness, Mode }
export type { CallOptions, Options, OrStaleOptions, Snapshot, StaleCache } from "./staleCache/model.ts"

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  capacity: Schema.optionalKey(NumberOrDuration),
  maxBytes: Schema.optionalKey(NumberOrDuration),
  timeToLive: Schema.optionalKey(NumberOrDuration),
  staleFor: Schema.optionalKey(NumberOrDuration),
  after: Schema.optionalKey(NumberOrDuration),
  storeTimeout: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `sizeOf`, `storeWhen`, `copy` and `store` are given in code. A wrong or
 * unknown field is rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes an empty cache. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>(options: Options<A>): Effect.Effect<StaleCache<A>> =>
  Effect.gen(function*() {
    const rules = yield* Effect.sync(() => toRules(options, new OptionsOf("StaleCache.make")))
    const { copy, sizeOf, storeWhen } = options
    const memory = new MemoryTier<A>(rules, {
      storeWhen,
      copy,
      sizeOf: sizeOf ?? (rules.maxBytes === undefined ? undefined : (value, key) => 2 * key.length + weigh(value))
    })
    const tier = options.store && new SecondTier(options.store, memory, rules)
    const asking = new Asking(rules.name, memory, tier)

    const peek = (fiber: Fiber.Fiber<any, any>, key: string) =>
      memory.find(key, monotonicMillis(fiber.getRef(Clock.Clock)))
    const inMemory = (key: string) => Effect.withFiber((fiber) => Effect.succeed(peek(fiber, key)))
    const find = tier === undefined ?
      inMemory :
      (key: string) => Effect.flatMap(inMemory(key), (found) => isFresh(found) ? Effect.succeed(found) : tier.find(key))

    const through =
      (mode: Mode, after: number, key: string, onCall: CallOptions["onCall"]) => <E, R>(call: Effect.Effect<A, E, R>) =>
        mode === "bypass" ?
          Effect.map(call, (value) => memory.serve({ value, freshness: "loaded", age: Duration.zero })) :
          Effect.withFiber<Cached<A>, E, R>((fiber) => {
            const kept = mode === "use" ? peek(fiber, key) : undefined
            return isFresh(kept)
              ? Effect.succeed(memory.serve(kept))
              : asking.ask(fiber, key, call, mode, after, onCall)
          })

    const cache: StaleCache<A> = {
      name: rules.name,
      through: (key, options) => through(modeOf("StaleCache.through", options), Infinity, key, options?.onCall),
      orStale: <E>(key: string, options?: OrStaleOptions<E> | undefined) => {
        const mode = modeOf("StaleCache.orStale", options)
        const after = options?.after === undefined
          ? rules.after
          : new OptionsOf("StaleCache.orStale").wait("after", options.after)
        const ask = through(mode, after, key, options?.onCall)
        return <E1 extends E, R>(call: Effect.Effect<A, E1, R>): Effect.Effect<Cached<A>, E1, R> => {
          if (mode === "bypass") return ask(call)
          return Effect.catch(ask(call), (error) => {
            if (!allows(options?.when, error)) return Effect.fail(error)
            // The store was read before the call, and its value is in memory unless it was evicted since.
            return Effect.flatMap(inMemory(key), (found) => found || !tier ? Effect.succeed(found) : tier.find(key))
              .pipe(
                Effect.flatMap((found) => found ? Effect.succeed(memory.serve(found)) : Effect.fail(error))
              )
          })
        }
      },
      lastGood: (key) => Effect.map(find(key), (found) => found && memory.serve(found)),
      set: (key, value) =>
        inOneStep(tier, (fiber, told) => {
          const keeping = memory.keep(key, value, monotonicMillis(fiber.getRef(Clock.Clock)))
          if (keeping === "unwanted") return told()
          // What is too large is not kept, and what was kept before is no longer the value.
          if (keeping === "too large") memory.drop(key)
          asking.flights.abandon(key)
          if (tier === undefined) told()
          else if (keeping === "kept") tier.set(key, memory.kept(key), originOf(fiber), told)
          else tier.remove(key, originOf(fiber), told)
        }),
      invalidate: (key) =>
        inOneStep(tier, (fiber, told) => {
          memory.drop(key)
          asking.flights.abandon(key)
          if (tier === undefined) told()
          else tier.remove(key, originOf(fiber), told)
        }),
      clear: inOneStep(tier, (fiber, told) => {
        memory.clear()
        asking.flights.abandonAll()
        if (tier === undefined) told()
        else tier.clear(originOf(fiber), told)
      }),
      expire: Effect.withFiber((fiber) =>
        Effect.sync(() => {
          memory.expire(monotonicMillis(fiber.getRef(Clock.Clock)))
          asking.flights.abandonAll()
        })
      ),
      snapshot: Effect.sync(() => ({ ...memory.snapshot(), storeFailures: tier?.account.failures ?? 0 }))
    }
    noteStore(cache, memory)
    yield* Registry.register({ kind, name: cache.name, guard: cache })
    return cache
  })

/**
 * Makes a cache with the options under a path of the configuration, such as `["model", "cache"]`. Options that are
 * missing there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = <A>(
  path: string | ConfigProvider.Path,
  options: Partial<Options<A>> = {}
): Effect.Effect<StaleCache<A>, Config.ConfigError> =>
  Effect.flatMap(codec.config(path, options), (options: Options<A>) => make(options))

/**
 * The class that {@link Service} makes: the service key of one cache, with its layers and its `through`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string, in out A>
  extends Context.ServiceClass<Self, KeyOf<"StaleCache", Id>, StaleCache<A>>, LayerClass<Self, Options<A>>
{
  /** `through` of the cache, which becomes a requirement of the effect. */
  readonly through: (
    key: string,
    options?: CallOptions | undefined
  ) => <E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<Cached<A>, E, R | Self>
  /** `orStale` of the cache, which becomes a requirement of the effect. */
  readonly orStale: <E>(
    key: string,
    options?: OrStaleOptions<E> | undefined
  ) => <E1 extends E, R>(call: Effect.Effect<A, E1, R>) => Effect.Effect<Cached<A>, E1, R | Self>
}

/**
 * A class that is the service key of one cache. The name of the cache is the identifier unless given.
 *
 * ```ts
 * import { StaleCache } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class Answers extends StaleCache.Service<Answers, string>()("answers", { timeToLive: "1 minute" }) {}
 *
 * const program = Effect.succeed("42").pipe(Answers.through("question"), Effect.map(({ value }) => value))
 *
 * await Effect.runPromise(Effect.provide(program, Answers.layer)) // => "42"
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const Service =
  <Self, A>() =>
  <const Id extends string>(id: Id, options?: Partial<Options<A>> | undefined): ServiceClass<Self, Id, A> => {
    const key = layerClass<Self, KeyOf<"StaleCache", Id>, StaleCache<A>, Options<A>>(
      keyOf("StaleCache", id),
      { name: id, ...options },
      make,
      codec as OptionsCodec<Options<A>, unknown>
    )
    return Object.assign(key, {
      through: (of: string, options?: CallOptions | undefined) => <E, R>(call: Effect.Effect<A, E, R>) =>
        Effect.flatMap(key, ({ through }) => through(of, options)(call)),
      orStale:
        <E>(of: string, options?: OrStaleOptions<E> | undefined) => <E1 extends E, R>(call: Effect.Effect<A, E1, R>) =>
          Effect.flatMap(key, ({ orStale }) => orStale(of, options)(call))
    })
  }

const modeOf = (where: string, options: CallOptions | undefined): Mode =>
  options?.mode === undefined ? "use" : new OptionsOf(where).oneOf("mode", options.mode, modes)

/** A predicate that throws counts as false. */
const allows = <E>(when: ((error: E) => boolean) | undefined, error: E): boolean => {
  try {
    return when === undefined || Boolean(atOnce(when(error)))
  } catch {
    return false
  }
}

/** Changes the cache in one synchronous step, then waits for the store if there is one. An interrupt ends only the wait. */
const inOneStep = (
  store: object | undefined,
  change: (fiber: Fiber.Fiber<any, any>, told: () => void) => void
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (store !== undefined) {
      return Effect.callback<void>((resume) => change(fiber, () => resumeWith(resume, Effect.void)))
    }
    change(fiber, constVoid)
    return Effect.void
  })
