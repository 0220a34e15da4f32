/**
 * Stores the answers of a `StaleCache` outside the process, in Redis, in a database or on disk, so that other processes
 * and the next start of this one can use them.
 *
 * The cache reads the store when its memory has no fresh value. It writes every new value to the store without making
 * the caller wait. A store that fails, dies, hangs or returns invalid data delays a call by at most `storeTimeout` and
 * never costs its answer: a failed read is a miss, and a failed write is dropped. The snapshot counts both in
 * `storeFailures`.
 *
 * **Removals.** The store gets one write or removal per key at a time. From the moment a removal is requested, values
 * stored before it are ignored, even if the store fails to remove them. A write that exceeds its time is interrupted;
 * later writes of the key wait until it has ended. While 16 operations that were given up still run, the cache does not
 * use the store.
 *
 * **Gotchas.** Calls are shared only within a process: N processes make up to N calls for one key. A value invalidated
 * by another process is served from the memory of this one until it is no longer fresh. A value that another process
 * writes while this one removes its key may arrive after the removal, and is then served again. Ages use the wall
 * clocks of the processes: a clock that is ahead makes values look younger by that much. A value with a date in the
 * future counts as stored when this process first read it. While the store hangs, every call that is not answered from
 * memory waits for `storeTimeout`. Wrap the effects of the store with a circuit breaker to avoid that.
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
 * // In production, `Persistence.layerRedis` or another layer of Effect.
 * const served = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Persistence.layerMemory)))
 * served.freshness // => "fresh"
 * served.value // => { text: "42", tokens: 1 }
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Persistable from "effect/persistence/Persistable"
import * as Persistence from "effect/persistence/Persistence"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { OptionsOf } from "./internal/config/checks.ts"
import { utf8Length } from "./internal/data/utf8Length.ts"

/**
 * A value, and the time when it was stored, in milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stored<out A> {
  readonly value: A
  readonly storedAt: number
}

/**
 * A place that keeps values by key for a time. Its operations may fail with any error.
 *
 * @since 0.1.0
 * @category services
 */
export interface StaleCacheStore<in out A> {
  /** The value of the key; undefined if there is none or if it cannot be read. */
  readonly get: (key: string) => Effect.Effect<Stored<A> | undefined, unknown>
  /** Stores a value for at least `timeToLive`. */
  readonly set: (key: string, stored: Stored<A>, timeToLive: Duration.Duration) => Effect.Effect<void, unknown>
  readonly remove: (key: string) => Effect.Effect<void, unknown>
  readonly clear: Effect.Effect<void, unknown>
}

/**
 * The part of a persistence to use, and the schema of its values.
 *
 * @since 0.1.0
 * @category options
 */
export interface PersistenceOptions<A, I> {
  /** Separates the entries of different caches; `clear` removes exactly these. */
  readonly storeId: string
  /**
   * Encodes values to JSON and checks them when they are read. An entry that does not match is a miss, not a failure.
   */
  readonly schema: Schema.Codec<A, I>
  /**
   * The most bytes that the JSON of a value may have. A larger value is not stored, which counts as a failure of the store; it is
   * in the memory of the process that has it, within the `maxBytes` of the cache.
   *
   * @default 1048576
   */
  readonly maxValueBytes?: number | undefined
}

/**
 * A value that a store did not take because it is larger than `maxValueBytes`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ValueTooLarge extends Schema.TaggedError<ValueTooLarge>("@switchgear/core/StaleCacheStore/ValueTooLarge")(
  "ValueTooLarge",
  { storeId: Schema.String, bytes: Schema.Int, maxValueBytes: Schema.Int }
) {
  override get message(): string {
    const { bytes, maxValueBytes, storeId } = this
    return `StaleCacheStore ${JSON.stringify(storeId)} does not store a value of ${bytes} bytes. ` +
      `Raise maxValueBytes, now ${maxValueBytes}, or store less of it.`
  }
}

/**
 * A store in Effect's `Persistence`: Redis, SQL, a key-value store or memory, by its layer. Dies with a `RangeError` when
 * `maxValueBytes` is no integer above zero.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPersistence = <A, I>(
  options: PersistenceOptions<A, I>
): Effect.Effect<StaleCacheStore<A>, never, Persistence.Persistence | Scope.Scope> =>
  Effect.gen(function*() {
    const { maxValueBytes = 2 ** 20, storeId } = options
    yield* Effect.sync(() =>
      new OptionsOf("StaleCacheStore.fromPersistence").integer("maxValueBytes", maxValueBytes, 1)
    )
    const persistence = yield* Persistence.Persistence
    const encode = Schema.encodeEffect(Schema.toCodecJson(options.schema))
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
      set: (key, stored, timeToLive) =>
        Effect.flatMap(encode(stored.value), (json): Effect.Effect<void, unknown> => {
          const bytes = utf8Length(JSON.stringify(json))
          return bytes > maxValueBytes
            ? Effect.fail(new ValueTooLarge({ storeId, bytes, maxValueBytes }))
            : entries.set(entry(key, timeToLive), Exit.succeed(stored))
        }),
      remove: (key) => entries.remove(entry(key)),
      clear: entries.clear
    }
  })
