/** The types of a chain of steps, and of what it answers. */
import type * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Pipeable from "effect/Pipeable"
import type * as Unify from "effect/Unify"
import type * as Types from "effect/Types"
import type * as Hedge from "../Hedge.ts"

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
  /** The name of the step. For a step that is itself a cascade, with its own step behind a slash: `"eu/gpt"`. */
  readonly step: string
  readonly degradation: Degradation
  /** The errors of the steps that were tried before, in the order in which they came. */
  readonly failures: ReadonlyArray<Failure<E>>
}

/**
 * Where the answer of a step comes from: what a {@link Served} says beside its value.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provenance extends Omit<Served<unknown>, "value"> {}

/**
 * What else is said of a step. Every option may be left out.
 *
 * @since 0.1.0
 * @category options
 */
export interface StepOptions<in A> {
  /**
   * The time after which the next step is asked as well, if that is a target; this one runs on. The first that answers
   * wins, and the others are interrupted. An effect is run each time the step begins; undefined, or infinity, is never. A
   * fixed duration is zero or more. @default never
   */
  readonly overtakeAfter?: Duration.Input | Effect.Effect<Duration.Input | undefined> | undefined
  /**
   * Asks the next step as well, if that is a target, when this one takes longer than it usually does: within the budget of
   * the hedge, and before the time of `overtakeAfter`. Each step has a class of its own. What wins is an answer: a step
   * that answers with a stream should end with its first token. @default never
   */
  readonly hedge?: Hedge.Hedge | undefined
  /** The guards of this step, which are looked at before it is asked as a hedge. @default not looked at */
  readonly target?: Hedge.Target | undefined
  /**
   * Reads from an answer where it comes from, for a step that is itself a cascade. The answer then keeps the inner step,
   * its failures and its degradation. One that is stale or canned is set aside: the next step is tried, and the best that
   * was set aside is served at the end. If it throws, the answer is that of a target. @default the answer of a target
   */
  readonly provenance?: ((answer: A) => Provenance) | undefined
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
 * One step: a call that may fail, a read that may find nothing, a constant, or a wait after which the calls are made again.
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
    /** Milliseconds, or an effect that calculates a duration when the step begins. */
    readonly overtakeAfter: number | Effect.Effect<Duration.Input | undefined>
    readonly hedge: Hedge.Hedge | undefined
    readonly target: Hedge.Target | undefined
    readonly provenance: ((answer: any) => Provenance) | undefined
  }
  | { readonly _tag: "Read"; readonly name: string; readonly read: Effect.Effect<Found<A> | undefined, never, R> }
  | { readonly _tag: "Constant"; readonly name: string; readonly value: A }
  | {
    readonly _tag: "Again"
    readonly name: string
    /** Waits, and answers whether the calls are made again. */
    readonly wait: (failures: ReadonlyArray<Failure<any>>) => Effect.Effect<boolean, never, R>
  }

/** A step of any chain. */
export type AnyStep = Step<any, any, any, any, any>
export type AnyCall = AnyStep & { readonly _tag: "Call" }
/** A step that gives answers. */
export type Answering = Exclude<AnyStep, { readonly _tag: "Again" }>

/**
 * What a read finds, such as a `StaleCache.Cached`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Found<out A> {
  readonly value: A
}

const degradations: ReadonlyArray<Degradation> = ["none", "fallback", "stale", "canned"]

/** The one that is further from what was asked for. */
export const worse = (a: Degradation, b: Degradation): Degradation =>
  degradations.indexOf(a) > degradations.indexOf(b) ? a : b

/** Whether no target gave the answer. */
export const isDegraded = (degradation: Degradation): boolean => degradation === "stale" || degradation === "canned"

/** What is marked on the answers of a step at this place of a chain. */
export const degradationOf = ({ _tag }: AnyStep, index: number): Degradation =>
  _tag === "Constant" ? "canned" : _tag === "Read" ? "stale" : index === 0 ? "none" : "fallback"
