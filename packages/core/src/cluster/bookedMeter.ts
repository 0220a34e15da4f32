/**
 * What this node has of one limit of the fleet, and what it has to tell of it: the {@link Turns} that it has booked, the {@link Absences} of
 * the store, and the {@link BookedTerms} of the limit.
 *
 * Invariants
 * - What is not booked is not taken, but what the node has in an absence.
 * - What was told once is never told again, but for what does no harm twice.
 */
import type { BookingAnswer, BookingMessage } from "../ClusterStore.ts"
import { Absences } from "./absences.ts"
import type { Away, AwayMeter } from "./awayMeters.ts"
import { BookedTerms } from "./bookedTerms.ts"
import { Demand } from "./demand.ts"
import { longestWay } from "./flight.ts"
import { isSufficient, tolerance } from "../internal/data/isSufficient.ts"
import type { Limit as Checked, Meter, Plan } from "../rateLimiter/meter.ts"
import type { Limit } from "../rateLimiter/model.ts"
import { type Costs, grain } from "../rateLimiter/turn.ts"
import { type Tail, Turns } from "./turns.ts"

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
  /** Whether turns may be asked for: not before that, in a pause, or while the store does not answer. */
  readonly mayAsk: (now: number) => boolean
  /** When an answer can be expected at the latest, and when that was asked for; undefined while nothing is. */
  readonly awaited: { readonly since: number; readonly until: number } | undefined
  /** How far ahead turns are booked now. */
  readonly ahead: number
  /** How much the first of the waiting calls gathers of a limit, since it needs more than comes in at once. */
  readonly gathered: (meter: BookedMeter) => number
}

/** The one who waits first: what it costs, and until when it waits. */
export interface Head {
  readonly costs: Costs
  readonly latest: number | undefined
}

export class BookedMeter implements Meter {
  readonly limit: Limit
  /** What waiting calls cost. */
  queued = 0
  /** By this node so far; what went back of it, unused or not used up. */
  booked = 0
  givenBack = 0
  private readonly limiter: BookingLimiter
  private readonly turns = new Turns((amount, askedAt, now) => this.leaveUnused(amount, askedAt, now))
  private readonly absences = new Absences()
  private readonly terms: BookedTerms
  private readonly demand = new Demand()
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
  /** What one unit of that message is, and of its answer: the limit may be changed meanwhile. */
  private toldUnit = 1
  /** When the bucket of the fleet is full at the earliest; what is to be told of that, and what is known. */
  private toldFull = -Infinity
  private knownFull = -Infinity
  /** When the next turn of the fleet begins to come in, as far as is known. */
  private next = -Infinity

  constructor(limit: Limit, checked: Checked, limiter: BookingLimiter) {
    this.limit = limit
    this.limiter = limiter
    this.terms = new BookedTerms(limit, checked)
  }

  get capacity(): number {
    return this.terms.capacity
  }

  /** Per millisecond. */
  get rate(): number {
    return this.terms.rate
  }

  /** The smallest amount that is booked. */
  get unit(): number {
    return this.terms.unit
  }

  /** Instead of what was booked, while the store does not answer. */
  private get fallback(): AwayMeter | undefined {
    return this.absences.meter
  }

  when(cost: number, from: number): number {
    const { fallback } = this
    return fallback === undefined ? this.turns.when(cost, from, this.tail) : fallback.when(cost, from)
  }

  take(cost: number, at: number): void {
    if (this.fallback !== undefined) return this.fallback.take(cost, at)
    // What it gathered is older than others may keep.
    this.turns.use(cost)
  }

  correct(difference: number, takenAt: number, now: number): void {
    if (!this.absences.includes(takenAt)) this.owe(-difference, now)
    // The fleet has not given out what was taken meanwhile.
    else this.fallback?.correct(difference, takenAt, now)
  }

