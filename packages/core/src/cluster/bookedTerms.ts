/**
 * How much of a limit there can be at once and how much comes in, as this node books it; and what the store and other nodes take it for.
 *
 * Invariants
 * - Where the terms are changed, the store hears of those before until it has answered: it then counts what was used by the new ones. By which
 *   it counts after a message without an answer, nobody knows: it hears of all those before, of one in each message.
 * - The first answer may name the terms that the limit had before this process began with others. The limit was changed by that: nobody
 *   waits for what was used by them. Later, other terms of another node change nothing here.
 */
import { identity } from "effect/Function"
import type { BookingMessage } from "../ClusterStore.ts"
import type { Limit as Checked } from "../rateLimiter/meter.ts"
import type { Limit } from "../rateLimiter/model.ts"
import { OtherNode } from "./otherNode.ts"

/** As a share of what there is at most: no unit that is booked is larger, for what is not counted in whole numbers. */
const finest = 1e-6

/** Of written terms, in a second. */
const rateOf = (written: string): number => Number(written.split(":")[1])

/** The shortest first, each with its seconds. */
const spans = [["a second", 1], ["a minute", 60], ["an hour", 3600], ["a day", 86_400]] as const

const rounded = (value: number): number => Math.round(value * 1000) / 1000

/** As limits are written: in the shortest time in which one comes in. What are no terms is told as it is. */
const inWords = (written: string, shown: (value: number) => number): string => {
  const [atOnce = NaN, perSecond = NaN] = written.split(":").map(Number)
  if (!(atOnce > 0 && perSecond > 0)) return written
  const [span, seconds] = spans.find(([, seconds]) => rounded(perSecond * seconds) >= 1) ?? spans[3]
  return `${shown(atOnce)} at once and ${shown(perSecond * seconds)} ${span}`
}

const difference = (there: string, here: string, shown: (value: number) => number): string =>
  `${inWords(there, shown)}, here ${inWords(here, shown)}`

/** What was changed more often without an answer of the store is forgotten, but for the first terms. */
const mostFormer = 16

export class BookedTerms {
  /** How much there can be at once. */
  capacity = 0
  /** Per millisecond. */
  rate = 0
  /** The smallest amount that is booked. */
  unit = 1
  private readonly limit: Limit
  /** By which terms the store may still count, since it has not answered to the change: the first ones first. */
  private former: ReadonlyArray<string> = []
  /** Whether they were changed on this node. */
  private isChanged = false
  /** Whether the store has ever answered. */
  private hasAnswer = false
  private readonly other = new OtherNode<string>()

  constructor(limit: Limit, checked: Checked) {
    this.limit = limit
    this.set(checked)
  }

  private set({ burst, limit, per }: Checked): void {
    const isRequests = this.limit.resource === "requests"
    if (this.limit.kind === "token-bucket") {
      this.rate = limit / per
      this.capacity = burst
    } else {
      // What can come at once is taken off what comes in, so that no window has more than the limit.
      this.capacity = isRequests ? Math.max(1, Math.floor(limit / 10)) : limit / 2
      this.rate = (limit - this.capacity + (isRequests ? 1 : 0)) / per
    }
    this.unit = isRequests ? 1 : this.capacity * finest
  }

  private get written(): string {
    return `${this.capacity}:${this.rate * 1000}`
  }

  /** Gives whether they are other ones now. */
  change(checked: Checked): boolean {
    const { written } = this
    this.set(checked)
    if (this.written === written) return false
    this.isChanged = true
    const former = [...this.former, written].filter((terms) => terms !== this.written)
    this.former = former.length > mostFormer ? former.toSpliced(1, 1) : former
    return true
  }

  /** Whether they were changed here, and the store has not answered to that. */
  get isUntold(): boolean {
    return this.isChanged && this.former.length > 0
  }

  /** Whether the store may count by terms other than those that the next message names. */
  get isInDoubt(): boolean {
    return this.former.length > 1
  }

  /** What a message says of them. */
  get told(): Pick<BookingMessage, "before" | "burst" | "gap" | "latest" | "scale" | "terms"> {
    const { capacity, former: [before], rate, unit } = this
    return {
      gap: unit / rate,
      burst: capacity / unit,
      latest: capacity / rate * (this.limit.resource === "requests" ? 1 : 2),
      terms: this.written,
      before: before ?? "",
      scale: before === undefined ? 1 : rateOf(before) / (rate * 1000)
    }
  }

  /** The store has an answer to a message, which may name the terms of another node: it has heard of the change. */
  answered({ before }: BookingMessage, otherTerms: string | undefined): void {
    this.former = this.former.filter((former) => former !== before)
    if (!this.hasAnswer && otherTerms !== undefined && this.former.length === 0 && otherTerms !== this.written) {
      this.former = [otherTerms]
    }
    this.hasAnswer = true
  }

  /** Another node has these now. */
  heard(otherTerms: string | undefined, now: number): void {
    this.other.heard(otherTerms, now)
  }

  /** What another node takes the limit for, and this one, where that is not the same; undefined where nobody did lately. */
  differ(now: number): string | undefined {
    const { written } = this
    const said = this.other.said(now)
    if (said === undefined || said === written) return undefined
    const isSeen = inWords(said, rounded) !== inWords(written, rounded)
    return difference(said, written, isSeen ? rounded : identity)
  }
}
