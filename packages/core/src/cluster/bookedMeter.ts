/**
 * What the fleet has given out of one limit to this node: turns, which are amounts that come in from a time on.
 *
 * Invariants
 * - What is not booked is not taken. A turn is used from its time on, and not any more once `giveBack` has passed since, unless
 *   the first of the waiting calls gathers turns, of which it needs several, or one of each of several limits.
 * - A time is never earlier than that of the store: turns begin when the answer comes, and end as if it had come at once.
 * - What was told once is never told again, but for what does no harm twice.
 * - Where the store does not answer, a node begins with its part of what the fleet had left. What it uses of that is a debt of the fleet, and
 *   until the store has answered to that debt, the node begins its next absence with so much less.
 */
import type { BookingAnswer, BookingMessage } from "../ClusterStore.ts"
import { type Away, type AwayMeter, awayMeter } from "./awayMeters.ts"
import { Demand } from "./demand.ts"
import { longestWay } from "./flight.ts"
import { isSufficient, tolerance } from "../internal/data/isSufficient.ts"
import type { Limit as Checked, Meter, Plan } from "../rateLimiter/meter.ts"
import type { Limit } from "../rateLimiter/model.ts"
import { type Costs, grain } from "../rateLimiter/turn.ts"

/** How a node books. Times are in milliseconds. */
export interface BookingRules {
  /** How long the store gets to answer. */
  readonly timeout: number
  /** A node books for that much of its own demand. */
  readonly cover: number
  /** How far ahead turns are given out. */
  readonly ahead: number
  /** After that long, unused turns go back. */
  readonly giveBack: number
}

/** What a meter has to know of the limiter that it belongs to. */
export interface BookingLimiter {
  readonly rules: BookingRules
  readonly now: () => number
  /** No turns are asked for before that: the fleet has none, or the store does not answer. */
  readonly blockedUntil: number
  /** When an answer can be expected at the latest, and when that was asked for; undefined while nothing is. */
  readonly awaited: { readonly since: number; readonly until: number } | undefined
  /** How far ahead turns are booked now. */
  readonly ahead: number
  /** How much the first of the waiting calls gathers of a limit, since it needs more than comes in at once. */
  readonly gathered: (meter: BookedMeter) => number
}

/** An amount that comes in at an even rate from a time on. */
interface Turns {
  start: number
  amount: number
  readonly rate: number
  /** How much later `start` is than in the time of the store, at most. */
  readonly lag: number
  /** When it was asked for: nothing of it was due before. */
  readonly askedAt: number
}

/** The one who waits first: what it costs, and until when it waits. */
export interface Head {
  readonly costs: Costs
  readonly latest: number | undefined
}

/** An amount that gets less from a time on, at a rate. */
interface Untold {
  readonly amount: number
  readonly at: number
  readonly rate: number
}

const leftOf = ({ amount, at, rate }: Untold, now: number): number => Math.max(0, amount - Math.max(0, now - at) * rate)

/** What a node has for the time without the store, and what of that is paid: by turns that it had, or by a debt of the fleet. */
interface Absence {
  readonly meter: AwayMeter
  readonly turns: number
  readonly debt: number
}

/** For how long other terms are told of after the last message that said them, in milliseconds. */
const toldFor = 60_000

/** Of written terms, in a second. */
const rateOf = (terms: string): number => Number(terms.split(":")[1])

const inWords = (terms: string): string => {
  const [atOnce, perSecond] = terms.split(":")
  return `${atOnce} at once and ${perSecond} a second`
}

/** What calls settle that were taken in an absence before these is told to the fleet. */
const mostAbsences = 16

/** As a share of what there is at most: no unit that is booked is larger, for what is not counted in whole numbers. */
const finest = 1e-6

