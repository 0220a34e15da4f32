/** One run of a chain: its steps in order, until one answers. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { takeAttempt } from "../attempts/budget.ts"
import { Handler } from "../internal/runtime/handler.ts"
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
  Effect.withFiber((fiber) => runSteps(self.steps as ReadonlyArray<AnyStep>, fiber)) as Effect.Effect<any, any, R>

type AnyFiber = Fiber.Fiber<any, any>

type Answer = Effect.Effect<Served<any>, unknown, any>

/** Runs the steps once, as what the fiber evaluates next; the listener is told how it gets on. */
export const runSteps = (steps: ReadonlyArray<AnyStep>, fiber: AnyFiber, listener?: Listener | undefined): Answer => {
  const progress = new Progress(steps, listener)
  const first = steps[0]
  return first?._tag === "Call" ? attempt(progress, first, 0, fiber) : tryFrom(progress, 0)
}

/** Tries the steps from this one on. */
const tryFrom = (progress: Progress, from: number): Answer => {
  const { listener, steps } = progress
  const step = steps[from]
  if (step === undefined) {
    if (progress.isAside("canned")) return Effect.succeed(progress.serveAside())
    listener?.ranOut()
    return Effect.fail(exhausted(progress.failures))
  }
  switch (step._tag) {
    case "Constant":
      return Effect.succeed(progress.isAside("canned") ? progress.serveAside() : progress.serve(from, step, step.value))
    case "Read":
      return progress.isAside("stale")
        ? Effect.succeed(progress.serveAside())
        : Effect.flatMap(
          step.read,
          (found) => found ? Effect.succeed(progress.serve(from, step, found.value)) : tryFrom(progress, from + 1)
        )
    case "Again":
      if (progress.isOver()) return tryFrom(progress, from + 1)
      listener?.waits()
      return Effect.flatMap(step.wait(progress.failures), (answer) => {
        const again = answer === true
        listener?.waited(again)
        if (!again) return tryFrom(progress, from + 1)
        progress.again()
        return tryFrom(progress, 0)
      })
    case "Call":
      return Effect.withFiber((fiber) =>
        takeAttempt(fiber) ? attempt(progress, step, from, fiber) : tryFrom(progress, from + 1)
      )
  }
}

/** Asks a target, as what the fiber evaluates next. */
const attempt = (progress: Progress, step: AnyCall, index: number, fiber: AnyFiber): Answer => {
  const { hedge, overtakeAfter } = step
  if (progress.steps[index + 1]?._tag !== "Call" || overtakeAfter === Infinity && hedge === undefined)
    return alone(progress, step, index, fiber)
  return typeof overtakeAfter === "number"
    ? raceFrom(progress, index, overtakeAfter, tryFrom)
    : Effect.flatMap(overtakeAfter, (after) => {
      const millis = millisOf(after)
      return millis < Infinity || hedge !== undefined ?
        raceFrom(progress, index, millis, tryFrom) :
        Effect.withFiber((fiber) =>
          fiber.getRef(CurrentReconsidering) === undefined
            ? alone(progress, step, index, fiber)
            : raceFrom(progress, index, millis, tryFrom)
        )
    })
}

/** The same without others beside it. */
const alone = (progress: Progress, step: AnyCall, index: number, fiber: AnyFiber): Answer => {
  new Alone(progress, step, index, fiber).enter(fiber)
  return step.effect
}

class Alone extends Handler {
  private readonly progress: Progress
  private readonly step: AnyCall
  private readonly index: number

  constructor(progress: Progress, step: AnyCall, index: number, fiber: AnyFiber) {
    super(fiber)
    this.progress = progress
    this.step = step
    this.index = index
  }

  succeeded(value: unknown): Answer {
    const { index, progress, step } = this
    const answer = progress.answered(index, step, value)
    return answer ? Effect.succeed(answer) : tryFrom(progress, index + 1)
  }

  failed(cause: Cause.Cause<unknown>): Answer {
    const { index, progress, step } = this
    const only = onlyFailure(cause)
    if (only === undefined || !movesOn(step, only.failure)) return Effect.failCause(cause)
    progress.movedOn(index, step, only.failure)
    return tryFrom(progress, index + 1)
  }
}
