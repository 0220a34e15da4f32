/** A chain as Effect's execution plan. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { takeAttempt } from "../attempts/budget.ts"
import type { Answering, AnyStep, Cascade } from "./model.ts"
import { movesOn } from "./progress.ts"

/**
 * What a step of an `ExecutionPlan` can provide.
 *
 * @since 0.1.0
 * @category models
 */
export type Provider = Context.Context<any> | Context.Context<never> | Layer.Any

/**
 * The services that every one of several providers has.
 *
 * @since 0.1.0
 * @category models
 */
export type Provided<P> =
  (P extends unknown ? (services: P extends Context.Context<infer S> ? S : Layer.Success<Extract<P, Layer.Any>>) => void
    : never) extends (services: infer Common) => void ? Common : never

/**
 * Turns a chain whose answers are layers or contexts into an `ExecutionPlan`: a program runs with the services of the first
 * step, and, when it fails, again with those of the next step.
 *
 * `when` is asked about the errors of the program and about the errors of building a layer. An error that does not move on
 * ends the plan; no further step is entered. To have the errors typed, annotate the parameter of `when`: the plan then
 * takes programs whose errors every `when` of the chain accepts. Each further target takes an attempt from `Attempts` and
 * is passed over when no attempt is left. A plan can be run any number of times, also at once.
 *
 * **Gotchas.** The result does not say which step served: read `ExecutionPlan.CurrentMetadata` in the program, or use
 * `onEvent`, whose `stepIndex` is an index into `steps`. The error is that of the last step tried, never
 * {@link CascadeExhausted}. The error type stays, because a program can fail with the services of a constant as well. Each
 * try builds its layer anew. Effect runs the plan and does not tell which step served, so that no `Runner` counts it: count
 * with `onEvent`. A plan asks each step once, one at a time: `orAgain` is left out, which moves the index of later steps, and
 * `overtakeAfter` and `provenance` are not used.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Context, Effect } from "effect"
 *
 * class Model extends Context.Service<Model, { readonly ask: Effect.Effect<string, "503" | "400"> }>()("Model") {}
 *
 * const models = Cascade.first("gpt", Effect.succeed(Context.make(Model, { ask: Effect.fail("503" as const) })), {
 *   when: (error: "503" | "400") => error === "503"
 * }).pipe(Cascade.orConstant("canned", Context.make(Model, { ask: Effect.succeed("Please try again.") })))
 *
 * const program = Model.use((model) => model.ask).pipe(
 *   Effect.withExecutionPlan(Cascade.toExecutionPlan(models))
 * )
 *
 * await Effect.runPromise(program) // => "Please try again."
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toExecutionPlan = <P extends Provider, Failed, R, Judged, Left>(
  self: Cascade<P, unknown, Failed, R, Judged, Left>
): ExecutionPlan.ExecutionPlan<{
  provides: Provided<P>
  input: Judged
  error: Left | Failed | Layer.Error<Extract<P, Layer.Any>>
  requirements: Exclude<R, Scope.Scope> | Layer.Services<Extract<P, Layer.Any>>
}> => {
  const answering = (self.steps as ReadonlyArray<AnyStep>).filter((step) => step._tag !== "Again")
  const progress = new PlanProgress(answering)
  const steps = answering.map((step, index) => ({
    provide: providing(step, index, progress),
    ...index > 0 && { while: (error: unknown) => progress.enters(index, error) }
  }))
  return ExecutionPlan.make(...steps as [(typeof steps)[number]]) as ExecutionPlan.ExecutionPlan<any>
}

// A plan asks before it enters a step, with the last error but without the step that it came from, and it goes on asking
// further steps after a no. The gates of one run and its layers are evaluated by one fiber, which is where that is kept.
class PlanProgress {
  private readonly steps: ReadonlyArray<Answering>
  private readonly last = new WeakMap<Fiber.Fiber<any, any>, { readonly step: number; readonly found?: unknown }>()

  constructor(steps: ReadonlyArray<Answering>) {
    this.steps = steps
  }

  tried(fiber: Fiber.Fiber<any, any>, step: number): void {
    this.last.set(fiber, { step })
  }

  found(fiber: Fiber.Fiber<any, any>): unknown {
    return this.last.get(fiber)?.found
  }

  enters(index: number, error: unknown): Effect.Effect<boolean, never, any> {
    return Effect.withFiber((fiber) => {
      const tried = this.last.get(fiber)?.step ?? -1
      const step = this.steps[index]!
      if (tried >= index || !this.movesOn(tried, index, error)) return Effect.succeed(false)
      if (step._tag === "Call") return Effect.succeed(takeAttempt(fiber))
      if (step._tag === "Constant") return Effect.succeed(true)
      return Effect.map(step.read, (found) => {
        if (found) this.last.set(fiber, { step: tried, found: found.value })
        return found !== undefined
      })
    })
  }

  // A stream that is pulled by several fibers in turn has lost its step; then all that it can be have to agree.
  private movesOn(tried: number, index: number, error: unknown): boolean {
    return this.steps.slice(...tried < 0 ? [0, index] : [tried, tried + 1])
      .every((step) => step._tag !== "Call" || movesOn(step, error))
  }
}

const providing = (
  step: Answering,
  index: number,
  progress: PlanProgress
): Layer.Layer<any, any, any> =>
  Layer.fromBuild((memoMap, scope) =>
    Effect.withFiber((fiber) => {
      const value: Effect.Effect<any, any, any> = step._tag === "Call"
        ? Effect.provideService(step.effect, Scope.Scope, scope)
        : Effect.succeed(step._tag === "Constant" ? step.value : progress.found(fiber))
      // Said once more at the end, for the program may have run the same plan inside.
      const tried = Effect.sync(() => progress.tried(fiber, index))
      return tried.pipe(
        Effect.andThen(Scope.addFinalizer(scope, tried)),
        Effect.andThen(value),
        Effect.flatMap((provider) =>
          Layer.isLayer(provider)
            ? Layer.buildWithMemoMap(provider as Layer.Layer<any, any, any>, memoMap, scope)
            : Effect.succeed(provider as Context.Context<any>)
        )
      )
    })
  )
