/**
 * Books turns of the limits of one limiter, and gives back what is not used.
 *
 * Invariants
 * - One message is under way at a time, and what one tells is told once. No call waits for the store but one that finds
 *   nothing booked: for the message that is under way and for its own, for `timeout` at most each.
 * - After an answer with fewer turns than were asked for, nothing is asked for `ahead`, and not before the fleet may have more. After one
 *   with all, and nothing left at once, for a part of that.
 * - A store that has not answered in time is away until it does.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { BookingAnswer, BookingCall, BookingMessage, ClusterStore, StoreFailed } from "../ClusterStore.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { LimiterLink } from "../rateLimiter/link.ts"
import type { LimiterMachine } from "../rateLimiter/machine.ts"
import type { Limit as Checked, Meter } from "../rateLimiter/meter.ts"
import type { Limit } from "../rateLimiter/model.ts"
import { type Costs, grain } from "../rateLimiter/turn.ts"
import { Bell } from "./bell.ts"
import type { Part } from "./awayLog.ts"
import type { Away } from "./awayMeters.ts"
import { BookedMeter, type BookingLimiter, type BookingRules } from "./bookedMeter.ts"
import { Demand } from "./demand.ts"
import { flight, longestWay } from "./flight.ts"
import type { LastFlights } from "./lastFlights.ts"
import { retryPause } from "./retryPause.ts"
import { silenceOf, timedOut } from "./silence.ts"

/** What a limit syncer needs of the node that it belongs to. */
export interface LimitSyncerNode {
  readonly store: ClusterStore["Service"]
  /** How many nodes there are, with this one. */
  readonly nodes: number
  /** What the node takes for the time of the store; zero where it has heard none. */
  readonly said: number
  /** How often it has heard that time. */
  readonly syncs: number
  readonly limitSyncers: Set<LimitSyncer>
  readonly lastFlights: LastFlights
  readonly ring: () => void
}

export interface LimitSyncerRules extends BookingRules {
  readonly away: Away
}

/**
 * Errors in a row from which on the store is away. No answer in time says so at once: nothing more can be asked before that answer
 * has come.
 */
const mostErrors = 3

/** For how long it is remembered that turns were scarce, in milliseconds. */
const scarceFor = 1000

/** Where nothing is left at once, a node that got all rests as well, for this part of the time of one that did not. */
const restOfServed = 0.7

/** In time-outs. With less, busy nodes get less than others; with more, others get less. */
const scarceAhead = 1.3

/** Another node may give turns back: nobody waits for longer before asking again, in milliseconds. */
const longestBlock = 1000

/** It had turns and gave none out: its clock was set. */
const isTakenForLate = ({ first, granted }: BookingAnswer, { ahead, want }: BookingMessage): boolean =>
  granted === 0 && want > 0 && first < ahead

export class LimitSyncer implements LimiterLink, BookingLimiter, Part {
  readonly what = "limits"
  readonly limiter: string
  readonly rules: LimitSyncerRules
  readonly meters: Array<BookedMeter> = []
  blockedUntil = -Infinity
  /** The message that is under way: when it was sent, when it is answered at the latest, or the store is away, and whether it asks for turns. */
  private underWay: { readonly since: number; readonly until: number; readonly asks: boolean } | undefined
  /** Since when the store does not answer, and the limits are those that this node has then. */
  awaySince: number | undefined
  /** Why the last message that was not answered was not, in words. */
  silence = timedOut
  private readonly node: LimitSyncerNode
  private readonly clock: Clock.Clock
  private machine: LimiterMachine | undefined
  private readonly bell = new Bell()
  /** Errors in a row before it is away, and failures since. */
  private errors = 0
  private failures = 0
  /** After so many syncs, what the node takes for the time of the store was wrong. */
  private doubtedAt: number | undefined
  private retryAt = -Infinity
  /** How many nodes there were when it went away. */
  private awayOf = 0
  private sentAt = -Infinity
  private scarceUntil = -Infinity
  /** Of calls. */
  private readonly demand = new Demand()

  constructor(limiter: string, clock: Clock.Clock, rules: LimitSyncerRules, node: LimitSyncerNode) {
    this.clock = clock
    this.limiter = limiter
    this.rules = rules
    this.node = node
  }

  meterOf(limit: Limit, checked: Checked): Meter {
    const meter = new BookedMeter(limit, checked, this)
    this.meters.push(meter)
    return meter
  }

  get awaited(): { readonly since: number; readonly until: number } | undefined {
    return this.underWay?.asks === true ? this.underWay : undefined
  }

  get isAway(): boolean {
    return this.awaySince !== undefined
  }

  get isClosed(): boolean {
    return this.isAway && this.rules.away === "closed"
  }

  joinBy(machine: LimiterMachine): void {
    this.machine = machine
  }

  coldWait(costs: Costs, now: number): number {
    // Turns that are too old by now are not held any more.
    this.passed(now)
    if (!this.mayAsk(now)) return 0
    const lacks = this.meters.some((meter, i) => costs[i]! > 0 && meter.lacks(costs[i]!))
    // Who lacks nothing waits behind the first call all the same.
    if (!lacks && !this.isAskingForFirst) return 0
    // Its own message is sent once the one that is under way has landed.
    return this.rules.timeout + Math.max(0, (this.underWay?.until ?? now) - now)
  }

