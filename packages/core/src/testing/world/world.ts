/** The types of a world: its options, what one can do with it, and its report. */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { InvariantBroken } from "./invariantBroken.ts"
import type { Fault, Invariant, LinkOptions, NodeShape, Script, SkewOptions, View } from "./model.ts"
import type { Node } from "./node.ts"

/**
 * The programs of a world by the names of their nodes. A layer may require {@link Node}, `Scope` is that of the node.
 *
 * @since 0.1.0
 * @category models
 */
export type Nodes = Readonly<Record<string, Layer.Layer<never, any, any>>>

/**
 * The nodes of a world, how they are connected, and what happens to them.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<Programs extends Nodes> {
  /** The seed of all random numbers. @default 1 */
  readonly seed?: string | number | undefined
  /** A layer for each node. It is built at each start, anew. */
  readonly nodes: Programs
  /** How clocks differ at the start, by node. @default they do not */
  readonly clocks?: { readonly [Name in keyof Programs]?: SkewOptions } | undefined
  /** How calls travel: the same for all, or by the names of caller and callee. @default 1 ms, nothing is lost */
  readonly link?: LinkOptions | ((from: string, to: string) => LinkOptions) | undefined
  /** The faults, at their times. @default none */
  readonly script?: Script | undefined
  /** What must hold after every event. @default nothing */
  readonly invariants?: ReadonlyArray<Invariant> | undefined
}

/**
 * A world at work.
 *
 * @since 0.1.0
 * @category models
 */
export interface World<out E> {
  /** Lets a fault begin now. Dies with a `RangeError` that names the field if something is out of range. */
  readonly inject: (fault: Fault) => Effect.Effect<void>
  /**
   * Calls a service of a node from outside: see `NodeShape`. The way takes no time and loses nothing. Does not end if
   * the node crashes during the call.
   */
  readonly call: NodeShape["call"]
  /** Waits until an invariant breaks, or until the layer of a node fails. The world stands still then. */
  readonly broken: Effect.Effect<never, E | InvariantBroken>
  readonly report: Effect.Effect<Report>
  readonly view: View
}

/**
 * What happened in a world.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Report {
  readonly seed: string
  /** Milliseconds since the start of the world. */
  readonly millis: number
  /** The number of turns of nodes, wake-ups, messages and faults. */
  readonly events: number
  /** A hash of all events with their times. Two runs with one digest were the same. */
  readonly digest: string
  /** The last messages and faults, one line each. */
  readonly last: ReadonlyArray<string>
}

/**
 * What the layers of a world may fail with.
 *
 * @since 0.1.0
 * @category models
 */
export type FailureOf<Programs extends Nodes> = Layer.Error<Programs[keyof Programs]>

/**
 * What the layers of a world need from outside.
 *
 * @since 0.1.0
 * @category models
 */
export type NeedsOf<Programs extends Nodes> = Exclude<Layer.Services<Programs[keyof Programs]>, Node | Scope.Scope>
