/** What can be injected into a call, as plain data. */
import type * as Latency from "../Latency.ts"

/**
 * What is injected instead of a call, before it, or after it: a typed failure, an answer, a defect, a hang, or latency;
 * or a change of its answer.
 *
 * @since 0.1.0
 * @category models
 */
export type Injection<A, E> = Instead<A, E> | Wait | After<A, E> | Change<A>

/**
 * What is injected instead of a result.
 *
 * @since 0.1.0
 * @category models
 */
export type Instead<A, E> = Fault<E> | Outcome<A> | Defect | Hang

/**
 * The call is made, and its result is lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface After<out A, out E> {
  readonly _tag: "After"
  readonly inject: Instead<A, E> | Wait
}

/**
 * The call is made, and its answer is another.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change<out A> {
  readonly _tag: "Change"
  /** Returns the answer that the caller gets. */
  readonly change: (answer: any) => A
}

/**
 * The call fails with a typed error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault<out E> {
  readonly _tag: "Fault"
  readonly error: E
}

/**
 * The call succeeds with a value.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome<out A> {
  readonly _tag: "Outcome"
  readonly value: A
}

/**
 * The call dies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Defect {
  readonly _tag: "Defect"
  readonly defect: unknown
}

/**
 * The call hangs until it is interrupted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hang {
  readonly _tag: "Hang"
}

/**
 * The call is delayed and then made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wait {
  readonly _tag: "Latency"
  readonly latency: Latency.Latency
}

/**
 * Fails with this error instead of making the call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fault = <E>(error: E): Fault<E> => ({ _tag: "Fault", error })

/**
 * Succeeds with this value instead of making the call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const outcome = <A>(value: A): Outcome<A> => ({ _tag: "Outcome", value })

/**
 * Dies instead of making the call, as a bug would.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defect = (defect: unknown): Defect => ({ _tag: "Defect", defect })

/**
 * Never ends and never makes the call. It can be interrupted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hang: Hang = { _tag: "Hang" }

/**
 * Delays the call and continues with the next rule. Several delays add up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const latency = (latency: Latency.Latency): Wait => ({ _tag: "Latency", latency })

/**
 * Makes the call, and injects when it has ended, whatever its result: the work is done, and its answer is lost. With
 * `Chaos.hang`, the caller waits until its own time-out; with a latency, the answer comes late, and the next rule is
 * checked.
 *
 * ```ts
 * import { Chaos } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const orders: Array<string> = []
 *   const order = Effect.sync(() => orders.push("book"))
 *   const chaos = yield* Chaos.make({
 *     rules: [{ inject: Chaos.after(Chaos.fault("no reply")), when: ({ index }) => index === 0 }]
 *   })
 *   yield* order.pipe(chaos.inject, Effect.retry({ times: 1 }))
 *   return orders
 * })
 *
 * // A retry is right only where the call may be made twice.
 * await Effect.runPromise(program) // => ["book", "book"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const after = <A = never, E = never>(inject: Instead<A, E> | Wait): After<A, E> => ({ _tag: "After", inject })

/**
 * Makes the call, and changes its answer. A failure stays as it is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const change = <A, B>(change: (answer: A) => B): Change<B> => ({ _tag: "Change", change })
