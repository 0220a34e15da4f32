/**
 * What this node holds of one budget of the fleet in one window: a share that was taken ahead, which calls reserve from and are
 * settled with.
 *
 * Invariants
 * - What is not held is not reserved, but for what `away` allows while the store does not answer.
 * - What a call spends beyond its reservation comes out of the share, and beyond that it is a debt that the store is told.
 * - What comes back is told once: told again, it could count twice, and somebody would spend it who must not. It is lost with a message
 *   that is not answered, and so nothing goes back while the store is away. A debt is told until the store has answered: rather twice than not.
 * - Who waits does so until the message that asks for it is answered, or the store does not answer in time: for the message that is under
 *   way, and for that one. How long a call has waited says nothing of the store.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { BudgetAnswer, BudgetMessage, BudgetSums } from "../ClusterStore.ts"
import type { BudgetShare, BudgetWindow } from "../internal/runtime/budgetLink.ts"
import { Demand } from "./demand.ts"
import { OtherNode } from "./otherNode.ts"
import { firstRetry } from "./retryPause.ts"

/** What a holding has to know of the node that it belongs to. */
export interface HoldingNode {
  readonly now: () => number
  /** In milliseconds since the epoch. */
  readonly date: () => number
  /** How many nodes there are, as far as is known. */
  readonly nodes: number
  readonly isAway: boolean
  /** While the store does not answer, a call may reserve so much of what was left when it last did. */
  readonly allowance: (left: number) => number
  /** There may be something to tell: at once where somebody waits. */
  readonly stirs: (holding: Holding, isHurried: boolean) => void
  /** When a store that does not answer is asked again. */
  readonly retryAt: number
}

interface Waiting {
  readonly amount: number
  readonly bell: Deferred.Deferred<void>
  /** Whether a message that asks for it is on its way. */
  isTold: boolean
  /** Whether so much of what is held is kept for it. */
  isKept: boolean
}

/**
 * What a node takes ahead lasts for so many usual calls, and for that long, in milliseconds. One that has made fewer calls takes less:
 * one that dies again and again loses little.
 */
const callsAhead = 4
const cover = 2000

/** How long ago demand counts, in milliseconds. */
const remembered = 4000

/** A budget that nobody has asked for that long has no share here, and nothing is heard of it, in milliseconds. */
const idle = 30_000

/** No node takes more ahead than that part of what would be its own if all took the same. */
const evenPart = 1 / 2

/** After an answer with less than was asked for, a node that knows of nothing more asks again after that, and up to the longest, in milliseconds. */
const shortestPause = 500
const longestPause = 5000

/** A window that is over is kept for that long by the store, for nodes whose clocks are late, in milliseconds. */
const keptAfter = 3_600_000

const nothing: BudgetSums = { given: 0, returned: 0, spent: 0 }

export class Holding implements BudgetShare {
  readonly window: BudgetWindow
  limit: number
  /** What calls can reserve; below zero it is a debt. */
  free = 0
  private readonly other = new OtherNode<number>()
  private readonly node: HoldingNode
  private heard = nothing
  private hasHeard = false
  /** What is kept for those who are about to begin. */
  private kept = 0
  private untold = 0
  private flying: BudgetMessage | undefined
  private readonly waiting = new Set<Waiting>()
  /** What those need who wait, and for whom nothing is kept. */
  private missing = 0
  private readonly demand = new Demand(remembered)
  private askedAt = -Infinity
  private lookedAt = -Infinity
  private toldAt = -Infinity
  private calls = 0
  /** What a call asks for, lately. */
  private usual = 0
  private shortages = 0
  private pausedUntil = -Infinity

  /** Goes on with what the holding `before` of the same window has heard. */
  constructor(window: BudgetWindow, node: HoldingNode, before: Holding | undefined) {
    this.window = window
    this.limit = window.limit
    this.node = node
    if (before !== undefined) {
      this.heard = before.heard
      this.hasHeard = before.hasHeard
    }
  }

