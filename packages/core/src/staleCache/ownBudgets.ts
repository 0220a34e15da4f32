/**
 * The services of a caller without its budgets. A call shared by several callers must not stop at the deadline of the
 * one that started it, nor spend its attempts.
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Attempts from "../Attempts.ts"
import * as Deadline from "../Deadline.ts"
import { CurrentCall } from "../internal/runtime/currentCall.ts"
import { CurrentPriority } from "../internal/runtime/currentPriority.ts"
import { CurrentCounter } from "../retryBudget/counted.ts"

/**
 * The context of the fiber without deadline, attempts, priority, retry counters and the calls that hear of a first token;
 * everything else stays, including the tenant.
 */
export const withoutBudgets = (fiber: Fiber.Fiber<any, any>): Context.Context<never> => {
  let context = fiber.context
  if (fiber.getRef(Deadline.CurrentDeadline) !== undefined)
    context = Context.add(context, Deadline.CurrentDeadline, undefined)
  if (fiber.getRef(Attempts.CurrentAttempts) !== undefined)
    context = Context.add(context, Attempts.CurrentAttempts, undefined)
  if (fiber.getRef(CurrentPriority) !== 0) context = Context.add(context, CurrentPriority, 0)
  if (fiber.getRef(CurrentCall) !== undefined) context = Context.add(context, CurrentCall, undefined)
  if (fiber.getRef(CurrentCounter) !== undefined) context = Context.add(context, CurrentCounter, undefined)
  return context
}
