/**
 * Somebody answers: a chain of named steps is tried in order, and what is served says which step it came from and what
 * went wrong before.
 *
 * A step is an effect, a read of the last good answer, or a constant. `when` says which errors of a step move on to the
 * next one; the others fail at once, as they are: a caller's own mistake fails everywhere. A chain that runs out fails
 * with {@link CascadeExhausted}, which holds the error of every step; a chain that ends in a constant cannot run out,
 * and its type says so.
 *
 * **Order.** Around targets that each have their own breaker, bulkhead, retry and attempt time-out. A further effect
 * step takes an attempt from the budget of `Attempts` and is passed over when none is left; reads and constants are
 * free.
 *
 * **Gotchas.** Defects and interruption do not move on. An error that is not movable is in the error type, one that is
 * only tested by a plain predicate stays there as well: give `when` a type guard to have the types told apart.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const answer = Cascade.first("gpt", Effect.fail("503")).pipe(
 *   Cascade.orElse("claude", Effect.succeed("Hello!")),
 *   Cascade.orConstant("canned", "Please try again in a minute.")
 * )
 *
 * const { degradation, failures, step, value } = await Effect.runPromise(Cascade.run(answer))
 * value // => "Hello!"
 * step // => "claude"
 * degradation // => "fallback"
 * failures // => [{ step: "gpt", error: "503" }]
 * ```
 */
import type * as Arr from "effect/Array"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Pipeable from "effect/Pipeable"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import { takeAttempt } from "./attempts/budget.ts"
import { atOnce } from "./internal/data/atOnce.ts"
import { fieldOf } from "./internal/data/fieldOf.ts"
import { onlyFailure } from "./internal/runtime/onlyFailure.ts"
import { withoutStack } from "./internal/runtime/rejection.ts"
import * as Outcome from "./Outcome.ts"

/** How far an answer is from the one that was asked for. */
export type Degradation = "none" | "fallback" | "stale" | "canned"

/** What a step said before a later one was tried. */
export interface Failure<out E> {
  readonly step: string
  readonly error: E
}

/** An answer and its provenance. */
export interface Served<out A, out E = unknown> {
  readonly value: A
  readonly step: string
  readonly degradation: Degradation
  /** The errors of the steps that were tried before, in order. */
  readonly failures: ReadonlyArray<Failure<E>>
}

const TypeId = "~@switchgear/core/Cascade"

/**
 * A chain of steps. `Moved` are the errors that move on, `Failed` those that fail at once. `Judged` are those that every
 * `when` of the chain can be asked about, and `Left` those that {@link CascadeExhausted} holds if the chain runs out:
 * none if it cannot.
 */
export interface Cascade<out A, out Moved, out Failed, out R, in Judged = never, out Left = Moved>
  extends Pipeable.Pipeable
{
  readonly [TypeId]: { readonly _Left: Types.Covariant<Left> }
  readonly steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R, Judged>>
}

/** One step: a call that may fail, a read that may find nothing, or a value that is there. */
export type Step<A, Moved, Failed, R, Judged = never> =
  | {
    readonly _tag: "Call"
    readonly name: string
    readonly effect: Effect.Effect<A, Moved | Failed, R>
    readonly when: (error: Judged) => boolean
  }
  | { readonly _tag: "Read"; readonly name: string; readonly read: Effect.Effect<Found<A> | undefined, never, R> }
  | { readonly _tag: "Constant"; readonly name: string; readonly value: A }

/** What a read finds, such as a `StaleCache.Cached`. */
export interface Found<out A> {
  readonly value: A
}

/** Begins a chain with the target that is asked first. By default every typed error moves on. */
export const first: {
  <A, E, R, Moved extends E>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: { readonly when: (error: E) => error is Moved }
  ): Cascade<A, Moved, Exclude<E, Moved>, R, E>
  <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: { readonly when: (error: E) => boolean }
  ): Cascade<A, E, E, R, E>
  <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Cascade<A, E, never, R, unknown>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: { readonly when: (error: any) => boolean }
): Cascade<any, never, never, any, any> => fromSteps([call(name, effect as Effect.Effect<any, never, any>, options)])

/** What is left when a step is added: nothing, if nothing was left before. */
type Further<Left, E> = [Left] extends [never] ? never : Left | E