  /** The limit that another node went by lately, where that is another one. */
  get otherLimit(): number | undefined {
    const said = this.other.said(this.node.now())
    return said === this.limit ? undefined : said
  }

  get retryAfter(): number | undefined {
    if (!this.node.isAway) return undefined
    const pause = this.node.retryAt - this.node.now()
    // A message that the store does not answer is given up at some time.
    return pause > 0 ? pause : firstRetry
  }

  room(limit: number): number {
    // Who comes later does not take what those need who wait.
    return this.roomAfterWait(limit) - this.missing
  }

  roomAfterWait(limit: number): number {
    this.limit = limit
    const { held, left, node } = this
    // What others have overspent is no room here, also for a call that costs nothing.
    if (!node.isAway) return held > 0 ? held : Math.min(held, left)
    // A debt that is on its way is not known to be heard.
    return held - (this.flying?.over ?? 0) + node.allowance(Math.max(0, left))
  }

  get spent(): number {
    return this.heard.spent + this.untold + (this.flying?.spent ?? 0)
  }

  get reserved(): number {
    const { flying, free, heard } = this
    const back = flying === undefined ? 0 : flying.back - flying.over
    return Math.max(0, heard.given - heard.returned - free - back - this.spent)
  }

  add(spent: number, reserved: number): void {
    this.free -= spent + reserved
    this.untold += spent
    this.node.stirs(this, false)
  }

  asked(amount: number, limit: number): void {
    const now = this.node.now()
    this.limit = limit
    this.demand.add(amount, now)
    this.askedAt = now
    this.calls++
    this.usual = this.usual === 0 ? amount : this.usual + (amount - this.usual) / 8
    this.node.stirs(this, false)
  }

  looked(limit: number): void {
    this.limit = limit
    this.lookedAt = this.node.now()
    this.node.stirs(this, false)
  }

  awaits(amount: number, limit: number): Effect.Effect<void> | undefined {
    this.limit = limit
    return this.mayAsk(amount) ? this.wait(amount) : undefined
  }

  /** Whether the fleet may have so much. */
  private mayAsk(amount: number): boolean {
    if (this.node.isAway) return false
    return !this.hasHeard || amount + this.missing - this.held <= this.left || this.node.now() >= this.pausedUntil
  }

  private wait(amount: number): Effect.Effect<void> {
    const waiting: Waiting = { amount, bell: Deferred.makeUnsafe(), isTold: false, isKept: false }
    const answered = Effect.suspend(() => {
      this.waiting.add(waiting)
      this.missing += amount
      this.node.stirs(this, true)
      return Deferred.await(waiting.bell)
    })
    // It waits below the frame that ends it, so that no interrupt comes between the two.
    return Effect.ensuring(answered, Effect.sync(() => this.leave(waiting)))
  }

  private leave(waiting: Waiting): void {
    if (!this.waiting.delete(waiting)) return
    if (waiting.isKept) this.kept -= waiting.amount
    else this.missing -= waiting.amount
  }

  /** What is held and kept for nobody. */
  private get held(): number {
    return this.free - this.kept
  }

  /** What the fleet has left, as far as is known; below zero what it has overspent. */
  private get left(): number {
    return this.limit - (this.heard.given - this.heard.returned)
  }

  /** Whether somebody waits whom no message has named. */
  get isUrgent(): boolean {
    for (const { isKept, isTold } of this.waiting) if (!isTold && !isKept) return true
    return false
  }

  /** Whether there is nothing to tell or to hear of, now or later. */
  isIdle(now: number): boolean {
    return this.free === 0 && this.untold === 0 && this.flying === undefined && this.waiting.size === 0 &&
      now - Math.max(this.askedAt, this.lookedAt) > idle
  }

  /** Whether the window is over for all nodes, also for those whose clocks are late. */
  isOver(date: number): boolean {
    const { end, start } = this.window
    return date > end + Math.min(keptAfter, end - start) && this.waiting.size === 0 && this.flying === undefined
  }

