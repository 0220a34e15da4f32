/** The types of a chain of steps, and of what it answers. */
import type * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import type * as Pipeable from "effect/Pipeable"
import type * as Unify from "effect/Unify"
import type * as Types from "effect/Types"

/**
 * How far an answer is from the one that was asked for: from the first step (`none`), from another target (`fallback`),
 * from a cache (`stale`), or a constant (`canned`).
 *
 * @since 0.1.0
 * @category models
 */
export type Degradation = "none" | "fallback" | "stale" | "canned"

/**
 * The error of a step, after which the next step was tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure<out E> {
  readonly step: string
  readonly error: E
}

/**
 * An answer, the step that gave it, and the errors of the steps before.
 *
 * @since 0.1.0
 * @category models
 */
export interface Served<out A, out E = unknown> {
  readonly value: A
  readonly step: string
  readonly degradation: Degradation
  /** The errors of the steps that were tried before, in order. */
  readonly failures: ReadonlyArray<Failure<E>>
}

export const TypeId = "~@switchgear/core/Cascade"

/** What a compiler prints where something else is given for an effect. */
interface Remedy<Text extends string> {
  readonly "~remedy": Text
}

/** The members of an effect, which are never there: their type tells how to make one. */
type NotAnEffect<Text extends string> = {
  readonly [Member in Exclude<keyof Effect.Effect<any>, keyof Pipeable.Pipeable | "toString" | UnifySymbols>]?: Remedy<
    Text
  >
}

type UnifySymbols = typeof Unify.typeSymbol | typeof Unify.unifySymbol | typeof Unify.ignoreSymbol

/**
 * A chain of steps. `Moved` are the errors that move on to the next step, `Failed` those that fail the run at once.
 * `Judged` are the errors that every `when` of the chain accepts. `Left` are the errors that `CascadeExhausted` holds when
 * the chain runs out; it is `never` for a chain that ends in a constant, which cannot run out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cascade<out A, out Moved, out Failed, out R, in Judged = never, out Left = Moved>
  extends Pipeable.Pipeable, NotAnEffect<"Cascade.run(cascade) makes an Effect of it">
{
  readonly [TypeId]: { readonly _Left: Types.Covariant<Left> }
  readonly steps: Arr.NonEmptyReadonlyArray<Step<A, Moved, Failed, R, Judged>>
}

/**
 * One step: a call that may fail, a read that may find nothing, or a constant.
 *
 * @since 0.1.0
 * @category models
 */
export type Step<A, Moved, Failed, R, Judged = never> =
  | {
    readonly _tag: "Call"
    readonly name: string
    readonly effect: Effect.Effect<A, Moved | Failed, R>
    readonly when: (error: Judged) => boolean
  }
  | { readonly _tag: "Read"; readonly name: string; readonly read: Effect.Effect<Found<A> | undefined, never, R> }
  | { readonly _tag: "Constant"; readonly name: string; readonly value: A }

/** A step of any chain. */
export type AnyStep = Step<any, any, any, any, any>

/**
 * What a read finds, such as a `StaleCache.Cached`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Found<out A> {
  readonly value: A
}

/** What is marked on the answers of a step at this place of a chain. */
export const degradationOf = ({ _tag }: AnyStep, index: number): Degradation =>
  _tag === "Constant" ? "canned" : _tag === "Read" ? "stale" : index === 0 ? "none" : "fallback"
