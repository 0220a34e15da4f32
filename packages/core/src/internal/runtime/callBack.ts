/**
 * Calls back where nobody is there to catch: what is thrown is logged, so that it neither ends the process nor keeps the
 * others from being called. So is the failure of an async function, for which nobody waits.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

export const callBack = (call: () => unknown): void => {
  try {
    const answer = call()
    if (answer instanceof Promise) answer.catch(report)
  } catch (defect) {
    report(defect)
  }
}

/** Logs what was thrown where nobody is there to catch it. */
export const report = (defect: unknown): void => {
  Effect.runFork(Effect.logError("A callback threw.", Cause.die(defect)))
}
