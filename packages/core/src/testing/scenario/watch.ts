/**
 * Counts what a claim is about while the calls are made, in memory that does not grow with them, and remembers since
 * when it has been broken for good.
 */
import { count, counted, formatCounts, shareBeside, span, spanBeside } from "../words.ts"
import type { Share, Verdict } from "./claims.ts"
import type { Call } from "./figures.ts"
import type { Range } from "./range.ts"

/** The number of calls shown before and after the one that broke a claim. */
const around = 3

/**
 * The calls around the moment at which a claim was broken.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Evidence {
  /** The time since which it was broken until the end, in milliseconds since the start of the load. */
  readonly at: number
  /** The index of the call that broke it, if known. */
  readonly culprit: number | undefined
  /** Calls in the order in which they ended, including the culprit. */
  readonly calls: ReadonlyArray<Call>
}

/** The last calls that ended. */
export class Recent {
  readonly calls: Array<Call> = []

  add(call: Call): void {
    if (this.calls.length === around) this.calls.shift()
    this.calls.push(call)
  }
}

export class Watch {
  private readonly claim: Share
  private readonly range: Range
  private readonly providers: ReadonlyArray<string>
  private readonly recent: Recent
  private part = 0
  private whole = 0
  private scene: Scene | undefined
  private readonly others = new Map<string, number>()
  private longest = 0
  private lastOther: number | undefined
  private last = NaN

  constructor(claim: Share, range: Range, providers: ReadonlyArray<string>, recent: Recent) {
    this.claim = claim
    this.range = range
    this.providers = providers
    this.recent = recent
  }

  /** The calls that the claim is about. */
  get calls(): number {
    return this.whole
  }

  /** Whether a call that came after the phase of the claim did not count. */
  get isTroubled(): boolean {
    return this.lastOther !== undefined
  }

  arrived(at: number): void {
    if (this.claim.counted._tag === "Late") this.whole++
    if (this.claim.counted._tag !== "Reached" || !this.covers(at)) return
    // A customer counts when the next one arrives, because most reach the provider themselves.
    if (this.kept) this.scene = undefined
    this.whole++
  }

  reached(provider: string, at: number, call: Call | undefined): void {
    const { _tag } = this.claim.counted
    if ((_tag === "Reached" || _tag === "Late") && this.providers.includes(provider) && this.covers(at)) {
      this.part++
      this.last = at
      this.weigh(at, call)
    }
  }

  settled(call: Call): void {
    this.scene?.add(call)
    if (this.claim.counted._tag === "Reached") return
    if (this.claim.counted._tag === "Late") return this.ended(call)
    const counts = this.counts(call)
    const { since } = this.range
    if (!counts && since !== undefined && call.at >= since && call.at < this.range.to) {
      this.lastOther = Math.max(call.at, this.lastOther ?? 0)
    }
    if (!this.covers(call.at)) return
    if (!counts) this.others.set(call.outcome, (this.others.get(call.outcome) ?? 0) + 1)
    this.longest = Math.max(this.longest, call.ended - call.at)
    this.whole++
    if (counts) this.part++
    this.weigh(call.ended, call)
  }

  private ended(call: Call): void {
    this.longest = Math.max(this.longest, call.ended)
    if (!this.covers(call.ended)) return
    this.others.set(call.outcome, (this.others.get(call.outcome) ?? 0) + 1)
    this.part++
    this.weigh(call.ended, call)
  }

  get verdict(): Verdict {
    return { _tag: this.kept ? "Holds" : "Broken", seen: this.seen }
  }

  /** How far the share is from its limit; below 0 if it is beyond. */
  get margin(): number {
    const { atLeast = -Infinity, atMost = Infinity } = this.claim.bound
    const share = this.part / this.whole
    return Math.min(share - atLeast, atMost - share)
  }

  get evidence(): Evidence | undefined {
    return this.verdict._tag === "Broken" ? this.scene?.evidence : undefined
  }

  private covers(at: number): boolean {
    return at >= this.range.from && at < this.range.to
  }

  private counts({ answered, at, ended, outcome }: Call): boolean {
    const { counted } = this.claim
    switch (counted._tag) {
      case "Answered":
        return answered
      case "Outcome":
        return outcome === counted.outcome
      case "Within":
        // Clocks wake fibers to the millisecond.
        return ended - at < counted.millis + 1
      case "Reached":
      case "Late":
        return false
    }
  }

  private weigh(at: number, culprit: Call | undefined): void {
    if (this.kept) this.scene = undefined
    else this.scene ??= new Scene(at, culprit, this.recent.calls)
  }

  private get kept(): boolean {
    const { atLeast = 0, atMost = Infinity } = this.claim.bound
    const share = this.part / this.whole
    return share >= atLeast && share <= atMost
  }

  private get seen(): string {
    const { part, whole } = this
    const calls = counted(whole, "call")
    switch (this.claim.counted._tag) {
      case "Answered":
        return part === whole
          ? `all ${calls} were answered`
          : `${count(whole - part)} of ${calls} were not answered: ${this.otherwise}`
      case "Outcome":
        return `${count(part)} of ${calls} did (${this.shown})` +
          (part === whole ? "" : `, the others: ${this.otherwise}`) + this.recovery
      case "Within":
        return `${count(whole - part)} of ${calls} took longer, the longest ` +
          spanBeside(this.longest, this.claim.counted.millis)
      case "Reached":
        return `it got ${counted(part, "call")} for ${count(whole)} of customers (${this.shown})`
      case "Late":
        return part === 0 ? `all had ended ${this.sinceLoad(this.longest)}` : this.late
    }
  }

  private get shown(): string {
    const { atLeast, atMost } = this.claim.bound
    return shareBeside(this.part / this.whole, atMost ?? atLeast)
  }

  private get late(): string {
    let ended = 0
    for (const times of this.others.values()) ended += times
    const reached = this.part - ended
    return [
      ...reached === 0 ? [] : [`${counted(reached, "call")} reached it, the last ${this.sinceLoad(this.last)}`],
      ...ended === 0
        ? []
        : [`${counted(ended, "call")} of customers ended, the last ${this.sinceLoad(this.longest)}: ${this.otherwise}`]
    ].join(", and ")
  }

  private sinceLoad(at: number): string {
    const since = at - this.range.since!
    return since <= 0 ? "before the load was over" : `${span(since)} after the load`
  }

  private get otherwise(): string {
    return formatCounts(Object.fromEntries(this.others))
  }

  private get recovery(): string {
    const { lastOther, range: { since } } = this
    if (since === undefined) return ""
    return lastOther === undefined
      ? ", from the first on"
      : `; the last that did not came after ${span(lastOther - since)}`
  }
}

/** The calls around the one that broke a claim: the ones that ended before it, and the ones that end after it. */
class Scene {
  private readonly at: number
  private readonly culprit: Call | undefined
  private readonly calls: Array<Call>
  private further = 0

  constructor(at: number, culprit: Call | undefined, before: ReadonlyArray<Call>) {
    this.at = at
    this.culprit = culprit
    this.calls = [...before]
    if (culprit !== undefined && !Number.isNaN(culprit.ended)) this.calls.push(culprit)
  }

  add(call: Call): void {
    if (call === this.culprit) this.calls.push(call)
    else if (this.further < around) {
      this.further++
      this.calls.push(call)
    }
  }

  get evidence(): Evidence {
    return { at: this.at, culprit: this.culprit?.index, calls: this.calls.map(copy) }
  }
}

const copy = ({ answered, at, ended, index, outcome, reached }: Call): Call => ({
  index,
  at,
  ended,
  outcome,
  answered,
  reached
})