export class BookedMeter implements Meter {
  capacity = 0
  readonly limit: Limit
  /** What waiting calls cost. */
  queued = 0
  /** By this node so far; what went back of it, unused or not used up. */
  booked = 0
  givenBack = 0
  /** Per millisecond. */
  rate = 0
  private readonly limiter: BookingLimiter
  /** The smallest amount that is booked. */
  unit = 1
  /** In the order of their beginnings. */
  private turns: Array<Turns> = []
  private held = 0
  /** What is to be told: what calls have settled, and below zero what they have used without a turn. */
  private owed = 0
  /** Turns that no call has taken. */
  private unused = 0
  /** When the first of those was asked for. */
  private unusedSince = Infinity
  /** From when on there was something of that. */
  private owedAt = Infinity
  /** What calls have used without a turn, as the message says that is under way. */
  private telling = 0
  /** What this node has used in absences, of which the fleet does not hear. It wanes as the part of this node comes in. */
  private untold: Untold = { amount: 0, at: 0, rate: 0 }
  private absence: Absence | undefined
  /** When the bucket of the fleet is full at the earliest; what is to be told of that, and what is known. */
  private toldFull = -Infinity
  private knownFull = -Infinity
  /** By which terms the store may still count, since it has not heard that the limit was changed. */
  private before: string | undefined
  /** Whether the store has ever answered. */
  private hasAnswer = false
  /** When the next turn of the fleet begins to come in, as far as is known. */
  private next = -Infinity
  private readonly demand = new Demand()
  /** The terms of another node, and when it was heard of last. */
  private others: { readonly terms: string; readonly at: number } | undefined
  /** When the store did not answer, lately. */
  private readonly absences: Array<{ readonly from: number; to: number }> = []

  constructor(limit: Limit, checked: Checked, limiter: BookingLimiter) {
    this.limit = limit
    this.limiter = limiter
    this.set(checked)
  }

  /** Instead of what was booked, while the store does not answer. */
  private get fallback(): AwayMeter | undefined {
    return this.absence?.meter
  }

  when(cost: number, from: number): number {
    const { fallback } = this
    if (fallback !== undefined) return fallback.when(cost, from)
    return whenOf(this.turns, 0, cost, from, this.tail)
  }

  take(cost: number, at: number): void {
    if (this.fallback !== undefined) return this.fallback.take(cost, at)
    // What it gathered is older than others may keep.
    this.use(cost)
  }

  correct(difference: number, takenAt: number, now: number): void {
    if (!this.wasAway(takenAt)) this.owe(-difference, now)
    // The fleet has not given out what was taken meanwhile.
    else this.fallback?.correct(difference, takenAt, now)
  }

  clampAvailable(atMost: number, now: number): void {
    this.fallback?.clampAvailable(atMost, now)
    this.use(Math.max(0, this.due(now) - atMost))
  }

  available(now: number): number {
    return this.fallback === undefined ? this.due(now) : this.fallback.available(now)
  }

  /**
   * What is due here, and what the fleet had left when it answered last, with what has come in since: all of it where it never did. While
   * the store does not answer, the part of this node, of which others know nothing.
   */
  leftForAll(now: number): number {
    if (this.fallback !== undefined) return this.fallback.left(now)
    return Math.min(this.capacity, this.due(now) + Math.max(0, this.leftOfFleet(now)))
  }

  /** Below zero where a pause keeps the bucket empty. */
  private leftOfFleet(now: number): number {
    const { capacity, next, rate, toldFull } = this
    return Math.min(capacity, Math.max(0, (now - next) * rate), capacity - Math.max(0, toldFull - now) * rate)
  }

  change(checked: Checked, now: number): void {
    const { capacity, rate, terms } = this
    this.set(checked)
    if (this.terms !== terms) {
      this.before ??= terms
      // What was used is used, and at most the bucket.
      const usedUp = (at: number) => Math.min(Math.max(0, at - now) * rate, capacity, this.capacity) / this.rate
      const later = (at: number) => now + usedUp(at) + Math.max(0, at - now - capacity / rate)
      this.knownFull = now + usedUp(this.knownFull)
      if (this.next > -Infinity) this.next = now + usedUp(this.next + capacity / rate) - this.capacity / this.rate
      if (this.toldFull > now) this.toldFull = later(this.toldFull)
    }
    this.fallback?.change({ limit: this.rate, per: 1, burst: this.capacity }, now)
  }

  plan(): Plan {
    return this.fallback?.plan() ?? new BookedPlan(this.turns, this.tail)
  }

  /** A call has asked for this. */
  asked(cost: number, now: number): void {
    this.demand.add(cost, now)
  }

  /** Calls have begun or ended to wait for this amount; so many wait now. */
  waits(amount: number, waiting: number): void {
    // Rounding errors of the sum end with the last one.
    this.queued = waiting === 0 ? 0 : this.queued + amount
  }

