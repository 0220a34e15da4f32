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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pipeable from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Attempts from "./Attempts.ts"
import { onlyFailure } from "./internal/onlyFailure.ts"
import { withoutStack } from "./internal/rejection.ts"
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

/**
 * A chain of steps. `Moved` are the errors that move on, and that {@link CascadeExhausted} holds if the chain runs out;
 * `Failed` are those that fail at once.
 */
export interface Cascade<out A, out Moved, out Failed, out R> extends Pipeable.Pipeable {
  readonly steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R>>
}

/** One step: a call that may fail, a read that may find nothing, or a value that is there. */
export type Step<A, Moved, Failed, R> =
  | {
    readonly _tag: "Call"
    readonly name: string
    readonly effect: Effect.Effect<A, Moved | Failed, R>
    readonly when: (error: any) => boolean
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
  ): Cascade<A, Moved, Exclude<E, Moved>, R>
  <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: { readonly when: (error: E) => boolean }
  ): Cascade<A, E, E, R>
  <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Cascade<A, E, never, R>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: { readonly when: (error: any) => boolean }
): Cascade<any, never, never, any> => fromSteps([call(name, effect as Effect.Effect<any, never, any>, options)])

/** Adds a target for when those before failed with an error that moves on. */
export const orElse: {
  <A2, E2, R2, Moved2 extends E2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: { readonly when: (error: E2) => error is Moved2 }
  ): <A, Moved, Failed, R>(
    self: Cascade<A, Moved, Failed, R>
  ) => Cascade<A | A2, Moved | Moved2, Failed | Exclude<E2, Moved2>, R | R2>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: { readonly when: (error: E2) => boolean }
  ): <A, Moved, Failed, R>(
    self: Cascade<A, Moved, Failed, R>
  ) => Cascade<A | A2, Moved | E2, Failed | E2, R | R2>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>
  ): <A, Moved, Failed, R>(
    self: Cascade<A, Moved, Failed, R>
  ) => Cascade<A | A2, Moved | E2, Failed, R | R2>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: { readonly when: (error: any) => boolean }
) =>
(self: Cascade<any, any, any, any>): Cascade<any, never, never, any> =>
  append(self as Cascade<any, never, never, any>, call(name, effect as Effect.Effect<any, never, any>, options))

/** Adds a read of the last good answer, such as `StaleCache.lastGood`; what it finds is marked as stale. */
export const orLastGood =
  <A2, R2>(name: string, read: Effect.Effect<Found<A2> | undefined, never, R2>) =>
  <A, Moved, Failed, R>(self: Cascade<A, Moved, Failed, R>): Cascade<A | A2, Moved, Failed, R | R2> =>
    append<A | A2, Moved, Failed, R | R2>(self, { _tag: "Read", name, read })

/** Ends the chain with a value, which is marked as canned: now it cannot run out. */
export const orConstant =
  <A2>(name: string, value: A2) =>
  <A, Moved, Failed, R>(self: Cascade<A, Moved, Failed, R>): Cascade<A | A2, never, Failed, R> =>
    append<A | A2, never, Failed, R>(self as Cascade<A, never, Failed, R>, { _tag: "Constant", name, value })

/** Tries the steps in order and says who answered. */
export const run = <A, Moved, Failed, R>(
  self: Cascade<A, Moved, Failed, R>
): Effect.Effect<Served<A, Moved>, Failed | ([Moved] extends [never] ? never : CascadeExhausted<Moved>), R> =>
  Effect.suspend(() => tryFrom(self.steps, 0, [])) as Effect.Effect<any, any, R>

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

const tryFrom = (
  steps: ReadonlyArray<Step<any, any, any, any>>,
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
      const served = Effect.map(step.effect, (value) => serve(value, from === 0 ? "none" : "fallback"))
      const attempt = Effect.catchCause(served, (cause) => {
        const only = onlyFailure(cause)
        return only && step.when(only.failure)
          ? tryFrom(steps, from + 1, [...failures, { step: step.name, error: only.failure }])
          : Effect.failCause(cause)
      })
      return from === 0
        ? attempt
        : Effect.withFiber((fiber) => Attempts.takeUnsafe(fiber) ? attempt : tryFrom(steps, from + 1, failures))
    }
  }
}

// Only the first step is never passed over, so by the end of the chain it has failed.
const exhausted = (failures: ReadonlyArray<Failure<unknown>>): Effect.Effect<never, CascadeExhausted> =>
  Effect.fail(
    withoutStack(() => new CascadeExhausted({ failures: failures as Arr.NonEmptyReadonlyArray<Failure<unknown>> }))
  )

const call = <E>(
  name: string,
  effect: Effect.Effect<any, E, any>,
  options: { readonly when: (error: any) => boolean } | undefined
): Step<any, E, never, any> => ({ _tag: "Call", name, effect, when: options?.when ?? (() => true) })

const append = <A, Moved, Failed, R>(
  self: Cascade<A, Moved, Failed, R>,
  step: Step<A, Moved, Failed, R>
): Cascade<A, Moved, Failed, R> => fromSteps([...self.steps, step])

const fromSteps = <A, Moved, Failed, R>(
  steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R>>
): Cascade<A, Moved, Failed, R> => Object.assign(Object.create(Pipeable.Prototype), { steps })

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" ? error._tag : typeof error

const shortest = (waits: ReadonlyArray<Duration.Duration | undefined>): Duration.Duration | undefined =>
  waits.filter((wait) => wait !== undefined).sort(Duration.Order)[0]