  /** Whether there is something to tell, which `heartbeat` makes of what is held and was spent. */
  isDue(now: number, heartbeat: number): boolean {
    if (this.free < 0 || this.back(now) > 0) return true
    if (now >= this.pausedUntil && this.ahead(now) > 0) return true
    return now - this.toldAt >= heartbeat && !this.isIdle(now)
  }

  /** What it is usual to need here. */
  private target(now: number): number {
    if (now - this.askedAt > idle) return 0
    const most = Math.floor(this.left * evenPart / Math.max(1, this.node.nodes))
    // A part of what a call needs helps nobody.
    if (most < this.usual || this.calls === 1) return 0
    const ahead = Math.min(callsAhead, this.calls - 1) * this.usual + this.demand.at(now) * cover
    return Math.min(Math.ceil(ahead), most)
  }

  private back(now: number): number {
    if (this.node.isAway) return 0
    const target = this.target(now)
    return this.waiting.size === 0 && this.held > 2 * target ? this.held - target : 0
  }

  private ahead(now: number): number {
    const target = this.target(now)
    const held = Math.max(0, this.held)
    return held < target / 2 ? target - held : 0
  }

  /** What is told now. It counts as told from here on. */
  message(now: number): BudgetMessage {
    let least = Infinity
    const back = this.back(now)
    this.free -= back
    const over = Math.max(0, -this.free)
    this.free += over
    const held = Math.max(0, this.held)
    for (const each of this.waiting) {
      if (each.isKept) continue
      each.isTold = true
      least = Math.min(least, each.amount)
    }
    const { missing } = this
    const lacks = missing > held
    const want = lacks ? missing - held + this.target(now) : now >= this.pausedUntil ? this.ahead(now) : 0
    const spent = this.untold
    this.untold = 0
    this.toldAt = now
    return this.flying = {
      limit: this.limit,
      want,
      least: lacks ? Math.max(1, least - held) : 1,
      back,
      over,
      spent,
      heard: this.heard,
      keepFor: Math.min(
        Math.ceil(Math.max(0, this.window.end - this.node.date()) + keptAfter),
        Number.MAX_SAFE_INTEGER
      )
    }
  }

  /** What the store has answered. `jitter` is about one. */
  answered({ granted, otherLimit, sums }: BudgetAnswer, jitter: number): void {
    const { want } = this.flying!
    this.flying = undefined
    this.free += granted
    this.hasHeard = true
    const now = this.node.now()
    this.other.heard(otherLimit, now)
    this.heard = {
      given: Math.max(this.heard.given, sums.given),
      returned: Math.max(this.heard.returned, sums.returned),
      spent: Math.max(this.heard.spent, sums.spent)
    }
    if (granted < want) {
      this.pausedUntil = now + Math.min(longestPause, shortestPause * 2 ** this.shortages++) * jitter
    } else if (want > 0) this.shortages = 0
    this.ring(granted < want)
  }

  /** The store has not answered: what became of the message is unknown. */
  unanswered(): void {
    const { over, spent } = this.flying!
    this.flying = undefined
    this.free -= over
    this.untold += spent
    this.ring(true)
  }

  /** Nobody waits for a store that does not answer. */
  away(): void {
    this.ring(true)
  }

  /** All that is held goes back with the last message, and what was told without an answer so far is told again. */
  lastMessage(now: number): BudgetMessage {
    this.askedAt = -Infinity
    if (this.flying === undefined) this.ring(true)
    else this.unanswered()
    return this.message(now)
  }

  /** Those who waited go on, in their order, where there is room for them, which is kept; the others where there is none to come. */
  private ring(isAll: boolean): void {
    for (const waiting of this.waiting) {
      if (waiting.isKept) continue
      if (waiting.amount <= this.held) {
        waiting.isKept = true
        this.kept += waiting.amount
        this.missing -= waiting.amount
      } else if (!isAll || !waiting.isTold && !this.node.isAway) {
        waiting.isTold = false
        this.node.stirs(this, true)
        continue
      }
      Deferred.doneUnsafe(waiting.bell, Effect.void)
    }
  }
}
