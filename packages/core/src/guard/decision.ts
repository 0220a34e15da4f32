/** How a guard decides about a call. */
import type * as Duration from "effect/Duration"

/**
 * What `acquire` answers: see {@link admit}, {@link reject} and {@link wait}.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision<Lease, E> = Admitted<Lease> | Rejected<E> | Waiting<Lease, E>

interface Admitted<out Lease> {
  readonly _tag: "Admitted"
  readonly lease: Lease
}

interface Rejected<out E> {
  readonly _tag: "Rejected"
  readonly error: E
}

interface Waiting<Lease, out E> extends WaitOptions<Lease, E> {
  readonly _tag: "Waiting"
}

/**
 * A call that waits. The first who decides about it decides: both functions answer false when it does not wait any more.
 *
 * @since 0.1.0
 * @category models
 */
export interface Waiter<in Lease, in E> {
  /** Lets the call go on with this lease, which is its own from this step on; false if the lease was not taken. */
  readonly admit: (lease: Lease) => boolean
  /** Refuses the call. */
  readonly reject: (error: E) => boolean
}

/**
 * How a call waits.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions<out Lease, out E> {
  /**
   * Puts the call into the guard's queue. Answers how it leaves the queue, which is called at most once, and only if nobody
   * has decided: it was interrupted, its time is over, or a circuit around it has opened.
   */
  readonly enqueue: (waiter: Waiter<Lease, E>) => () => void
  /** The longest wait. @default "Infinity": until the caller's deadline */
  readonly maxWait?: Duration.Input | undefined
  /**
   * The error of a call whose time is over: by `maxWait`, or by its caller's deadline. What it throws is a defect of
   * the call.
   */
  readonly onTimeout: (reason: "wait-timeout" | "deadline") => E
}

/**
 * The call goes on. `release` gets the lease, once, when it has ended.
 *
 * @since 0.1.0
 * @category constructors
 */
export const admit: {
  (): Decision<undefined, never>
  <Lease>(lease: Lease): Decision<Lease, never>
} = (lease?: unknown): Decision<any, never> => ({ _tag: "Admitted", lease })

/**
 * The call is refused with this error; nothing is held.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reject = <E>(error: E): Decision<never, E> => ({ _tag: "Rejected", error })

/**
 * The call waits until the guard admits or rejects it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const wait = <Lease, E>(options: WaitOptions<Lease, E>): Decision<Lease, E> => ({ _tag: "Waiting", ...options })
