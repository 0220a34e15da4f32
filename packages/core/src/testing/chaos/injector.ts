/** What stands around effects and injects. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { type About, type Counts, nothing } from "./chaosController.ts"
import type { Rule } from "./rules.ts"

/** What can stand around an effect and make it go wrong, with values of `A` and errors of `E`. */
export interface Injector<out A, out E> {
  readonly name: string
  /** Stands around an effect: what it may add to its values and errors is in the type. */
  readonly inject: <A2, E2, R>(self: Effect.Effect<A2, E2, R>) => Effect.Effect<A | A2, E | E2, R>
  /** Like `inject`, and tells the predicates of the rules what the call is about. */
  readonly injectAs: (
    about: About
  ) => <A2, E2, R>(self: Effect.Effect<A2, E2, R>) => Effect.Effect<A | A2, E | E2, R>
  /**
   * What calls have met so far. `calls` is the sum of all others but `latency`, and of those that are held up now, were
   * interrupted while they were, or died of a predicate.
   */
  readonly counts: Effect.Effect<Counts>
}

/** An injector whose rules can be changed while calls run. */
export interface Chaos<in out A, in out E> extends Injector<A, E> {
  /**
   * Goes on with these rules from the next call on, in place of all others, a script included. Dies with a `RangeError`,
   * and changes nothing, when one is out of range.
   */
  readonly set: (rules: ReadonlyArray<Rule<A, E>>) => Effect.Effect<void>
  /** Lets every call through from the next on. */
  readonly off: Effect.Effect<void>
}

/** No chaos at all: `inject` answers the very effect it is given, and an HTTP client is left as it is. */
export const none: Injector<never, never> = {
  name: "none",
  inject: identity,
  injectAs: () => identity,
  counts: Effect.succeed(nothing)
}
