/**
 * Isolates a slow dependency, so that it cannot take all capacity of the caller. At most `concurrency` calls run at the
 * same time, at most `queue` more wait for a slot, and every other call is rejected at once with {@link BulkheadFull}.
 *
 * Calls wait in arrival order; calls with a higher {@link CurrentPriority} go first. A wait ends with a slot, after
 * `maxWait` or at the caller's deadline, whichever comes first. A call is rejected without waiting when the queue is
 * full or the deadline has passed. A call that is interrupted while it waits leaves the queue. A call that runs
 * releases its slot when its work has ended, including its finalizers.
 *
 * With `share`, one {@link CurrentKey}, such as a tenant, holds at most that share of the slots and of the places in
 * the queue. Among calls of one priority, the key that holds the fewest slots goes first. A tenant with one call does
 * not wait behind the hundred calls of another. `resize` changes the number of slots while calls run and wait.
 *
 * A waiting call continues in a scheduler task of its own: the call that released the slot returns its result first.
 *
 * **Order.** Inside the rate limiter, outside the circuit breaker: a call that waits for a slot is not in flight, and
 * the wait does not count towards the breaker's slow calls.
 *
 * **Semantics.** Queue and bound work as in Polly's concurrency limiter and failsafe-go's bulkhead. A released slot
 * goes directly to the next call in the queue, so that a new call cannot overtake it.
 *
 * **Gotchas.** Priority only orders the queue. It does not interrupt running calls and does not displace a queued call,
 * so that a full queue rejects the most urgent call, too. Under a steady load of higher priorities, lower ones wait
 * until `maxWait`. All calls without a key share one lane, which has no limit of its own.
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 1 })
 *   const call = Effect.as(Effect.sleep("5 millis"), "answered").pipe(
 *     bulkhead.protect,
 *     Effect.catchTag("BulkheadFull", ({ reason }) => Effect.succeed(reason))
 *   )
 *   return yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["answered", "answered", "answered", "queue-full"]
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BulkheadFull, type Reason } from "./bulkhead/BulkheadFull.ts"
import { BulkheadCall } from "./bulkhead/call.ts"
import type { Bulkhead, Options } from "./bulkhead/model.ts"
import { kind } from "./bulkhead/observe.ts"
import { PermitPool } from "./bulkhead/permitPool.ts"
import { poolRules } from "./bulkhead/rules.ts"
import { guardBy, type StartAdmission } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import * as Registry from "./Registry.ts"

export { BulkheadFull, kind, type Reason }
export { CurrentKey, CurrentPriority } from "./bulkhead/currentCall.ts"
export type { Bulkhead, Options, Snapshot } from "./bulkhead/model.ts"

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  concurrency: Schema.optionalKey(NumberOrDuration),
  queue: Schema.optionalKey(NumberOrDuration),
  maxWait: Schema.optionalKey(NumberOrDuration),
  share: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: poolRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON. A wrong or unknown field is rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a bulkhead. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Bulkhead> =>
  Effect.sync((): Bulkhead => {
    const pool = new PermitPool<BulkheadCall>(poolRules(options, new OptionsOf("Bulkhead.make")))
    const refuse = () => pool.isFull ? pool.reject("queue-full") : undefined
    const protect = (maxWait: number) => {
      const begin: StartAdmission = (_fiber, self) => new BulkheadCall(pool, self, maxWait)
      return guardBy<BulkheadFull>(begin, refuse)
    }
    return offerCalls<Bulkhead>({
      name: pool.name,
      protect: protect(pool.maxWait),
      protectWith: ({ maxWait }) => protect(new OptionsOf("Bulkhead.protectWith").wait("maxWait", maxWait)),
      resize: (concurrency) =>
        Effect.sync(() => pool.resize(new OptionsOf("Bulkhead.resize").integer("concurrency", concurrency, 1))),
      snapshot: Effect.sync(() => ({
        name: pool.name,
        concurrency: pool.concurrency,
        queue: pool.limit,
        inFlight: pool.taken,
        queued: pool.queue.size,
        rejected: { ...pool.rejected }
      }))
    }, pool)
  }).pipe(Effect.tap((bulkhead) => Registry.register({ kind, name: bulkhead.name, guard: bulkhead })))

/**
 * Makes a bulkhead with the options under a path of the configuration, such as `["model", "bulkhead"]`. Options that
 * are missing there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<Bulkhead, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one bulkhead, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"Bulkhead", Id>, Bulkhead>, GuardClass<Self, BulkheadFull, Options>
{}

/**
 * A class that is the service key of one bulkhead, with its `layer` and its `protect`.
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): ServiceClass<Self, Id> => guardClass(keyOf("Bulkhead", id), { ...options, name: options.name ?? id }, make, codec)
