/** The options of a retry, checked. */
import * as Effect from "effect/Effect"
import { fieldOf } from "../internal/data/fieldOf.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { type Growth, jitters } from "./backoff.ts"
import * as Outcome from "../Outcome.ts"
import type { Jitter, Options } from "./model.ts"
import type { RetryBudget } from "../retryBudget/model.ts"

/** Times in milliseconds; infinity for no limit. */
export interface Policy extends Growth {
  readonly name: string
  readonly maxAttempts: number
  readonly maxDuration: number
  readonly while: (error: any, attempts: number) => boolean
  readonly budget: RetryBudget | undefined
}

/**
 * The default of `while`: `true` for errors that do not say `isRetryable: false` and are not rejections by a guard.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isTransient = (error: unknown): boolean => Outcome.isRetryable(error) && !Outcome.isRejection(error)

export const toPolicy = (options: Options<any>, check: OptionsOf): Policy => {
  const baseDelay = check.delay("baseDelay", options.baseDelay ?? "200 millis")
  return {
    name: check.name(options.name ?? "retry"),
    maxAttempts: check.integer("maxAttempts", options.maxAttempts ?? 3, 1),
    baseDelay,
    maxDelay: check.positive("maxDelay", options.maxDelay ?? Math.max(baseDelay, 10_000)),
    factor: toFactor(options.factor ?? 2, check),
    jitter: toJitter(options.jitter ?? "full", check),
    maxDuration: options.maxDuration === undefined ? Infinity : check.positive("maxDuration", options.maxDuration),
    while: options.while === undefined ? isTransient : check.callback("while", options.while),
    budget: options.budget === undefined ? undefined : toBudget(options.budget, check)
  }
}

const toFactor = (factor: number, check: OptionsOf): number =>
  Number.isFinite(factor) && factor >= 1 ? factor : check.refuse("factor", "a finite number of at least 1", factor)

// No share at all scatters nothing, and draws nothing.
const toJitter = (jitter: Jitter, check: OptionsOf): Jitter =>
  jitter === 0
    ? "none"
    : (typeof jitter === "number" && jitter > 0 && jitter <= 1) || jitters.some((kind) => kind === jitter)
    ? jitter
    : check.refuse("jitter", `a number from 0 to 1 or one of ${jitters.join(", ")}`, jitter)

const toBudget = (budget: RetryBudget, check: OptionsOf): RetryBudget =>
  Effect.isEffect(fieldOf(budget, "take")) && Effect.isEffect(fieldOf(budget, "deposit"))
    ? budget
    : check.refuse("budget", "a retry budget", budget)
