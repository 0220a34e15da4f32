/** One run of a chain: its steps in order, until one answers. */
import * as Effect from "effect/Effect"
import { takeAttempt } from "../attempts/budget.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { exhausted, type RunsOut } from "./CascadeExhausted.ts"
import type { AnyCall, AnyStep, Cascade, Served } from "./model.ts"
import { type Listener, movesOn, Progress } from "./progress.ts"
import { millisOf, raceFrom } from "./race.ts"
import { CurrentReconsidering } from "../internal/runtime/reconsidering.ts"

/**
 * Tries the steps in order and answers with the first answer, and with the step that gave it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <A, Moved, Failed, R, Left>(
  self: Cascade<A, Moved, Failed, R, never, Left>
): Effect.Effect<Served<A, Moved>, Failed | RunsOut<Left>, R> =>
  Effect.suspend(() => runSteps(self.steps as ReadonlyArray<AnyStep>)) as Effect.Effect<any, any, R>

/** Runs the steps once; the listener is told how it gets on. */
export const runSteps = (
  steps: ReadonlyArray<AnyStep>,
  listener?: Listener | undefined
): Effect.Effect<Served<any>, unknown, any> => tryFrom(new Progress(steps, listener), 0)

/** Tries the steps from this one on. */
const tryFrom = (progress: Progress, from: number): Effect.Effect<Served<any>, unknown, any> => {
  const { listener, steps } = progress
  const step = steps[from]
  if (step === undefined) {
    if (progress.isAside("canned")) return Effect.succeed(progress.serveAside())
    listener?.ranOut()
    return Effect.fail(exhausted(progress.failures))
  }
  switch (step._tag) {
    case "Constant":
      return Effect.succeed(progress.isAside("canned") ? progress.serveAside() : progress.serve(from, step.value))
    case "Read":
      return progress.isAside("stale")
        ? Effect.succeed(progress.serveAside())
        : Effect.flatMap(
          step.read,
          (found) => found ? Effect.succeed(progress.serve(from, found.value)) : tryFrom(progress, from + 1)
        )
    case "Call":
      return from === 0
        ? attempt(progress, step, from)
        : Effect.withFiber((fiber) => takeAttempt(fiber) ? attempt(progress, step, from) : tryFrom(progress, from + 1))
  }
}

const attempt = (progress: Progress, step: AnyCall, index: number): Effect.Effect<Served<any>, unknown, any> => {
  const { overtakeAfter } = step
  if (overtakeAfter === Infinity || progress.steps[index + 1]?._tag !== "Call") return alone(progress, step, index)
  return typeof overtakeAfter === "number"
    ? raceFrom(progress, index, overtakeAfter, tryFrom)
    : Effect.flatMap(overtakeAfter, (after) => {
      const millis = millisOf(after)
      return millis < Infinity ? raceFrom(progress, index, millis, tryFrom) : Effect.flatMap(
        CurrentReconsidering,
        (changes) => changes === undefined ? alone(progress, step, index) : raceFrom(progress, index, millis, tryFrom)
      )
    })
}

const alone = (progress: Progress, step: AnyCall, index: number): Effect.Effect<Served<any>, unknown, any> =>
  Effect.matchCauseEffect(step.effect, {
    onSuccess: (value) => {
      const answer = progress.answered(index, step, value)
      return answer ? Effect.succeed(answer) : tryFrom(progress, index + 1)
    },
    onFailure: (cause) => {
      const only = onlyFailure(cause)
      if (only === undefined || !movesOn(step, only.failure)) return Effect.failCause(cause)
      progress.movedOn(index, step, only.failure)
      return tryFrom(progress, index + 1)
    }
  })
