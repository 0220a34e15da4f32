/** What retry and cascade act on: a cause that has a typed failure and neither a defect nor an interruption. */
import * as Cause from "effect/Cause"

/** The failure of such a cause; boxed, because a failure may be undefined. */
export const onlyFailure = <E>(cause: Cause.Cause<E>): { readonly failure: E } | undefined => {
  let only: { readonly failure: E } | undefined
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) return undefined
    only ??= { failure: reason.error }
  }
  return only
}
