/**
 * The measured calls that the running fiber is part of, innermost first: work tells them what only it sees, such as its
 * first token. It is in a file of its own, because shared calls run without it.
 */
import * as Context from "effect/Context"

/** A call that is told about its work. To tell a call that has ended changes nothing. */
export interface MeasuredCall {
  /** The first part of the result that shows work is there. Only the first time counts. */
  readonly sawFirstToken: () => void
  /** The answer has this many tokens. The last time counts. */
  readonly sawOutputTokens: (count: number) => void
}

export const CurrentCall = Context.Reference<MeasuredCall | undefined>(
  "@switchgear/core/ConcurrencyLimit/CurrentCall",
  {
    defaultValue: () => undefined
  }
)