/** Adds a target for when those before failed with an error that moves on. */
export const orElse: {
  <A2, E2, R2, Moved2 extends E2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: { readonly when: (error: E2) => error is Moved2 }
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | Moved2, Failed | Exclude<E2, Moved2>, R | R2, Judged & E2, Further<Left, Moved2>>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: { readonly when: (error: E2) => boolean }
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | E2, Failed | E2, R | R2, Judged & E2, Further<Left, E2>>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | E2, Failed, R | R2, Judged, Further<Left, E2>>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: { readonly when: (error: any) => boolean }
) =>
(self: Cascade<any, any, any, any, any>): Cascade<any, never, never, any, any> =>
  append(self as Cascade<any, never, never, any, any>, call(name, effect as Effect.Effect<any, never, any>, options))

/** Adds a read of the last good answer, such as `StaleCache.lastGood`; what it finds is marked as stale. */
export const orLastGood =
  <A2, R2>(name: string, read: Effect.Effect<Found<A2> | undefined, never, R2>) =>
  <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ): Cascade<A | A2, Moved, Failed, R | R2, Judged, Left> =>
    append<A | A2, Moved, Failed, R | R2, Judged, Left>(self, { _tag: "Read", name, read })

/** Ends the chain with a value, which is marked as canned: now it cannot run out. */
export const orConstant = <A2>(name: string, value: A2) =>
<A, Moved, Failed, R, Judged>(
  self: Cascade<A, Moved, Failed, R, Judged, unknown>
): Cascade<A | A2, Moved, Failed, R, Judged, never> =>
  append<A | A2, Moved, Failed, R, Judged, never>(self, { _tag: "Constant", name, value })

/** Tries the steps in order and says who answered. */
export const run = <A, Moved, Failed, R, Left>(
  self: Cascade<A, Moved, Failed, R, never, Left>
): Effect.Effect<Served<A, Moved>, Failed | ([Left] extends [never] ? never : CascadeExhausted<Left>), R> =>
  Effect.suspend(() => tryFrom(self.steps as ReadonlyArray<AnyStep>, 0, [])) as Effect.Effect<any, any, R>

/** What a step of an `ExecutionPlan` can provide. */
export type Provider = Context.Context<any> | Context.Context<never> | Layer.Any

/** The services that every one of several providers has. */
export type Provided<P> =
  (P extends unknown ? (services: P extends Context.Context<infer S> ? S : Layer.Success<Extract<P, Layer.Any>>) => void
    : never) extends (services: infer Common) => void ? Common : never

/**
 * A chain whose answers are layers or contexts, as the platform's plan: for a program that is to run with the services
 * of the first step, and when it fails with those of the next.
 *
 * `when` is asked about the program's errors, and about those of building a layer: one that does not move on ends the
 * plan, and no further step is entered. To have it typed, annotate the parameter of `when`; the plan then takes programs
 * whose errors every `when` of the chain can judge. A further target takes an attempt from `Attempts` and is passed over
 * when none is left. A plan can be run any number of times, also at once.
 *
 * What a plan cannot do, use {@link run} for. Its outcome does not tell the step: read `ExecutionPlan.CurrentMetadata` in
 * the program, or `onEvent`, whose `stepIndex` is an index into `steps`. The error is that of the last step tried, never
 * {@link CascadeExhausted}. The error type stays, because a program can fail with a constant's services, too. Each try
 * builds its layer anew.
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
 */
export const toExecutionPlan = <P extends Provider, Failed, R, Judged, Left>(
  self: Cascade<P, unknown, Failed, R, Judged, Left>
): ExecutionPlan.ExecutionPlan<{
  provides: Provided<P>
  input: Judged
  error: Left | Failed | Layer.Error<Extract<P, Layer.Any>>
  requirements: Exclude<R, Scope.Scope> | Layer.Services<Extract<P, Layer.Any>>
}> => {
  const progress = new PlanProgress(self.steps)
  const steps = self.steps.map((step, index) => ({
    provide: providing(step, index, progress),
    ...index > 0 && { while: (error: unknown) => progress.enters(index, error) }
  }))
  return ExecutionPlan.make(...steps as [(typeof steps)[number]]) as ExecutionPlan.ExecutionPlan<any>
}

