/** What joins a limiter with those of other nodes, as the limiter sees it. No limiter knows more of a fleet than this. */
import type * as Effect from "effect/Effect"
import type * as Local from "./meter.ts"
import type { LimiterMachine } from "./machine.ts"
import type { Limit } from "./model.ts"
import type { Costs } from "./turn.ts"

export interface LimiterLink {
  /** The meter of a limit: it has what the fleet has given out to this node. */
  readonly meterOf: (limit: Limit, checked: Local.Limit) => Local.Meter
  /** Called once, before the first call. */
  readonly joinBy: (machine: LimiterMachine) => void
  /** How long a call may wait that does not wait for so long otherwise: the node has nothing and may ask. In milliseconds. */
  readonly coldWait: (costs: Costs, now: number) => number
  /** Whether the node has no turns yet for all calls that wait, and one with these costs behind them, and may ask for them. */
  readonly isAsking: (now: number, costs?: Costs) => boolean
  /** Whether no call passes, since the store does not answer. */
  readonly isClosed: boolean
  /** Time has passed. */
  readonly passed: (now: number) => void
  /** A call has asked for its costs, whatever it is answered. */
  readonly asked: (costs: Costs, now: number) => void
  /** Calls have begun (1) or ended (-1) to wait for their costs. */
  readonly waits: (costs: Costs, sign: 1 | -1) => void
  /** Nobody has a turn until then. */
  readonly paused: (until: number, now: number) => void
  /** No more than this is left of each resource; infinity says nothing. */
  readonly clamped: (levels: Costs, now: number) => void
  /** The limiter may have changed: there may be something to ask for, or to give back. */
  readonly moved: (now: number) => void
  /** Asks for turns and gives them back, until it is interrupted. */
  readonly run: Effect.Effect<never>
  /** Gives all of them back: the limiter is alone from then on, also where `run` has not begun. */
  readonly end: Effect.Effect<void>
}
