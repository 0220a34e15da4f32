/**
 * The measured calls that the running fiber is part of, innermost first: work tells them what only it sees, such as its
 * first token. It is in a file of its own, because shared calls run without it.
 */
import * as Context from "effect/Context"

/** A call that is told about its work. To tell a call that has ended changes nothing. */
export interface MeasuredCall {
  /** The measured call around this one. */
  readonly around: MeasuredCall | undefined
  readonly isOver: boolean
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

/**
 * The innermost call that has not ended. Detached work that calls again must not make the chain longer with every call that
 * has ended.
 */
export const runningOf = (call: MeasuredCall | undefined): MeasuredCall | undefined => {
  while (call?.isOver) call = call.around
  return call
}
