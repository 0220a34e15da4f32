/** Notes in the history, and in the log, what an operator does, and what the process is told by other ways. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Running } from "../model.ts"

/** Who does it, and why. */
export interface Actor {
  /** The name of the token; `process`, or the name of the signal that it got. */
  readonly by: string
  readonly reason: string
  /** How the log calls whoever is no operator. */
  readonly named?: string | undefined
}

/** Who has the file read again, where no operator asks for it. */
export const CurrentActor: Context.Reference<Actor> = Context.Reference<Actor>(
  "@switchgear/http/gateway/CurrentActor",
  {
    defaultValue: () => ({
      by: "process",
      reason: "The process was told to read its file again",
      named: "The process"
    })
  }
)

export const bySignal = (signal: NodeJS.Signals): Actor => ({
  by: signal,
  reason: `The process got the signal ${signal}`,
  named: `The signal ${signal}`
})

/** Runs an act and notes it with its result. */
export const noted = <A, E>(
  running: Running,
  act: string,
  subject: string,
  { by, named = `An operator (${by})`, reason }: Actor,
  run: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.onExit(run, (exit) => {
    const result = exit._tag === "Success" ? "done" : "failed"
    const noted = running.journal.acted({ act, subject, by, reason, result })
    return Effect.logWarning(`${named}: ${act} ${subject}, ${result} (${noted.reason})`).pipe(
      Effect.annotateLogs({ act, subject, by, reason: noted.reason, result })
    )
  })
