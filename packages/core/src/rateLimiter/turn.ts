/**
 * A call in the queue, and the calculation of its turn. The _turn_ of a call is the earliest time at which every meter
 * has its costs.
 */
import type { Heaped } from "../internal/data/heap.ts"
import type { Meter, Plan } from "./meter.ts"
import type { Place } from "../internal/data/waitQueue.ts"

/** Costs in the order of the meters. */
export type Costs = ReadonlyArray<number>

export interface Turn extends Place<Turn>, Heaped {
  readonly costs: Costs
  /** Whether the call is in the queue. Set by the machine. */
  waiting: boolean
  /**
   * Whether the forecast leaves the call out, because its turn was too late when last calculated. Set by the forecast.
   */
  isLeftOut: boolean
  /** The planned turn. Set by a forecast that plans. */
  at: number
  /** The index of the call in the tree. Set by a forecast that uses one. */
  slot: number
  /** How long the call waits for its turn, in milliseconds. In a fleet it may also wait for turns that its node asks for. */
  readonly maxWait: number
  /** The latest turn that is in time; undefined for a call that does not wait. */
  readonly latest: number | undefined
  /** The costs were taken: the call owns them from this step on. Notifies no fiber yet. */
  grant(now: number): void
  /** The call is rejected. Notifies no fiber yet. */
  refuse(refusal: Refusal): void
  /** Resumes the fiber with the grant or the rejection, in a scheduler task of its own. */
  tell(): void
}

export interface Refusal {
  readonly reason: "limit" | "paused" | "too-large" | "queue-full"
  /** The index of the meter that decided; below zero if none did. */
  readonly meter: number
  /** Milliseconds until a retry can succeed; infinity when none can. */
  readonly wait: number
}

/** A millionth of a millisecond: rounding errors below it do not make a call wait. */
export const grain = 1e-6

export const isTooLate = (at: number, { latest }: Turn): boolean =>
  at === Infinity || latest === undefined || at > latest + grain

/** The index of the meter that has the costs last, the first of several; below zero when there are no costs. */
export interface Decided {
  meter: number
}

/** The earliest time at or after `from` at which all costs are available. Writes the deciding meter to `decided`. */
export const earliest = (
  meters: ReadonlyArray<Meter>,
  sources: ReadonlyArray<Pick<Plan, "when">>,
  costs: Costs,
  from: number,
  decided: Decided
): number => {
  let at = from
  decided.meter = -1
  for (let i = 0; i < costs.length; i++) {
    const cost = costs[i]!
    if (cost === 0) continue
    const when = cost > meters[i]!.capacity ? Infinity : sources[i]!.when(cost, from)
    if (when > at + grain || decided.meter < 0) decided.meter = i
    if (when > at) at = when
  }
  return at
}
