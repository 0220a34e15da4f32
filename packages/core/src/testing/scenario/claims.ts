/** Claims as plain data: the calls they are about, what they count, and the bounds. */
import type { Figures } from "./figures.ts"

/**
 * A claim, and how it is judged.
 *
 * @since 0.1.0
 * @category models
 */
export type Claim = Share | Own

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
  readonly counted: Counted
  readonly bound: Bound
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
  readonly judge: (figures: Figures) => Verdict
}

/**
 * The part of a run that a claim is about: all of it, one phase, or from some time after a phase on.
 *
 * @since 0.1.0
 * @category models
 */
export type Window =
  | { readonly _tag: "Run" }
  | { readonly _tag: "During"; readonly phase: string }
  | { readonly _tag: "After"; readonly phase: string; readonly millis: number; readonly until: string | undefined }

/**
 * What is counted: calls with some outcome, calls within some duration, or calls that reach a provider.
 *
 * @since 0.1.0
 * @category models
 */
export type Counted =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Outcome"; readonly outcome: string }
  | { readonly _tag: "Within"; readonly millis: number }
  | { readonly _tag: "Reached"; readonly provider: string | undefined }

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
