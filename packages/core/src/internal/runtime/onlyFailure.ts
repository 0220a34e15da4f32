/** What the guards that try again, or elsewhere, act on: a cause that is a typed failure and nothing worse. */
import * as Cause from "effect/Cause"

/** The failure of a cause without defects and interruptions in it; boxed, since a failure may be undefined. */
export const onlyFailure = <E>(cause: Cause.Cause<E>): { readonly failure: E } | undefined => {
  let only: { readonly failure: E } | undefined
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) return undefined
    only ??= { failure: reason.error }
  }
  return only
}
