/** The priority of calls. It is in a file of its own, because shared calls run without it. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/**
 * The priority of the calls inside. Waiting calls are served from the highest priority down. Any number; NaN, and
 * anything that is not a number, counts as 0. @default 0
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
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentPriority = Context.Reference<number>("@switchgear/core/Bulkhead/CurrentPriority", {
  defaultValue: () => 0
})

/**
 * The priority of the calls of the fiber. A value that is not a number becomes the default, because it would break the
 * order of the queue.
 */
export const priorityOf = (fiber: Fiber.Fiber<any, any>): number => {
  const priority: unknown = fiber.getRef(CurrentPriority)
  return typeof priority === "number" && !Number.isNaN(priority) ? priority : 0
}
