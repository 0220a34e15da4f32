/** What a call says about itself to the bulkheads that it passes. */
import * as Context from "effect/Context"

/**
 * How urgent the calls inside are: calls that wait are served from the highest priority down. Any number; NaN counts as
 * 0. @default 0
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const served: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10 })
 *   const call = (caller: string) =>
 *     Effect.andThen(Effect.sync(() => served.push(caller)), Effect.sleep("1 millis")).pipe(bulkhead.protect)
 *   const shopper = Effect.provideService(call("shopper"), Bulkhead.CurrentPriority, 10)
 *   yield* Effect.all([call("batch 1"), call("batch 2"), shopper], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program)
 * served // => ["batch 1", "shopper", "batch 2"]
 * ```
 */
export const CurrentPriority = Context.Reference<number>("@switchgear/core/Bulkhead/CurrentPriority", {
  defaultValue: () => 0
})

/**
 * The key, such as a tenant, on whose behalf the calls inside are made, for bulkheads with a `share`. @default undefined:
 * all calls without a key count as one party, which may hold every slot
 */
export const CurrentKey = Context.Reference<string | undefined>("@switchgear/core/Bulkhead/CurrentKey", {
  defaultValue: () => undefined
})
