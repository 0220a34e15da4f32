/**
 * Calls a callback in a place where nothing catches errors. An error is logged, so that it neither ends the process nor
 * keeps other callbacks from running. The rejection of an async callback is logged, too.
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

/** Logs a defect that nothing else would catch. */
export const report = (defect: unknown): void => {
  Effect.runFork(Effect.logError("A callback threw.", Cause.die(defect)))
}
