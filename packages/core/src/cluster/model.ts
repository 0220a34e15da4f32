/** The public types of a fleet: options, status and commands. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Resource } from "../RateLimiter.ts"

/**
 * How the nodes of a fleet work together.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** How often a node tells what it has counted. What cannot wait is told at once. @default 250 millis */
  readonly interval?: Duration.Input | undefined
  /** How long a node waits for the store. @default 50 millis */
  readonly timeout?: Duration.Input | undefined
  /** How often a node without news says that it is there. @default 5 seconds */
  readonly heartbeat?: Duration.Input | undefined
  /** How long calls count at least, where the window counts calls. @default 1 second */
  readonly span?: Duration.Input | undefined
  /** Whether the nodes together open a circuit, or the first one that does. @default "agreed" */
  readonly spread?: "agreed" | "any" | undefined
  /**
   * What limits and budgets are while the store does not answer: the share of this node of the nodes that were there last, the
   * whole on each node, or nothing. @default "local"
   */
  readonly away?: "local" | "open" | "closed" | undefined
  /** For how much of its own demand a node books turns. @default 100 millis */
  readonly cover?: Duration.Input | undefined
  /** How far ahead turns are given out. @default 200 millis */
  readonly ahead?: Duration.Input | undefined
  /** After how long turns that are not used go back to the fleet. @default 200 millis */
  readonly giveBack?: Duration.Input | undefined
}

/**
 * What a node knows of one shared limit.
 *
 * @since 0.1.0
 * @category models
 */
export interface SharedLimit {
  readonly limiter: string
  readonly resource: Resource
  /** What this node has booked so far, and what of it went back unused. */
  readonly booked: number
  readonly givenBack: number
  /** Whether the store does not answer, and the limit is as `away` says. */
  readonly isAway: boolean
}

/**
 * What a node knows of the budgets that it shares, in all windows that it has used lately. Amounts are micro-dollars.
 *
 * @since 0.1.0
 * @category models
 */
export interface SharedBudgets {
  /** Budgets of which this node holds a share, or has something to tell. */
  readonly count: number
  /** What this node holds that no call has reserved. */
  readonly held: number
  /** What its calls have reserved and spent beyond what it held, of which the store has not heard. */
  readonly owed: number
  /** What this node has taken so far, and what of it went back unused. */
  readonly taken: number
  readonly givenBack: number
  /** Whether the store does not answer, and budgets are as `away` says. */
  readonly isAway: boolean
}

/**
 * What a node knows of its fleet.
 *
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** `joined` once this node has heard of all its circuits. */
  readonly state: "joining" | "joined" | "away"
  /** Nodes that the store has heard of lately, with this one. */
  readonly nodes: number
  readonly syncs: number
  readonly timeouts: number
  /** How often changes were missed, and all circuits read again. */
  readonly gaps: number
  /** Circuits that this node has opened and the fleet has not, and circuits that are closed on this node while the fleet is open. */
  readonly dissent: ReadonlyArray<string>
  /** Circuits that another node judges by other options, limits, as `limiter:resource`, and budgets that it takes for others: in what, with both values. */
  readonly rulesDiffer: ReadonlyArray<readonly [name: string, difference: string]>
  readonly limits: ReadonlyArray<SharedLimit>
  readonly budgets: SharedBudgets
}

/**
 * Commands for a circuit on all nodes. Each ends once this node follows it and it is on its way to the others. While the store is
 * away, the others hear of `forceOpen` and `trip` once it is back, and of `close` and of a `trip` that is over by then not at all. A state that was
 * set by hand on a node stays.
 *
 * @since 0.1.0
 * @category models
 */
export interface Control {
  /** Opens for that long, or longer where it is open for longer. */
  readonly trip: (duration: Duration.Input) => Effect.Effect<void>
  readonly forceOpen: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}