  private get isAskingForFirst(): boolean {
    const first = this.machine!.queue.peek()
    return first !== undefined && this.meters.some((meter, i) => !meter.holds(first.costs[i]!))
  }

  isAsking(now: number, costs?: Costs): boolean {
    return this.mayAsk(now) && this.meters.some((meter, i) => meter.lacks(costs?.[i] ?? 0))
  }

  private nameOf({ limit: { resource } }: BookedMeter): string {
    return `${this.limiter}:${resource}`
  }

  /** Limits that another node takes for others, and both. */
  get rulesDiffer(): ReadonlyArray<readonly [limit: string, terms: string]> {
    const now = this.now()
    return this.meters.flatMap((meter) => {
      const terms = meter.differs(now)
      return terms === undefined ? [] : [[this.nameOf(meter), terms] as const]
    })
  }

  /**
   * How far ahead it books now. Where turns are scarce, not much further than a call waits that finds nothing booked: nodes that call
   * seldom ask for those turns alone, and would never find one.
   */
  get ahead(): number {
    const { ahead, timeout } = this.rules
    return this.now() < this.scarceUntil ? Math.min(ahead, scarceAhead * timeout) : ahead
  }

  gathered(meter: BookedMeter): number {
    const { machine, meters } = this
    const cost = machine?.queue.peek()?.costs[meters.indexOf(meter)] ?? 0
    return meters.length === 1 && cost <= meter.unit ? 0 : cost
  }

  passed(now: number): void {
    for (const meter of this.meters) meter.expire(now)
    const { awaited } = this
    if (awaited === undefined || awaited.until > now + grain) return
    // Whoever has waited for the answer until now goes by what there is without it, and is not refused a moment before.
    this.underWay = undefined
    if (this.isAway) return
    this.leave(now)
    this.machine!.replan(now)
  }

  asked(costs: Costs, now: number): void {
    this.demand.add(1, now)
    for (let i = 0; i < costs.length; i++) if (costs[i]! > 0) this.meters[i]!.asked(costs[i]!, now)
  }

  waits(costs: Costs, sign: 1 | -1): void {
    for (let i = 0; i < costs.length; i++) this.meters[i]!.waits(sign * costs[i]!, this.machine!.queue.size)
  }

  paused(until: number): void {
    for (const meter of this.meters) meter.paused(until)
  }

  clamped(levels: Costs, now: number): void {
    for (let i = 0; i < levels.length; i++) if (levels[i]! < Infinity) this.meters[i]!.clamped(levels[i]!, now)
  }

  moved(now: number): void {
    for (const meter of this.meters) meter.shed(now)
    const looksAt = this.looksAt(now)
    // Also where the timer should have rung by now: a call waits from here on, and not from when it does.
    if (this.wakesAt > -Infinity && (looksAt < this.wakesAt || looksAt <= now)) this.wake(now)
  }

  /** When the fiber looks again by itself. */
  private wakesAt = Infinity
  /** When something happened that is to be told, where it was not told yet. */
  private rungAt: number | undefined

  private wake(now: number): void {
    this.rungAt = now
    this.wakesAt = -Infinity
    this.bell.ring()
  }

  mayAsk(now: number): boolean {
    return !this.isAway && this.blockedUntil <= now && this.machine!.pausedUntil <= now
  }

  /** Whether calls come so often that turns are booked ahead. */
  private isBusy(now: number): boolean {
    return this.demand.at(now) * this.rules.cover >= 1
  }

  now(): number {
    return monotonicMillis(this.clock)
  }

  /** When there is something to tell, as far as is known now. */
  private tellsAt(now: number): number {
    if (this.isAway) return this.retryAt
    const isBusy = this.isBusy(now)
    const books = this.mayAsk(now) && this.meters.some((meter) => meter.wanted(now, isBusy) > 0)
    if (books || this.meters.some((meter) => meter.isUrgent(now))) return now
    return this.meters.reduce((first, meter) => Math.min(first, meter.owesAt), Infinity)
  }

  /** When there may be something to tell. */
  private looksAt(now: number): number {
    const expires = this.meters.reduce((first, meter) => Math.min(first, meter.expiresAt), Infinity)
    return Math.min(this.tellsAt(now), expires)
  }

