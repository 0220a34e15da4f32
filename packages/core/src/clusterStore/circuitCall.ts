/** One call to the store: what a node tells of some of its circuits, and what it is answered. */
import type { CircuitAnswer, CircuitMessage } from "./circuitModel.ts"

/** The most circuits of one call: Redis does nothing else meanwhile. */
export const mostCircuitsOfCall = 64

/**
 * What a node tells the store of some of its circuits.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitCall {
  readonly node: string
  /** What the node takes for the time of the store, in milliseconds; zero where it has heard none. */
  readonly said: number
  /** The message counts for nothing once it was on its way for longer than that, in milliseconds. */
  readonly longestWay: number
  /** A node that was not heard of for that long, in milliseconds, counts as gone. */
  readonly goneAfter: number
  /** How long the node may hold a probe, in milliseconds. */
  readonly holdFor: number
  readonly circuits: ReadonlyArray<readonly [circuit: string, message: CircuitMessage]>
}

/**
 * What the store answers to a call about circuits.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitReply {
  /** The time of the store, in milliseconds. */
  readonly now: number
  /** How many nodes were heard of lately, with this one. */
  readonly nodes: number
  /** How many changes there have been, of all circuits. */
  readonly sequence: number
  /** In the order of the call. */
  readonly circuits: ReadonlyArray<CircuitAnswer>
}

/** No opening is longer than a hundred years, in milliseconds. */
export const longestOpening = 100 * 365.25 * 86_400_000

/** How long a circuit is kept after its opening, in milliseconds. */
export const keptFor = 10 * 60_000
