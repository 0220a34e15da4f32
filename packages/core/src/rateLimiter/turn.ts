/** A caller that waits for its turn, and when that is. */
import type { Heaped } from "../internal/data/heap.ts"
import type { Meter, Plan } from "./meter.ts"
import type { Place } from "../internal/data/waitQueue.ts"

/** Costs in the order of the meters. */
export type Costs = ReadonlyArray<number>

export interface Turn extends Place<Turn>, Heaped {
  readonly costs: Costs
  /** Whether it is in the queue. Kept by the queue's machine. */
  waiting: boolean
  /** Whether it is left out by the forecast: its turn was too late for it when last calculated. Kept by the forecast. */
  isLeftOut: boolean
  /** Its turn as it was planned last, where the forecast is a plan. */
  at: number
  /** Its place in the tree, where the forecast has one. */
  slot: number
  /** The latest time that is of use; undefined if only now is. */
  readonly latest: number | undefined
  /** Everything has been taken for it: it holds that from this step on. Tells nobody yet. */
  grant(now: number): void
  /** It will not get a turn in time. Tells nobody yet. */
  refuse(refusal: Refusal): void
  /** Lets the caller go on with what it was granted or refused, in a step of its own. */
  tell(): void
}

export interface Refusal {
  readonly reason: "limit" | "paused" | "too-large" | "queue-full"
  /** The meter that decided; below zero if none did. */
  readonly meter: number
  /** Milliseconds until it would be of use to ask again; infinity when no wait would do. */
  readonly wait: number
}

/** A millionth of a millisecond: what sums of fractions miss the whole by is no reason to wait. */
export const grain = 1e-6

export const isTooLate = (at: number, { latest }: Turn): boolean =>
  at === Infinity || latest === undefined || at > latest + grain

/** The meter that is the last to have the costs, the first of several; below zero if they cost nothing. */
export interface Decided {
  meter: number
}

/** The earliest time at or after `from` at which all costs can be had. Writes down which meter decided. */
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
