/** What a bulkhead is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Guard } from "../guard/model.ts"
import type { BulkheadFull, Reason } from "./BulkheadFull.ts"

/** How many may run and wait. `name` and `concurrency` must be given. */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** Calls that may run at once. */
  readonly concurrency: number
  /** Calls that may wait for a slot, at most 1,000,000. With a `share`, one key may have that share of it. @default 0 */
  readonly queue?: number | undefined
  /** The longest wait for a slot; `"Infinity"` to leave it to the deadline. @default "10 seconds" */
  readonly maxWait?: Duration.Input | undefined
  /**
   * How much of the concurrency, and of the queue, one `CurrentKey` may hold: above 0 and at most 1, rounded down to
   * whole slots and places, but always one. @default none: keys are not looked at
   */
  readonly share?: number | undefined
}

/** What there is to read about a bulkhead at one moment. */
export interface Snapshot {
  readonly name: string
  readonly concurrency: number
  /** Calls that may wait. */
  readonly queue: number
  readonly inFlight: number
  readonly queued: number
  /** Calls refused since the beginning, by reason. */
  readonly rejected: { readonly [R in Reason]: number }
}

/** A bulkhead. */
export interface Bulkhead extends Guard<BulkheadFull> {
  readonly name: string
  /** Wraps an effect. Adds {@link BulkheadFull} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /** Like `protect`, for a kind of call that waits longer or shorter; `maxWait: 0` for one that does not wait. */
  readonly protectWith: (options: {
    readonly maxWait: Duration.Input
  }) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Goes on with so many slots, and shares of that. More are handed out at once; fewer interrupt nobody and keep nobody
   * waiting: no call is let in until enough have ended. Dies with a `RangeError` below 1.
   */
  readonly resize: (concurrency: number) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
