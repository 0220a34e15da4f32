/** How urgent a call is: set by its caller, and left behind by what runs for several callers. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/**
 * How urgent the calls inside are: calls that wait are served from the highest priority down. Any number; NaN, and
 * what is no number, counts as 0. @default 0
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
 * The priority of the fiber's calls. What is no number stands with the default: among numbers it would have no place, and
 * those behind it none either.
 */
export const priorityOf = (fiber: Fiber.Fiber<any, any>): number => {
  const priority: unknown = fiber.getRef(CurrentPriority)
  return typeof priority === "number" && !Number.isNaN(priority) ? priority : 0
}