  /** Does without the store. */
  leave(away: Away, nodes: number, now: number, retryAt: () => number): void {
    const among = away === "open" ? 1 : Math.max(1, nodes)
    if (this.absence !== undefined) return this.absence.meter.among(among, now)
    if (this.absences.push({ from: now, to: Infinity }) > mostAbsences) this.absences.shift()
    const { capacity, rate } = this
    // Nothing of this comes in twice.
    const untold = { amount: leftOf(this.untold, now), at: Infinity, rate: rate / among }
    const turns = this.due(now)
    this.use(turns)
    const part = away === "open" ? capacity : Math.min(capacity, turns * among + this.leftOfFleet(now)) / among
    const beginning = Math.max(0, part - untold.amount - this.telling - Math.max(0, -this.owed))
    const meter = awayMeter(away, { limit: rate, per: 1, burst: capacity }, among, beginning, now, retryAt)
    this.untold = untold
    this.absence = { meter, turns, debt: away === "local" ? Math.max(0, beginning - turns) : 0 }
  }

  /** The store answers again. The fleet hears what was used of the beginning, and not what came in meanwhile. */
  comeBack(now: number): void {
    const { debt: most, meter, turns } = this.absence!
    const used = meter.used(now)
    const debt = Math.max(0, Math.min(most, used - turns))
    this.absence = undefined
    this.absences.at(-1)!.to = now
    this.owe(-debt, now)
    // Others must not book it first.
    if (debt > 0) this.owedAt = -Infinity
    // What has come in and was not used makes up for what was untold before.
    const paid = Math.min(Math.max(0, used), turns + debt)
    this.untold = { ...this.untold, amount: Math.max(0, this.untold.amount + used - paid), at: now }
  }

  /** Nobody knows whether the store has got the message. */
  unanswered(now: number): void {
    const { telling, untold } = this
    this.untold = { ...untold, amount: leftOf(untold, now) + telling, at: Math.max(untold.at, now) }
    this.telling = 0
  }

  private get terms(): string {
    return `${this.capacity}:${this.rate * 1000}`
  }

  /** What another node takes the limit for, and this one, where that is not the same; undefined where nobody did lately. */
  differs(now: number): string | undefined {
    const { others, terms } = this
    if (others === undefined || others.terms === terms || now - others.at > toldFor) return undefined
    return `${inWords(others.terms)}, here ${inWords(terms)}`
  }

  private wasAway(at: number): boolean {
    return this.absences.some(({ from, to }) => from <= at && at < to)
  }

  /** Whether a call would have to be booked for. */
  lacks(cost: number): boolean {
    return cost <= this.capacity && !isSufficient(this.held, cost)
  }

  /** What is to be booked now. `isBusy` says whether calls come so often that turns are booked ahead. */
  wanted(now: number, isBusy: boolean): number {
    const missing = this.queued - this.held
    const target = isBusy ? this.target(now) : 0
    if (missing <= tolerance(this.queued) && this.held >= target / 2) return 0
    return Math.max(missing, target - this.held)
  }

  /** Whether the fleet has to hear at once how little is left. */
  isUrgent(now: number): boolean {
    return this.toldFull > Math.max(now, this.knownFull) + this.limiter.rules.cover
  }

  /** When it is time to tell what comes back: some more may come until then. */
  get owesAt(): number {
    return this.owedAt + this.limiter.rules.cover
  }

  /** When the first of what is held goes back. */
  get expiresAt(): number {
    const { limiter } = this
    if (limiter.gathered(this) > 0) return Infinity
    const { giveBack } = limiter.rules
    return this.turns.reduce((first, turns) => Math.min(first, expiryOf(turns, this.unit, giveBack)), Infinity)
  }

  /** What is told now. It counts as told from here on. */
  message(now: number, wanted: number, isBusy: boolean, head: Head | undefined, cost: number): BookingMessage {
    const { rate, unit } = this
    const { ahead } = this.limiter
    const gap = unit / rate
    const want = Math.ceil(wanted / unit - tolerance(wanted / unit))
    // The first of those who wait gets all its turns at once, where the last of them comes in time.
    const reach = Math.min((head?.latest ?? now) - now, ahead + Math.max(0, cost - this.held) / rate)
    const { before, owed } = this
    const oldest = Math.max(0, now - this.unusedSince)
    const unused = oldest > this.within ? 0 : this.unused
    this.givenBack += unused + Math.max(0, owed)
    this.telling = Math.max(0, -owed)
    this.owed = this.unused = 0
    this.owedAt = this.unusedSince = Infinity
    return {
      gap,
      burst: this.capacity / unit,
      // Where calls come seldom, only those that wait now can use a turn: others would go back.
      ahead: isBusy ? Math.max(ahead, reach) : Math.max(0, reach),
      want,
      back: owed / unit,
      unused: unused / unit,
      oldest: unused > 0 ? oldest : 0,
      within: this.within,
      latest: this.capacity / rate * (this.limit.resource === "requests" ? 1 : 2),
      fullAfter: Math.max(0, this.toldFull - now),
      terms: this.terms,
      before: before ?? "",
      scale: before === undefined ? 1 : rateOf(before) / (rate * 1000)
    }
  }

