/** Wraps effects and injects faults. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { type About, type Counts, nothing } from "./chaosController.ts"
import type { Rule } from "./rules.ts"

/**
 * Wraps an effect and injects values of `A` and errors of `E`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Injector<out A, out E> {
  readonly name: string
  /** Wraps an effect. The values and errors that may be injected are in its type. */
  readonly inject: <A2, E2, R>(self: Effect.Effect<A2, E2, R>) => Effect.Effect<A | A2, E | E2, R>
  /** Like `inject`, with a description of the call for the predicates of rules. */
  readonly injectAs: (
    about: About
  ) => <A2, E2, R>(self: Effect.Effect<A2, E2, R>) => Effect.Effect<A | A2, E | E2, R>
  /**
   * What calls have met so far. `calls` is the sum of all other counts but `latency`, plus the calls that are delayed
   * now, were interrupted while delayed, or died of a predicate.
   */
  readonly counts: Effect.Effect<Counts>
}

/**
 * An injector whose rules can be changed while calls run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Chaos<in out A, in out E> extends Injector<A, E> {
  /**
   * Replaces all rules, including a script, for later calls. Dies with a `RangeError`, and changes nothing, when one is
   * out of range.
   */
  readonly set: (rules: ReadonlyArray<Rule<A, E>>) => Effect.Effect<void>
  /** Lets every later call pass. */
  readonly off: Effect.Effect<void>
}

/**
 * No chaos: `inject` returns the given effect itself, and an HTTP client is not changed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Injector<never, never> = {
  name: "none",
  inject: identity,
  injectAs: () => identity,
  counts: Effect.succeed(nothing)
}
