/** The types of slots. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Capacity } from "./capacity.ts"

/**
 * The slot of one call, or its place in the queue.
 *
 * @since 0.1.0
 * @category models
 */
export interface Slot {
  /** Waits until it is the turn of the call. Work begins after it. */
  readonly ready: Effect.Effect<void>
  /** Does this many milliseconds of work. It takes longer where the capacity is shared. Infinity never ends. */
  readonly work: (millis: number) => Effect.Effect<void>
  /** Gives the slot back, or leaves the queue. Only the first call has an effect. */
  readonly leave: () => void
}

/**
 * The slots of a service, for a service that is more than one effect, such as one that answers in streams.
 *
 * @since 0.1.0
 * @category models
 */
export interface Workplace {
  /** The calls that have a slot. */
  readonly inside: number
  /** The calls that wait for a slot. */
  readonly waiting: number
  /**
   * Whether the work of a call that begins now goes on after its caller has left. A service does such a call in a fiber
   * that the interruption of the caller does not reach.
   */
  readonly goesOn: (fiber: Fiber.Fiber<any, any>) => boolean
  /**
   * Gives the call of a fiber a slot or a place in the queue, in one step; undefined if it is refused. The caller must
   * `leave` it, however the call ends.
   */
  readonly open: (fiber: Fiber.Fiber<any, any>) => Slot | undefined
  /** Applies another capacity from now on. Throws a `RangeError` if it makes no sense. */
  readonly setCapacity: (capacity: Capacity | undefined) => void
}
