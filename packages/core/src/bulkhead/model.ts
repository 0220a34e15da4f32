/** The types of a bulkhead. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Guard } from "../guard/model.ts"
import type { BulkheadFull, Reason } from "./BulkheadFull.ts"

/**
 * How many calls may run and wait. `name` and `concurrency` are required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** The number of calls that may run at the same time: a whole number of at least 1. */
  readonly concurrency: number
  /**
   * The number of calls that may wait for a slot, from 0 to 1,000,000. With `share`, one key may use that share of it.
   * @default 0
   */
  readonly queue?: number | undefined
  /**
   * The longest wait for a slot: a duration of zero or more; `"Infinity"` waits until the deadline. @default "10
   * seconds"
   */
  readonly maxWait?: Duration.Input | undefined
  /**
   * The share of `concurrency` and of `queue` that one `CurrentKey` may hold: above 0 and at most 1, rounded down to
   * whole slots and places, but at least one. @default none: keys are ignored
   */
  readonly share?: number | undefined
}

/**
 * The state of a bulkhead at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  readonly concurrency: number
  /** The number of calls that may wait. */
  readonly queue: number
  readonly inFlight: number
  readonly queued: number
  /** Calls rejected since the bulkhead was made, by reason. */
  readonly rejected: { readonly [R in Reason]: number }
}

/**
 * A bulkhead. Make it once and share it: it limits only the calls that go through it.
 *
 * @since 0.1.0
 * @category guards
 */
export interface Bulkhead extends Guard<BulkheadFull> {
  readonly name: string
  /** Wraps an effect with this bulkhead. Adds {@link BulkheadFull} to its errors. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /** Like `protect`, with another longest wait; `maxWait: 0` rejects at once when no slot is free. */
  readonly protectWith: (options: {
    readonly maxWait: Duration.Input
  }) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Changes the number of slots, and with it the shares. New slots go to waiting calls at once. With fewer slots,
   * running calls continue, and no call is admitted until enough of them have ended. Dies with a `RangeError` below 1.
   */
  readonly resize: (concurrency: number) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
