/**
 * What one process has asked for is there for all, and after a restart: a place for the answers of a `StaleCache` besides
 * the memory of the process, in Redis, in a database or on disk.
 *
 * The cache asks it when its memory has no fresh value, and writes every new one to it without making the caller wait. A
 * store that fails, dies, hangs or holds nonsense costs a call at most the `storeTimeout` of the cache each time it is
 * asked, and never its answer: a read is a miss then, and a write is dropped. The cache's snapshot counts these in
 * `storeFailures`.
 *
 * **Removals.** For one key the store gets one write or removal at a time. What it has from before a removal is ignored from
 * the moment the removal is asked for, also when the store fails to remove it. A write whose time is over is interrupted; the
 * writes behind it wait until it has ended. While 16 operations that were given up still run, the store is not asked.
 *
 * **Gotchas.** Equal keys share a call within a process only: N processes make up to N. A value that another process
 * invalidates is served from the memory of this one until it is no longer fresh. Ages are told by the wall clocks of the
 * processes, so that a clock that is ahead makes values look younger by as much. A value from the future counts as stored
 * when this process first saw it. While the store hangs, every call that is not answered from memory waits for the
 * time-out: a store with a circuit breaker around its effects spares them that.
 *
 * ```ts
 * import { StaleCache, StaleCacheStore } from "@switchgear/core"
 * import { Effect, Schema } from "effect"
 * import { Persistence } from "effect/persistence"
 *
 * const Answer = Schema.Struct({ text: Schema.String, tokens: Schema.Int })
 * const process = Effect.gen(function*() {
 *   const store = yield* StaleCacheStore.fromPersistence({ storeId: "answers", schema: Answer })
 *   return yield* StaleCache.make({ name: "answers", store })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const [one, another] = [yield* process, yield* process]
 *   yield* one.set("question", { text: "42", tokens: 1 })
 *   return yield* Effect.fail("503").pipe(another.through("question"))
 * })
 *
 * // In production, `Persistence.layerRedis` or another of the platform's.
 * const served = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Persistence.layerMemory)))
 * served.freshness // => "fresh"
 * served.value // => { text: "42", tokens: 1 }
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Persistable from "effect/persistence/Persistable"
import * as Persistence from "effect/persistence/Persistence"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** A value and when it was stored, in milliseconds since the epoch. */
export interface Stored<out A> {
  readonly value: A
  readonly storedAt: number
}

/** Any place that keeps values by key for a time; it may fail as it likes. */
export interface StaleCacheStore<in out A> {
  /** The value kept for the key; undefined if there is none or if it cannot be read any more. */
  readonly get: (key: string) => Effect.Effect<Stored<A> | undefined, unknown>
  /** Keeps a value, at least for so long. */
  readonly set: (key: string, stored: Stored<A>, timeToLive: Duration.Duration) => Effect.Effect<void, unknown>
  readonly remove: (key: string) => Effect.Effect<void, unknown>
  readonly clear: Effect.Effect<void, unknown>
}

/** Which part of a persistence to use, and how a value is written there. */
export interface PersistenceOptions<A, I> {
  /** Keeps the entries of different caches apart; `clear` empties it. */
  readonly storeId: string
  /** How a value becomes JSON and is checked when it is read: an entry that does not fit is a miss, not a failure. */
  readonly schema: Schema.Codec<A, I>
}

/** A store in the platform's `Persistence`, that is in Redis, SQL, a key-value store or memory, by its layer. */
export const fromPersistence = <A, I>(
  options: PersistenceOptions<A, I>
): Effect.Effect<StaleCacheStore<A>, never, Persistence.Persistence | Scope.Scope> =>
  Effect.gen(function*() {
    const persistence = yield* Persistence.Persistence
    const entries = yield* persistence.make({
      storeId: options.storeId,
      timeToLive: (_, key) => (key as unknown as { readonly timeToLive: Duration.Duration }).timeToLive
    })
    const schemas = {
      success: Schema.Struct({ value: options.schema, storedAt: Schema.Finite }),
      error: Schema.Never
    }
    const entry = (key: string, timeToLive = Duration.infinity) => ({
      [PrimaryKey.symbol]: () => key,
      [Persistable.symbol]: schemas,
      timeToLive
    })
    return {
      get: (key) =>
        entries.get(entry(key)).pipe(
          Effect.map((exit) => exit && Exit.isSuccess(exit) ? exit.value : undefined),
          Effect.catchTag("SchemaError", () => Effect.undefined)
        ),
      set: (key, stored, timeToLive) => entries.set(entry(key, timeToLive), Exit.succeed(stored)),
      remove: (key) => entries.remove(entry(key)),
      clear: entries.clear
    }
  })
