/** The options of a retry, checked. */
import * as Effect from "effect/Effect"
import { fieldOf } from "../internal/data/fieldOf.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { type Jitter, jitters } from "./backoff.ts"
import * as Outcome from "../Outcome.ts"
import type { Options } from "../Retry.ts"
import type { RetryBudget } from "../RetryBudget.ts"

/** Times in milliseconds; infinity for no limit. */
export interface Policy {
  readonly attempts: number
  readonly base: number
  readonly cap: number
  readonly jitter: Jitter
  readonly within: number
  readonly while: (error: any, attempts: number) => boolean
  readonly budget: RetryBudget | undefined
}

/** Whether an error is worth another attempt: it does not deny it, and it is no rejection by a guard. */
export const isTransient = (error: unknown): boolean => Outcome.isRetryable(error) && !Outcome.isRejection(error)

export const toPolicy = (options: Options<any>, check: OptionsOf): Policy => {
  const base = check.positive("base", options.base ?? "200 millis")
  return {
    attempts: check.integer("attempts", options.attempts ?? 3, 1),
    base,
    cap: check.positive("cap", options.cap ?? Math.max(base, 10_000)),
    jitter: check.oneOf("jitter", options.jitter ?? "full", jitters),
    within: options.within === undefined ? Infinity : check.positive("within", options.within),
    while: options.while === undefined ? isTransient : check.callback("while", options.while),
    budget: options.budget === undefined ? undefined : toBudget(options.budget, check)
  }
}

const toBudget = (budget: RetryBudget, check: OptionsOf): RetryBudget =>
  Effect.isEffect(fieldOf(budget, "take")) && Effect.isEffect(fieldOf(budget, "deposit"))
    ? budget
    : check.refuse("budget", "a retry budget", budget)
