/** Claims as plain data: the calls they are about, what they count, and the bounds. */
import type { Figures } from "./figures.ts"

/**
 * A claim, and how it is judged.
 *
 * @since 0.1.0
 * @category models
 */
export type Claim = Share | Own | Left

/**
 * A claim about the share of calls that something happens to, counted while the calls are made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Share {
  readonly _tag: "Share"
  readonly name: string
  readonly window: Window
  /** Only calls to this node. */
  readonly node?: string | undefined
  readonly counted: Counted
  readonly bound: Bound
  /** With fewer calls, the claim is not judged. */
  readonly atLeastCalls: number
}

/**
 * A claim of the user, judged by the figures at the end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Own {
  readonly _tag: "Own"
  readonly name: string
  readonly window: Window
  /** Only calls to this node. */
  readonly node?: string | undefined
  readonly judge: (figures: Figures) => Verdict
  /** With fewer calls, the claim is not judged. */
  readonly atLeastCalls: number
}

/**
 * The claim that no fiber is left after the run, and that none died without anybody noticing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Left {
  readonly _tag: "Left"
  readonly name: string
}

/**
 * The part of a run that a claim is about: all of it, one phase, from some time after a phase on, or from some time
 * after the whole load on. `watched` is how long the run goes on after that time.
 *
 * @since 0.1.0
 * @category models
 */
export type Window =
  | { readonly _tag: "Run" }
  | { readonly _tag: "During"; readonly phase: string }
  | { readonly _tag: "After"; readonly phase: string; readonly millis: number; readonly until: string | undefined }
  | { readonly _tag: "AfterLoad"; readonly millis: number; readonly watched: number }

/**
 * What is counted: calls with some outcome, calls within some duration, calls that reach a provider, or whatever still
 * happens after the load.
 *
 * @since 0.1.0
 * @category models
 */
export type Counted =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Outcome"; readonly outcome: string }
  | { readonly _tag: "Within"; readonly millis: number }
  | { readonly _tag: "Reached"; readonly provider: string | undefined }
  | { readonly _tag: "Late" }

/**
 * The minimum and the maximum of the count per call of a customer, both inclusive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bound {
  readonly atLeast?: number | undefined
  readonly atMost?: number | undefined
}

/**
 * The verdict on a claim, and what was seen.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict =
  | { readonly _tag: "Holds"; readonly seen: string }
  | { readonly _tag: "Broken"; readonly seen: string }
  | { readonly _tag: "Unjudged"; readonly reason: string }

/** The outcome of an answer that comes from the provider itself. */
export const firstClass = "first-class"
