/** Claims as plain data: which calls they speak of, what they count, and when they hold. */
import type { Figures } from "./figures.ts"

/** A promise and how it is judged. */
export type Claim = Share | Own

/** A claim about how large a part of the calls something happens to, which is watched while the calls are made. */
export interface Share {
  readonly _tag: "Share"
  readonly name: string
  readonly window: Window
  readonly counted: Counted
  readonly bound: Bound
}

/** A claim of one's own, judged by the figures at the end. */
export interface Own {
  readonly _tag: "Own"
  readonly name: string
  readonly window: Window
  readonly judge: (figures: Figures) => Verdict
}

/** When a claim holds: always, in one phase, or from some time after a phase on, perhaps until another begins. */
export type Window =
  | { readonly _tag: "Run" }
  | { readonly _tag: "During"; readonly phase: string }
  | { readonly _tag: "After"; readonly phase: string; readonly millis: number; readonly until: string | undefined }

/** What is counted: calls that end in some way or in some time, or calls that reach a provider. */
export type Counted =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Outcome"; readonly outcome: string }
  | { readonly _tag: "Within"; readonly millis: number }
  | { readonly _tag: "Reached"; readonly provider: string | undefined }

/** How many of what is counted there may be, and must be, for each call of a customer. Both ends are allowed. */
export interface Bound {
  readonly atLeast?: number | undefined
  readonly atMost?: number | undefined
}

/** What came of a claim, and what was seen. */
export type Verdict =
  | { readonly _tag: "Holds"; readonly seen: string }
  | { readonly _tag: "Broken"; readonly seen: string }
  | { readonly _tag: "Unjudged"; readonly reason: string }

/** The name of an answer that is the provider's own. */
export const firstClass = "first-class"