  clampAvailable(atMost: number, now: number): void {
    this.fallback?.clampAvailable(atMost, now)
    this.turns.use(Math.max(0, this.due(now) - atMost))
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
    const { capacity, rate } = this
    if (this.terms.change(checked)) {
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
    return this.fallback?.plan() ?? this.turns.plan(this.tail)
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
    if (this.fallback !== undefined) return this.fallback.among(among, now)
    const { capacity, rate, telling } = this
    const turns = this.due(now)
    this.turns.use(turns)
    const part = away === "open" ? capacity : Math.min(capacity, turns * among + this.leftOfFleet(now)) / among
    const limit = { limit: rate, per: 1, burst: capacity }
    const owed = Math.max(0, -this.owed)
    this.absences.begin({ away, limit, among, part, turns, telling, owed, retryAt }, now)
  }

  /** The store answers again. The fleet hears what was used of the beginning, and not what came in meanwhile. */
  comeBack(now: number): void {
    const debt = this.absences.end(now)
    this.owe(-debt, now)
    // Others must not book it first.
    if (debt > 0) this.owedAt = -Infinity
  }

  /** Nobody knows whether the store has got the message. */
  unanswered(now: number): void {
    this.absences.unanswered(this.telling, now)
    this.telling = 0
  }

  /** What another node takes the limit for, and this one, where that is not the same; undefined where nobody did lately. */
  differs(now: number): string | undefined {
    return this.terms.differ(now)
  }

  /** Whether a call would have to be booked for: what is held is for those who wait before it. */
  lacks(cost: number): boolean {
    return cost <= this.capacity && !isSufficient(this.turns.held - this.queued, cost)
  }

  /** Whether the turns of the first call that waits are booked. */
  holds(cost: number): boolean {
    return cost > this.capacity || isSufficient(this.turns.held, cost)
  }

  /** What is to be booked now. `isBusy` says whether calls come so often that turns are booked ahead. */
  wanted(now: number, isBusy: boolean): number {
    const { held } = this.turns
    const missing = this.queued - held
    const target = isBusy ? this.target(now) : 0
    if (missing <= tolerance(this.queued) && held >= target / 2) return 0
    return Math.max(missing, target - held)
  }

  /** Whether the fleet has to hear at once how little is left, or that the limit was changed: what comes in from now on comes in by it. */
  isUrgent(now: number): boolean {
    return this.terms.isUntold || this.toldFull > Math.max(now, this.knownFull) + this.limiter.rules.cover
  }

  /** Whether the store may count by terms other than those that the next message names: what it gave out could be used by these already. */
  get isInDoubt(): boolean {
    return this.terms.isInDoubt
  }

  /** When it is time to tell what comes back: some more may come until then. */
  get owesAt(): number {
    return this.owedAt + this.limiter.rules.cover
  }

  /** When the first of what is held goes back. */
  get expiresAt(): number {
    return this.limiter.gathered(this) > 0 ? Infinity : this.turns.expiresAt(this.use)
  }

  /** What is told now. It counts as told from here on. */
  message(now: number, wanted: number, isBusy: boolean, head: Head | undefined, cost: number): BookingMessage {
    const { rate, terms: { told }, unit } = this
    const { ahead } = this.limiter
    // What is much less than a unit takes one as well.
    const want = wanted > 0 ? Math.max(1, Math.ceil(wanted / unit - tolerance(wanted / unit))) : 0
    // The first of those who wait gets all its turns at once, where the last of them comes in time.
    const reach = Math.min((head?.latest ?? now) - now, ahead + Math.max(0, cost - this.turns.held) / rate)
    const { owed } = this
    const oldest = Math.max(0, now - this.unusedSince)
    const unused = oldest > this.within ? 0 : this.unused
    this.givenBack += unused + Math.max(0, owed)
    this.telling = Math.max(0, -owed)
    this.toldUnit = unit
    this.owed = this.unused = 0
    this.owedAt = this.unusedSince = Infinity
    return {
      ...told,
      // Where calls come seldom, only those that wait now can use a turn: others would go back.
      ahead: isBusy ? Math.max(ahead, reach) : Math.max(0, reach),
      want,
      back: owed / unit,
      unused: unused / unit,
      oldest: unused > 0 ? oldest : 0,
      within: this.within,
      fullAfter: Math.max(0, this.toldFull - now)
    }
  }

  /** The store has an answer to the message. */
  private answered(message: BookingMessage, otherTerms: string | undefined): void {
    this.telling = 0
    this.terms.answered(message, otherTerms)
  }

  /** The answer that came in time, to a message that was sent then. Gives whether all was granted. */
  heard(
    { first, granted, otherTerms }: BookingAnswer,
    message: BookingMessage,
    sentAt: number,
    now: number
  ): boolean {
    const { fullAfter, gap, want } = message
    const { toldUnit } = this
    const start = now + first - gap
    const amount = granted * toldUnit
    if (granted > 0) this.turns.add({ start, amount, rate: toldUnit / gap, lag: now - sentAt, askedAt: sentAt })
    this.booked += amount
    this.answered(message, otherTerms)
    this.terms.heard(otherTerms, now)
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
    this.booked += granted * this.toldUnit
    this.leaveUnused(granted * this.toldUnit, sentAt, now)
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
    const { held } = this.turns
    const usual = Math.max(this.rate * this.limiter.rules.cover, this.unit)
    const over = held - Math.max(this.queued, usual)
    if (over <= tolerance(held)) return
    // Others need not wait for that much.
    if (over > usual) this.owedAt = -Infinity
    this.turns.shed(over, now)
  }

  /** Everything that is held, to be told. */
  giveAllBack(now: number): void {
    this.turns.clear(now)
  }

  private get tail(): Tail {
    const { limiter, next, rate } = this
    return (missing, from) => {
      const now = limiter.now()
      if (!limiter.mayAsk(now)) return Math.max(from, limiter.blockedUntil, next + missing / rate)
      const { awaited } = limiter
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
    return this.turns.due(now)
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

  private get use() {
    return { giveBack: this.limiter.rules.giveBack, unit: this.unit }
  }

  /** What was due for too long goes back, but for what the first of those who wait gathers. */
  expire(now: number): void {
    this.turns.expire(now, this.use, this.limiter.gathered(this), negligible * this.unit)
  }
}

/** What is left of a turn by rounding, of the smallest amount that is booked: of a limit of any size, it is less than that. */
const negligible = 1e-3

/** The wait for an answer is estimated again after that, in milliseconds. */
const leastWait = 1
