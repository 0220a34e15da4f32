/** What can be done to a call, as plain data. */
import type * as Latency from "../Latency.ts"

/**
 * What is done to a call instead of it, or before it: a typed failure, an answer, a defect, no end at all, or a wait.
 */
export type Injection<A, E> = Fault<E> | Outcome<A> | Defect | Hang | Wait

/** The call fails with an error of its own type. */
export interface Fault<out E> {
  readonly _tag: "Fault"
  readonly error: E
}

/** The call succeeds with a value. */
export interface Outcome<out A> {
  readonly _tag: "Outcome"
  readonly value: A
}

/** The call dies. */
export interface Defect {
  readonly _tag: "Defect"
  readonly defect: unknown
}

/** The call never ends, until it is interrupted. */
export interface Hang {
  readonly _tag: "Hang"
}

/** The call is held up, and then goes on. */
export interface Wait {
  readonly _tag: "Latency"
  readonly latency: Latency.Latency
}

/** Fails with this error instead of making the call. */
export const fault = <E>(error: E): Fault<E> => ({ _tag: "Fault", error })

/** Answers with this value instead of making the call. */
export const outcome = <A>(value: A): Outcome<A> => ({ _tag: "Outcome", value })

/** Dies instead of making the call, as a bug in the code that makes it does. */
export const defect = (defect: unknown): Defect => ({ _tag: "Defect", defect })

/** Never answers and never makes the call. Interrupting it is clean. */
export const hang: Hang = { _tag: "Hang" }

/** Waits, and goes on to the next rule. Several waits add up. */
export const latency = (latency: Latency.Latency): Wait => ({ _tag: "Latency", latency })
