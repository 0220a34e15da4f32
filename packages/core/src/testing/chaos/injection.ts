/** What can be injected into a call, as plain data. */
import type * as Latency from "../Latency.ts"

/**
 * What is injected instead of a call or before it: a typed failure, an answer, a defect, a hang, or latency.
 *
 * @since 0.1.0
 * @category models
 */
export type Injection<A, E> = Fault<E> | Outcome<A> | Defect | Hang | Wait

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