  /**
   * The store has an answer to the message: it has heard of the change. The first one may name the terms that the limit had before this
   * process began with others: it was changed by that, and waits no longer for what was used by them.
   */
  private answered({ before, terms }: BookingMessage, otherTerms: string | undefined): void {
    this.telling = 0
    if (before === this.before) this.before = terms === this.terms ? undefined : terms
    if (!this.hasAnswer && otherTerms !== undefined && rateOf(otherTerms) > 0) this.before ??= otherTerms
    this.hasAnswer = true
  }

  /** The answer that came in time, to a message that was sent then. Gives whether all was granted. */
  heard(
    { first, granted, otherTerms }: BookingAnswer,
    message: BookingMessage,
    sentAt: number,
    now: number
  ): boolean {
    const { fullAfter, gap, want } = message
    const start = now + first - gap
    const amount = granted * this.unit
    if (granted > 0) this.add({ start, amount, rate: this.unit / gap, lag: now - sentAt, askedAt: sentAt })
    this.booked += amount
    this.answered(message, otherTerms)
    if (otherTerms !== undefined) this.others = { terms: otherTerms, at: now }
    this.next = start + granted * gap
    this.knownFull = this.next + this.capacity / this.rate
    if (sentAt + fullAfter >= this.toldFull - grain) this.toldFull = -Infinity
    return granted >= want
  }

  /** The answer that came late: nobody may use what it gives. */
  heardLate({ first, granted, otherTerms }: BookingAnswer, message: BookingMessage, sentAt: number, now: number): void {
    // A message that was on its way for too long has changed nothing.
    if (now - sentAt > longestWay) this.unanswered(now)
    else this.answered(message, otherTerms)
    this.next = now + first + (granted - 1) * message.gap
    this.booked += granted * this.unit
    this.leaveUnused(granted * this.unit, sentAt, now)
  }

  /** The earliest time at which the fleet may have more turns to give out. */
  get grantableAt(): number {
    return this.next + this.unit / this.rate - this.limiter.ahead
  }

  /** The bucket of the fleet is full at that time at the earliest. */
  fullNotBefore(at: number): void {
    this.toldFull = Math.max(this.toldFull, at)
  }

  /** Nobody has a turn until then. */
  paused(until: number): void {
    this.fullNotBefore(until + (this.capacity - this.unit) / this.rate)
  }

  /** The fleet has no more than that. */
  clamped(atMost: number, now: number): void {
    this.fullNotBefore(now + (this.capacity - atMost) / this.rate)
  }

  /** Gives back what neither waiting calls nor the usual demand can use: of what comes last. */
  shed(now: number): void {
    const usual = Math.max(this.rate * this.limiter.rules.cover, this.unit)
    let over = this.held - Math.max(this.queued, usual)
    if (over <= tolerance(this.held)) return
    this.held -= over
    // Others need not wait for that much.
    if (over > usual) this.owedAt = -Infinity
    while (over > 0 && this.turns.length > 0) {
      const last = this.turns.at(-1)!
      const part = Math.min(over, last.amount)
      this.leaveUnused(part, last.askedAt, now)
      last.amount -= part
      over -= part
      if (last.amount <= 0) this.turns.pop()
    }
  }

