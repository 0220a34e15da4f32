/** Notes in the history, and in the log, what an operator does. */
import * as Effect from "effect/Effect"
import type { Running } from "../model.ts"

/** Who does it, and why. */
export interface Actor {
  /** The name of the token. */
  readonly by: string
  readonly reason: string
}

/** Runs an act and notes it with its result. */
export const noted = <A, E>(
  running: Running,
  act: string,
  subject: string,
  { by, reason }: Actor,
  run: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.onExit(run, (exit) => {
    const result = exit._tag === "Success" ? "done" : "failed"
    const noted = running.journal.acted({ act, subject, by, reason, result })
    return Effect.logWarning(`An operator (${by}): ${act} ${subject}, ${result} (${noted.reason})`).pipe(
      Effect.annotateLogs({ act, subject, by, reason: noted.reason, result })
    )
  })
