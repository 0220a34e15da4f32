/** One run of a chain: its steps in order, until one answers. */
import * as Effect from "effect/Effect"
import { takeAttempt } from "../attempts/budget.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { type CascadeExhausted, exhausted } from "./CascadeExhausted.ts"
import { type AnyStep, type Cascade, degradationOf, type Failure, type Served } from "./model.ts"

/** The error of a chain that can run out; none for a chain that cannot. */
type RunsOut<Left> = [Left] extends [never] ? never : CascadeExhausted<Left>

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

const tryFrom = (
  steps: ReadonlyArray<AnyStep>,
  from: number,
  failures: ReadonlyArray<Failure<unknown>>
): Effect.Effect<Served<any>, unknown, any> => {
  const step = steps[from]
  if (step === undefined) return Effect.fail(exhausted(failures))
  const serve = (value: unknown) => ({ value, step: step.name, degradation: degradationOf(step, from), failures })
  switch (step._tag) {
    case "Constant":
      return Effect.succeed(serve(step.value))
    case "Read":
      return Effect.flatMap(
        step.read,
        (found) => found ? Effect.succeed(serve(found.value)) : tryFrom(steps, from + 1, failures)
      )
    case "Call": {
      const attempt = Effect.matchCauseEffect(step.effect, {
        onSuccess: (value) => Effect.succeed(serve(value)),
        onFailure: (cause) => {
          const only = onlyFailure(cause)
          return only && movesOn(step, only.failure)
            ? tryFrom(steps, from + 1, [...failures, { step: step.name, error: only.failure }])
            : Effect.failCause(cause)
        }
      })
      return from === 0
        ? attempt
        : Effect.withFiber((fiber) => takeAttempt(fiber) ? attempt : tryFrom(steps, from + 1, failures))
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