/** No step of the chain had an answer. */
export class CascadeExhausted<out E = unknown>
  extends Schema.TaggedError<CascadeExhausted<any>>("@switchgear/core/Cascade/CascadeExhausted")("CascadeExhausted", {
    failures: Schema.NonEmptyArray(Schema.Struct({ step: Schema.String, error: Schema.Unknown }))
  })
{
  declare readonly failures: Arr.NonEmptyReadonlyArray<Failure<E>>

  override get message(): string {
    const told = this.failures.map(({ error, step }) => `${step} (${tagOf(error)})`)
    return `No step of the cascade answered: ${told.join(", ")}. Try again later, or end the cascade in a constant.`
  }

  /** Another try makes sense if it does for any of the steps. */
  get isRetryable(): boolean {
    return this.failures.some(({ error }) => Outcome.isRetryable(error))
  }

  /** The shortest wait that any of the steps asks for. */
  get retryAfter(): Duration.Duration | undefined {
    return shortest(this.failures.map(({ error }) => Outcome.retryAfter(error)))
  }
}

type AnyStep = Step<any, any, any, any, any>

const tryFrom = (
  steps: ReadonlyArray<AnyStep>,
  from: number,
  failures: ReadonlyArray<Failure<unknown>>
): Effect.Effect<Served<any>, unknown, any> => {
  const step = steps[from]
  if (step === undefined) return exhausted(failures)
  const serve = (value: unknown, degradation: Degradation) => ({ value, step: step.name, degradation, failures })
  switch (step._tag) {
    case "Constant":
      return Effect.succeed(serve(step.value, "canned"))
    case "Read":
      return Effect.flatMap(
        step.read,
        (found) => found ? Effect.succeed(serve(found.value, "stale")) : tryFrom(steps, from + 1, failures)
      )
    case "Call": {
      const attempt = Effect.matchCauseEffect(step.effect, {
        onSuccess: (value) => Effect.succeed(serve(value, from === 0 ? "none" : "fallback")),
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

// A predicate that throws does not replace the error that it was asked about.
const movesOn = ({ when }: AnyStep & { readonly _tag: "Call" }, error: unknown): boolean => {
  try {
    return atOnce(when(error as never)) === true
  } catch {
    return false
  }
}

// Only the first step is never passed over, so by the end of the chain it has failed.
const exhausted = (failures: ReadonlyArray<Failure<unknown>>): Effect.Effect<never, CascadeExhausted> =>
  Effect.fail(
    withoutStack(() => new CascadeExhausted({ failures: failures as Arr.NonEmptyReadonlyArray<Failure<unknown>> }))
  )

// A plan asks before it enters a step, with the last error but without the step that it came from, and it goes on asking
// further steps after a no. The gates of one run and its layers are evaluated by one fiber, which is where that is kept.
class PlanProgress {
  private readonly steps: ReadonlyArray<AnyStep>
  private readonly last = new WeakMap<Fiber.Fiber<any, any>, { readonly step: number; readonly found?: unknown }>()

  constructor(steps: ReadonlyArray<AnyStep>) {
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
  step: AnyStep,
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

const call = <E>(
  name: string,
  effect: Effect.Effect<any, E, any>,
  options: { readonly when: (error: any) => boolean } | undefined
): Step<any, E, never, any, any> => ({ _tag: "Call", name, effect, when: options?.when ?? (() => true) })

const append = <A, Moved, Failed, R, Judged, Left>(
  self: Cascade<A, Moved, Failed, R, Judged, unknown>,
  step: Step<A, Moved, Failed, R, Judged>
): Cascade<A, Moved, Failed, R, Judged, Left> => fromSteps([...self.steps, step])

const fromSteps = <A, Moved, Failed, R, Judged, Left>(
  steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R, Judged>>
): Cascade<A, Moved, Failed, R, Judged, Left> => new Chain(steps)

class Chain<A, Moved, Failed, R, Judged, Left> extends Pipeable.Class
  implements Cascade<A, Moved, Failed, R, Judged, Left>
{
  readonly steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R, Judged>>

  constructor(steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R, Judged>>) {
    super()
    this.steps = steps
  }

  get [TypeId]() {
    return variance
  }
}

const variance = { _Left: identity }

const tagOf = (error: unknown): string => {
  const tag = fieldOf(error, "_tag")
  return typeof tag === "string" ? tag : typeof error
}

const shortest = (waits: ReadonlyArray<Duration.Duration | undefined>): Duration.Duration | undefined =>
  waits.filter((wait) => wait !== undefined).sort(Duration.Order)[0]