  /** Runs for as long as the limiter is part of the fleet. */
  get run(): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.node.limitSyncers.add(this)
      // How many nodes there are is asked for then.
      this.node.ring()
      return Effect.forever(this.turn)
    })
  }

  private readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now()
    this.passed(now)
    for (const meter of this.meters) meter.shed(now)
    if (this.tellsAt(now) <= now + grain) return this.tell
    this.rungAt = undefined
    const at = Math.max(now + 1, this.looksAt(now))
    this.wakesAt = at
    // Whoever rings is in the midst of something.
    return Effect.andThen(this.bell.rungWithin(Math.ceil(at - now)), Effect.yieldNow)
  })

  private readonly tell: Effect.Effect<void> = Effect.suspend(() => {
    const { meters, node, rules } = this
    const now = this.now()
    const isInDoubt = meters.some((meter) => meter.isInDoubt)
    const books = this.blockedUntil <= now && this.machine!.pausedUntil <= now && !isInDoubt
    const isBusy = this.isBusy(now)
    const head = this.machine!.queue.peek()
    const call: BookingCall = {
      said: node.syncs === this.doubtedAt ? 0 : node.said,
      longestWay,
      limits: meters.map((meter, i) => [
        this.nameOf(meter),
        meter.message(now, books ? meter.wanted(now, isBusy) : 0, isBusy, head, head?.costs[i] ?? 0)
      ])
    }
    this.sentAt = now
    this.wakesAt = -Infinity
    // A call waits from when it rang on.
    this.underWay = { since: now, until: (books ? this.rungAt ?? now : now) + rules.timeout, asks: books }
    this.rungAt = undefined
    const overdue = Effect.suspend(() => {
      this.silence = timedOut
      return this.goAway
    })
    return Effect.flatMap(
      flight(() => node.store.limits(call), rules.timeout, overdue),
      ({ exit, inTime }) => this.landed(call, exit, inTime)
    )
  })

  private landed(
    call: BookingCall,
    exit: Exit.Exit<ReadonlyArray<BookingAnswer>, StoreFailed> | undefined,
    inTime: boolean
  ): Effect.Effect<void> {
    this.underWay = undefined
    if (exit === undefined || !Exit.isSuccess(exit) || exit.value.length !== call.limits.length) {
      const now = this.now()
      for (const meter of this.meters) meter.unanswered(now)
      // Who waited for it too long has gone away already.
      if (!inTime) return Effect.void
      this.silence = silenceOf(exit!)
      return this.isAway || ++this.errors >= mostErrors ? this.goAway : Effect.void
    }
    if (!inTime) return Effect.sync(() => this.hearLate(call, exit.value))
    return Effect.map(Random.next, (share) => this.hear(call, exit.value, 0.9 + 0.2 * share))
  }

  private hear(call: BookingCall, answers: ReadonlyArray<BookingAnswer>, jitter: number): void {
    const now = this.now()
    this.failures = this.errors = 0
    if (this.isAway) {
      this.awaySince = undefined
      for (const meter of this.meters) meter.comeBack(now)
    }
    this.meters.forEach((meter, i) => {
      const message = call.limits[i]![1]
      if (isTakenForLate(answers[i]!, message)) this.doubtedAt = this.node.syncs
      const rest = this.rules.ahead * jitter
      const isScarce = answers[i]!.first > 0
      if (isScarce) this.scarceUntil = now + scarceFor
      if (!meter.heard(answers[i]!, message, this.sentAt, now)) {
        const grantableAt = Math.min(now + longestBlock, meter.grantableAt)
        this.blockedUntil = Math.max(this.blockedUntil, now + rest, grantableAt)
      } else if (isScarce && message.want > 0) {
        this.blockedUntil = Math.max(this.blockedUntil, now + restOfServed * rest)
      }
    })
    this.machine!.replan(now)
  }

  /**
   * Nobody has waited for it so long, and what it gives is used by nobody. So the store is away until it answers in time: else what calls
   * have of each absence and what comes too late for them would be paid both. One that was late once is asked again at once.
   */
  private hearLate(call: BookingCall, answers: ReadonlyArray<BookingAnswer>): void {
    const now = this.now()
    this.meters.forEach((meter, i) => meter.heardLate(answers[i]!, call.limits[i]![1], this.sentAt, now))
    if (this.failures === 1) this.tryAgain(now)
  }

  /** The store does not answer: the limits are those that this node has then. */
  private readonly goAway: Effect.Effect<void> = Effect.map(retryPause(() => this.failures++), (pause) => {
    const now = this.now()
    this.underWay = undefined
    this.retryAt = now + pause
    // Of another number of nodes, its share is another.
    if (!this.isAway || this.node.nodes !== this.awayOf) this.leave(now)
    this.machine!.replan(now)
  })

  private leave(now: number): void {
    const { nodes } = this.node
    this.awaySince ??= now
    this.awayOf = nodes
    for (const meter of this.meters) meter.leave(this.rules.away, nodes, now, () => this.retryAt)
  }

  /** The store has answered something else: it may answer this as well. */
  tryAgain(now: number): void {
    if (!this.isAway || this.retryAt <= now) return
    this.retryAt = now
    this.moved(now)
  }

  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const { meters, node, rules } = this
    const now = this.now()
    node.limitSyncers.delete(this)
    for (const meter of meters) meter.giveAllBack(now)
    const owes = !this.isAway && meters.some((meter) => meter.owesAt < Infinity)
    const limits = meters.map((meter) => [this.nameOf(meter), meter.message(now, 0, false, undefined, 0)] as const)
    this.leave(now)
    this.machine!.replan(now)
    if (!owes) return Effect.void
    const call = { said: node.said, longestWay, limits }
    return node.lastFlights.send(() => node.store.limits(call), rules.timeout)
  })
}
