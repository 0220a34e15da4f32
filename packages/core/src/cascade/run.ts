/** One run of a chain: its steps in order, until one answers. */
import * as Effect from "effect/Effect"
import { takeAttempt } from "../attempts/budget.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { exhausted, type RunsOut } from "./CascadeExhausted.ts"
import { type AnyStep, type Cascade, degradationOf, type Failure, type Served } from "./model.ts"

/** Is told how a run gets on. */
export interface Listener {
  /** A target has failed with an error that moves on. */
  readonly movedOn: (step: string, index: number) => void
  /** No step is left. */
  readonly ranOut: () => void
}

/**
 * Tries the steps in order and answers with the first answer, and with the step that gave it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <A, Moved, Failed, R, Left>(
  self: Cascade<A, Moved, Failed, R, never, Left>
): Effect.Effect<Served<A, Moved>, Failed | RunsOut<Left>, R> =>
  Effect.suspend(() => tryFrom(self.steps as ReadonlyArray<AnyStep>, 0, [])) as Effect.Effect<any, any, R>

/** Tries the steps from this one on. */
export const tryFrom = (
  steps: ReadonlyArray<AnyStep>,
  from: number,
  failures: ReadonlyArray<Failure<unknown>>,
  listener?: Listener | undefined
): Effect.Effect<Served<any>, unknown, any> => {
  const step = steps[from]
  if (step === undefined) {
    listener?.ranOut()
    return Effect.fail(exhausted(failures))
  }
  const serve = (value: unknown) => ({ value, step: step.name, degradation: degradationOf(step, from), failures })
  switch (step._tag) {
    case "Constant":
      return Effect.succeed(serve(step.value))
    case "Read":
      return Effect.flatMap(
        step.read,
        (found) => found ? Effect.succeed(serve(found.value)) : tryFrom(steps, from + 1, failures, listener)
      )
    case "Call": {
      const attempt = Effect.matchCauseEffect(step.effect, {
        onSuccess: (value) => Effect.succeed(serve(value)),
        onFailure: (cause) => {
          const only = onlyFailure(cause)
          if (only === undefined || !movesOn(step, only.failure)) return Effect.failCause(cause)
          listener?.movedOn(step.name, from)
          return tryFrom(steps, from + 1, [...failures, { step: step.name, error: only.failure }], listener)
        }
      })
      return from === 0
        ? attempt
        : Effect.withFiber((fiber) => takeAttempt(fiber) ? attempt : tryFrom(steps, from + 1, failures, listener))
    }
  }
}

/** Whether the next step is tried after this error. A predicate that throws does not replace the error it was asked about. */
export const movesOn = ({ when }: AnyStep & { readonly _tag: "Call" }, error: unknown): boolean => {
  try {
    return atOnce(when(error as never)) === true
  } catch {
    return false
  }
}
