/** How a chain is built, step by step. */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Pipeable from "effect/Pipeable"
import { OptionsOf } from "../internal/config/checks.ts"
import { type Cascade, type Failure, type Found, type Step, type StepOptions, TypeId } from "./model.ts"

/**
 * Begins a chain with the target that is asked first. `when` says which of its errors move on to the next step; the others
 * fail the run at once. By default every typed error moves on. Throws a `RangeError` on a fixed `overtakeAfter` that is no
 * duration of zero or more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const first: {
  <A, E, R, Moved extends E>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: StepOptions<A> & { readonly when: (error: E) => error is Moved }
  ): Cascade<A, Moved, Exclude<E, Moved>, R, E>
  <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: StepOptions<A> & { readonly when: (error: E) => boolean }
  ): Cascade<A, E, E, R, E>
  <A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options?: StepOptions<A> | undefined
  ): Cascade<A, E, never, R, unknown>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: AnyOptions
): Cascade<any, never, never, any, any> =>
  fromSteps([call("Cascade.first", name, effect as Effect.Effect<any, never, any>, options)])

/** The errors that are left when a step is added to a chain: none, if there were none before. */
type Further<Left, E> = [Left] extends [never] ? never : Left | E

/**
 * Adds a target, which is asked when the steps before it have failed with errors that move on. It takes an attempt from
 * the budget of `Attempts`, and is passed over when no attempt is left. `when` is as in {@link first}.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orElse: {
  <A2, E2, R2, Moved2 extends E2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: StepOptions<A2> & { readonly when: (error: E2) => error is Moved2 }
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | Moved2, Failed | Exclude<E2, Moved2>, R | R2, Judged & E2, Further<Left, Moved2>>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options: StepOptions<A2> & { readonly when: (error: E2) => boolean }
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | E2, Failed | E2, R | R2, Judged & E2, Further<Left, E2>>
  <A2, E2, R2>(
    name: string,
    effect: Effect.Effect<A2, E2, R2>,
    options?: StepOptions<A2> | undefined
  ): <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ) => Cascade<A | A2, Moved | E2, Failed, R | R2, Judged, Further<Left, E2>>
} = (
  name: string,
  effect: Effect.Effect<any, any, any>,
  options?: AnyOptions
) => {
  const step = call("Cascade.orElse", name, effect as Effect.Effect<any, never, any>, options)
  return (self: Cascade<any, any, any, any, any>): Cascade<any, never, never, any, any> =>
    append(self as Cascade<any, never, never, any, any>, step)
}

/**
 * Adds a read of an earlier answer, such as `StaleCache.lastGood`. An answer that it finds is marked as stale. When it finds
 * none, the next step is tried.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orLastGood =
  <A2, R2>(name: string, read: Effect.Effect<Found<A2> | undefined, never, R2>) =>
  <A, Moved, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ): Cascade<A | A2, Moved, Failed, R | R2, Judged, Left> =>
    append<A | A2, Moved, Failed, R | R2, Judged, Left>(self, { _tag: "Read", name, read })

/**
 * Asks the targets before it again, from the first, when all of them have failed with errors that move on. `wait` is run with
 * the errors of this round. It waits for as long as it wants, and answers whether to ask again; otherwise the next step is
 * tried. The `failures` of an answer are those of the last round.
 *
 * Each target that is asked again takes an attempt from the budget of `Attempts`. When none is left, the next step is tried.
 * Without such a budget, `wait` alone decides how often the targets are asked: let it end.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let asked = 0
 * const busy = Effect.suspend(() => ++asked < 3 ? Effect.fail("503") : Effect.succeed(`answered at ${asked}`))
 * const program = Cascade.first("gpt", busy).pipe(
 *   Cascade.orAgain(() => Effect.as(Effect.sleep("1 millis"), asked < 10)),
 *   Cascade.orConstant("canned", "Please try again in a minute."),
 *   Cascade.run
 * )
 *
 * const { value } = await Effect.runPromise(program)
 * value // => "answered at 3"
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const orAgain =
  <Seen, R2>(wait: (failures: ReadonlyArray<Failure<Seen>>) => Effect.Effect<boolean, never, R2>) =>
  <A, Moved extends Seen, Failed, R, Judged, Left>(
    self: Cascade<A, Moved, Failed, R, Judged, Left>
  ): Cascade<A, Moved, Failed, R | R2, Judged, Left> =>
    append<A, Moved, Failed, R | R2, Judged, Left>(self, { _tag: "Again", name: "again", wait })

/**
 * Ends the chain with a constant, which is marked as canned. The chain cannot run out then, and its type says so.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orConstant = <A2>(name: string, value: A2) =>
<A, Moved, Failed, R, Judged>(
  self: Cascade<A, Moved, Failed, R, Judged, unknown>
): Cascade<A | A2, Moved, Failed, R, Judged, never> =>
  append<A | A2, Moved, Failed, R, Judged, never>(self, { _tag: "Constant", name, value })

interface AnyOptions extends StepOptions<any> {
  readonly when?: ((error: any) => boolean) | undefined
}

const call = <E>(
  where: string,
  name: string,
  effect: Effect.Effect<any, E, any>,
  { hedge, overtakeAfter = Infinity, provenance, target, when = always }: AnyOptions = {}
): Step<any, E, never, any, any> => ({
  _tag: "Call",
  name,
  effect,
  when,
  provenance,
  hedge,
  target,
  overtakeAfter: Effect.isEffect(overtakeAfter)
    ? overtakeAfter
    : new OptionsOf(where).wait("overtakeAfter", overtakeAfter)
})

const always = () => true

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
