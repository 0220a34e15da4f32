/**
 * One slow dependency cannot take all of the caller's capacity: so many calls run at once, so many more wait, and the
 * rest are refused at once with {@link BulkheadFull}.
 *
 * Callers wait in the order in which they came, those with a higher {@link CurrentPriority} ahead of the others. A wait
 * ends with a slot, after `maxWait`, or at the caller's deadline, whichever is first; it is refused before it begins
 * when the queue is full or the deadline has passed. A caller that is interrupted while it waits leaves its place, and
 * one that runs gives its slot back only when its work has really ended.
 *
 * With a `share`, no {@link CurrentKey}, such as a tenant, ever holds more than that share of the slots, nor more than
 * that share of the places in the queue. Among calls of one priority the key that holds the fewest slots goes first, so
 * that a tenant with one call does not wait behind the hundred calls of another. `resize` changes the number of slots
 * while calls run and wait.
 *
 * A call that waits goes on in a step of its own: the caller that gave its slot back has its own answer first.
 *
 * **Order.** Inside the rate limit, outside the breaker: a call that only waits is not in flight, and the time it
 * waited does not make the dependency look slow.
 *
 * **Semantics.** The queue and its bound are those of Polly's concurrency limiter and failsafe-go's bulkhead; a slot is
 * handed to the next waiter directly, so that nobody barges in.
 *
 * **Gotchas.** A priority decides who of those who wait is next: it interrupts nobody, and in a full queue it takes
 * nobody's place, so that the most urgent caller is refused there like any other. Under a steady load of higher
 * priorities the lower ones wait until `maxWait`. All calls without a key count as one party.
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
import { PermitPool, type Rules } from "./bulkhead/permitPool.ts"
import { guardBy, type StartAdmission } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import * as Registry from "./Registry.ts"

export { BulkheadFull, kind, type Reason }
export { CurrentKey, CurrentPriority } from "./bulkhead/currentCall.ts"
export type { Bulkhead, Options, Snapshot } from "./bulkhead/model.ts"

const mostWaiting = 1_000_000

const toRules = (options: Options, check: OptionsOf): Rules => ({
  name: check.name(options.name),
  concurrency: check.integer("concurrency", options.concurrency, 1),
  limit: check.integer("queue", check.atMost("queue", options.queue ?? 0, mostWaiting), 0),
  maxWait: check.wait("maxWait", options.maxWait ?? "10 seconds"),
  share: options.share === undefined ? undefined : check.rate("share", options.share)
})

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  concurrency: Schema.optionalKey(NumberOrDuration),
  queue: Schema.optionalKey(NumberOrDuration),
  maxWait: Schema.optionalKey(NumberOrDuration),
  share: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/** {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/** Makes a bulkhead. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = (options: Options): Effect.Effect<Bulkhead> =>
  Effect.sync((): Bulkhead => {
    const pool = new PermitPool<BulkheadCall>(toRules(options, new OptionsOf("Bulkhead.make")))
    const refuse = () => pool.isFull ? pool.reject("queue-full") : undefined
    const protect = (maxWait: number) => {
      const begin: StartAdmission = (_fiber, self) => new BulkheadCall(pool, self, maxWait)
      return guardBy<BulkheadFull>(begin, refuse)
    }
    return {
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
    }
  }).pipe(Effect.tap((bulkhead) => Registry.register({ kind, name: bulkhead.name, guard: bulkhead })))

/**
 * Makes a bulkhead with the options under a path of the configuration, such as `["model", "bulkhead"]`; what is not found
 * there is as in `options`. Options out of range are a `ConfigError`.
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

/** A class that is the service key of one bulkhead, with its `layer` and its `protect`. */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): ServiceClass<Self, Id> => guardClass(keyOf("Bulkhead", id), { ...options, name: options.name ?? id }, make, codec)
