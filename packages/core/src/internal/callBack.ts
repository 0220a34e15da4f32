/**
 * Calls back where nobody is there to catch: what is thrown is logged, so that it neither ends the process nor keeps the
 * others from being called.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

export const callBack = (call: () => void): void => {
  try {
    call()
  } catch (defect) {
    Effect.runFork(Effect.logError("A callback threw.", Cause.die(defect)))
  }
}