  /** Everything that is held, to be told. */
  giveAllBack(now: number): void {
    for (const { amount, askedAt } of this.turns) this.leaveUnused(amount, askedAt, now)
    this.held = 0
    this.turns = []
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

  private get tail(): Tail {
    const { limiter, next, rate } = this
    return (missing, from) => {
      if (limiter.blockedUntil > from) return Math.max(limiter.blockedUntil, next + missing / rate)
      const { awaited } = limiter
      const now = limiter.now()
      if (awaited === undefined || now >= awaited.until) return Math.max(from, now + leastWait)
      // It has taken so long already, and may take as long again. All who wait are answered together.
      return Math.max(from, Math.min(awaited.until, now + Math.max(leastWait, now - awaited.since)))
    }
  }

  /** What is usual here, of what the fleet can get. */
  private target(now: number): number {
    const { cover } = this.limiter.rules
    return Math.ceil(Math.min(this.demand.at(now), this.rate) * cover / this.unit) * this.unit
  }

  private due(now: number): number {
    this.expire(now)
    let sum = 0
    for (const { amount, rate, start } of this.turns) {
      const part = Math.min(amount, (now - start) * rate)
      if (part > 0) sum += part
      if (part < amount) break
    }
    return sum
  }

  private owe(amount: number, now: number): void {
    if (amount === 0) return
    this.owed = Math.max(-this.capacity, this.owed + amount)
    this.owedAt = Math.min(this.owedAt, now)
  }

  /** Turns that were booked for too long are lost: others were given out meanwhile that count on them. */
  private leaveUnused(amount: number, askedAt: number, now: number): void {
    if (amount === 0 || now - askedAt > this.within) return
    this.unused += amount
    this.unusedSince = Math.min(this.unusedSince, askedAt)
    this.owedAt = Math.min(this.owedAt, now)
  }

  /** For how long turns that no call has taken may be told of after they were booked. */
  private get within(): number {
    const { ahead, cover, giveBack } = this.limiter.rules
    return this.capacity / this.rate + ahead + giveBack + 2 * cover
  }

  private add(turns: Turns): void {
    let at = this.turns.length
    while (at > 0 && this.turns[at - 1]!.start > turns.start) at--
    this.turns.splice(at, 0, turns)
    this.held += turns.amount
  }

  /** Takes the first that come in. */
  private use(amount: number): void {
    let left = Math.min(amount, this.held)
    this.held -= left
    while (left > 0 && this.turns.length > 0) {
      const first = this.turns[0]!
      left = drop(first, left)
      if (first.amount <= 0) this.turns.shift()
    }
    // Rounding errors of the sum end with the last turn.
    if (this.turns.length === 0) this.held = 0
  }

  /** What was due for too long goes back, but for what the first of those who wait gathers. */
  expire(now: number): void {
    const over = this.turns.reduce((sum, turns) => sum + this.overdue(turns, now), 0)
    let left = over - this.limiter.gathered(this)
    for (const turns of this.turns) {
      const part = Math.min(left, this.overdue(turns, now))
      if (part <= 0) continue
      drop(turns, part)
      left -= part
      this.held -= part
      this.leaveUnused(part, turns.askedAt, now)
    }
    while (this.turns.length > 0 && this.turns[0]!.amount <= tolerance(this.capacity)) this.turns.shift()
    if (this.turns.length === 0) this.held = 0
  }

  /** How much was due for too long: in whole units, since nobody can use a part. */
  private overdue({ amount, askedAt, lag, rate, start }: Turns, now: number): number {
    const { limiter: { rules: { giveBack } }, unit } = this
    const over = now - giveBack
    const units = over < askedAt ? 0 : Math.floor((over - start + lag) * rate / unit + grain)
    return Math.min(amount, Math.max(0, units) * unit)
  }
}

/** The wait for an answer is estimated again after that, in milliseconds. */
const leastWait = 1

/** Drops the first of some turns. Gives what is left to drop. */
const drop = (turns: Turns, amount: number): number => {
  const part = Math.min(amount, turns.amount)
  turns.start += part / turns.rate
  turns.amount -= part
  return amount - part
}

const expiryOf = ({ askedAt, lag, rate, start }: Turns, unit: number, giveBack: number): number =>
  Math.max(askedAt, start + unit / rate - lag) + giveBack

/** When what is not booked can be expected, from a time on. */
type Tail = (missing: number, from: number) => number

/** When so much has come in after what was taken before. */
const whenOf = (turns: ReadonlyArray<Turns>, before: number, cost: number, from: number, tail: Tail): number => {
  let left = before + cost
  let at = from
  for (const { amount, rate, start } of turns) {
    const part = Math.min(left, amount)
    if (left - part <= tolerance(cost)) return Math.max(at, start + left / rate)
    left -= part
    at = Math.max(at, start + amount / rate)
  }
  return left <= tolerance(cost) ? at : Math.max(at, tail(left, from))
}

class BookedPlan implements Plan {
  private readonly turns: ReadonlyArray<Turns>
  private readonly tail: Tail
  private taken = 0

  constructor(turns: ReadonlyArray<Turns>, tail: Tail) {
    this.turns = turns.map((each) => ({ ...each }))
    this.tail = tail
  }

  when(cost: number, from: number): number {
    return whenOf(this.turns, this.taken, cost, from, this.tail)
  }

  take(cost: number): void {
    this.taken += cost
  }
}
