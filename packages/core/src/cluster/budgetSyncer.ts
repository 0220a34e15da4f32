/**
 * Takes shares of the budgets of this node, and gives back what is not used.
 *
 * Invariants
 * - One message is under way at a time, with up to 64 budgets. Calls wait for the store only where this node holds too little and the
 *   fleet may have more: for the message that is under way and for the one that names their budget, each for `timeout` at most. Where more
 *   budgets are waited for than one message has, they are named in the order in which they were first waited for.
 * - Where nobody waits, a message follows the last one after `interval`.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { BudgetAnswer, BudgetCall, ClusterStore, StoreFailed } from "../ClusterStore.ts"
import { mostBudgetsOfCall } from "../clusterStore/budgetModel.ts"
import { isShareable } from "../internal/data/isShareable.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { Bell } from "./bell.ts"
import type { Part } from "./awayLog.ts"
import type { Away } from "./awayMeters.ts"
import { Holding, type HoldingNode } from "./budgetHolding.ts"
import type { BudgetFleet, BudgetShare, BudgetWindow } from "../internal/runtime/budgetLink.ts"
import { flight } from "./flight.ts"
import type { LastFlights } from "./lastFlights.ts"
import type { SharedBudgets } from "./model.ts"
import { retryPause } from "./retryPause.ts"
import { silenceOf, timedOut } from "./silence.ts"

/** What a budget syncer needs of the node that it belongs to. */
export interface BudgetSyncerNode {
  readonly store: ClusterStore["Service"]
  readonly nodes: number
  readonly lastFlights: LastFlights
  /** Budgets are shared from now on: how many nodes there are is asked for. */
  readonly joinBy: (budgets: Part) => void
}

export interface BudgetSyncerRules {
  /** Milliseconds, as all others. */
  readonly interval: number
  readonly timeout: number
  readonly heartbeat: number
  readonly away: Away
}

/** Has `run` go on until the node leaves the fleet, and then `end`: at once where it has left. */
type Start = (run: Effect.Effect<never>, end: Effect.Effect<void>) => void

export class BudgetSyncer implements BudgetFleet, HoldingNode, Part {
  readonly what = "budgets"
  /** Those that hold something, have spent something, or are waited for. */
  readonly holdings = new Set<Holding>()
  private unansweredSince: number | undefined
  /** Why the last message that was not answered was not, in words. */
  silence = timedOut
  taken = 0
  givenBack = 0
  private readonly node: BudgetSyncerNode
  private readonly rules: BudgetSyncerRules
  private readonly clock: Clock.Clock
  private readonly urgent = new Set<Holding>()
  private readonly bell = new Bell()
  private failures = 0
  private nextAt = -Infinity
  private start: Start | undefined

  /** `start` runs what the first budget needs. */
  constructor(
    node: BudgetSyncerNode,
    rules: BudgetSyncerRules,
    clock: Clock.Clock,
    start: Start
  ) {
    this.node = node
    this.rules = rules
    this.clock = clock
    this.start = start
  }

  readonly open = (window: BudgetWindow, before?: BudgetShare): BudgetShare | undefined => {
    if (!isShareable(window.name)) return undefined
    const { start } = this
    if (start !== undefined) {
      this.start = undefined
      this.node.joinBy(this)
      start(this.run, this.end)
    }
    return new Holding(window, this, before instanceof Holding ? before : undefined)
  }

  readonly now = (): number => monotonicMillis(this.clock)

  readonly date = (): number => this.clock.currentTimeMillisUnsafe()

  get retryAt(): number {
    return this.nextAt
  }

  get nodes(): number {
    return this.node.nodes
  }

  readonly allowance = (left: number): number =>
    this.rules.away === "open"
      ? left
      : this.rules.away === "closed"
      ? 0
      : Math.floor(left / Math.max(1, this.nodes))

  readonly stirs = (holding: Holding, isHurried: boolean): void => {
    const isFirst = this.holdings.size === 0
    this.holdings.add(holding)
    if (isHurried) this.urgent.add(holding)
    if (isFirst || isHurried) this.bell.ring()
  }

  get isAway(): boolean {
    return this.unansweredSince !== undefined
  }

  /** Nobody hears of a store that does not answer where no budget is used. */
  get awaySince(): number | undefined {
    return this.holdings.size === 0 ? undefined : this.unansweredSince
  }

  private leave(): void {
    this.unansweredSince ??= this.now()
  }

  /** Runs for as long as the node is part of the fleet. */
  private get run(): Effect.Effect<never> {
    return Effect.forever(this.turn)
  }

  get status(): SharedBudgets {
    const { awaySince, givenBack, holdings, taken } = this
    let [held, owed] = [0, 0]
    for (const { free } of holdings) {
      if (free > 0) held += free
      else owed -= free
    }
    return { count: holdings.size, held, owed, taken, givenBack, isAway: awaySince !== undefined }
  }

  /** Budgets for which another node has another amount. */
  get differing(): ReadonlyArray<readonly [budget: string, terms: string]> {
    return [...this.holdings].flatMap(({ limit, otherLimit, window: { name, unit } }) =>
      otherLimit === undefined ? [] : [[name, `${otherLimit} ${unit}, here ${limit}`] as const]
    )
  }

  private readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now()
    const isTime = now >= this.nextAt
    const chosen = this.chosen(now, isTime)
    if (chosen.length > 0) return this.tell(chosen, isTime)
    const pause = isTime ? this.rules.interval : Math.ceil(this.nextAt - now)
    const rest = this.holdings.size === 0 && !this.isAway ? Infinity : pause
    // Whoever rings is in the midst of something.
    return Effect.andThen(this.bell.rungWithin(rest), Effect.yieldNow)
  })

  /** Those that somebody waits for; and all that have something to tell, where it is time. */
  private chosen(now: number, isTime: boolean): ReadonlyArray<Holding> {
    const chosen = new Set<Holding>()
    if (!this.isAway) {
      for (const holding of this.urgent) {
        if (chosen.size === mostBudgetsOfCall) break
        this.urgent.delete(holding)
        if (holding.isUrgent) chosen.add(holding)
      }
    }
    if (isTime) {
      // A store that was away is asked again by whoever is there.
      const heartbeat = this.isAway ? 0 : this.rules.heartbeat
      if (this.isAway && this.holdings.size === 0) this.unansweredSince = undefined
      for (const holding of this.holdings) {
        if (chosen.size === mostBudgetsOfCall) break
        if (holding.isDue(now, heartbeat)) chosen.add(holding)
        else if (holding.isIdle(now)) this.holdings.delete(holding)
      }
    }
    return [...chosen]
  }

  private tell(chosen: ReadonlyArray<Holding>, isTime: boolean): Effect.Effect<void> {
    return Effect.flatMap(Random.next, (share) => {
      const now = this.now()
      const jitter = 0.9 + 0.2 * share
      const isMore = chosen.length === mostBudgetsOfCall
      if (isTime) this.nextAt = now + this.rules.interval * jitter / (isMore ? 5 : 1)
      for (const holding of chosen) {
        // Those that were not told of for longest come first.
        this.holdings.delete(holding)
        this.holdings.add(holding)
      }
      const call: BudgetCall = {
        budgets: chosen.map((holding) => {
          const message = holding.message(now)
          this.givenBack += message.back
          return [holding.window.name, message]
        })
      }
      const overdue = Effect.suspend(() => {
        this.silence = timedOut
        return this.goAway
      })
      // A node that ends hears what it was given and what counts twice, if it is told in time.
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          flight(() => this.node.store.budgets(call), this.rules.timeout, overdue, restore),
          ({ exit, inTime }) => this.landed(chosen, exit, inTime, jitter)
        )
      )
    })
  }

  private landed(
    chosen: ReadonlyArray<Holding>,
    exit: Exit.Exit<ReadonlyArray<BudgetAnswer>, StoreFailed> | undefined,
    inTime: boolean,
    jitter: number
  ): Effect.Effect<void> {
    if (exit !== undefined && Exit.isSuccess(exit) && exit.value.length === chosen.length) {
      this.failures = 0
      this.unansweredSince = undefined
      chosen.forEach((holding, i) => {
        this.taken += exit.value[i]!.granted
        holding.answered(exit.value[i]!, jitter)
      })
      return Effect.void
    }
    // Before those go on who wait.
    this.leave()
    for (const holding of chosen) holding.unanswered()
    if (!inTime) return Effect.void
    this.silence = silenceOf(exit!)
    return this.goAway
  }

  /** The store does not answer. */
  private readonly goAway: Effect.Effect<void> = Effect.map(retryPause(() => this.failures++), (pause) => {
    this.leave()
    this.nextAt = this.now() + pause
    const date = this.date()
    for (const holding of this.holdings) {
      // What was not told in time is of no window that anybody is in: all that there were meanwhile would be kept.
      if (holding.isOver(date)) this.holdings.delete(holding)
      else holding.away()
    }
  })

  /** The budgets are those of this node alone from now on. Runs after {@link run}, and where that has not begun as well. */
  private readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now()
    const messages = [...this.holdings].map((holding) => [holding.window.name, holding.lastMessage(now)] as const)
    this.leave()
    this.nextAt = Infinity
    for (const holding of this.holdings) holding.away()
    if (messages.length === 0) return Effect.void
    const calls: Array<BudgetCall> = []
    for (let i = 0; i < messages.length; i += mostBudgetsOfCall) {
      calls.push({ budgets: messages.slice(i, i + mostBudgetsOfCall) })
    }
    // All at once: the answers come in one time-out, however many there are, and none waits for one that fails.
    const telling = Effect.forEach(calls, (call) => Effect.exit(this.node.store.budgets(call)), {
      concurrency: "unbounded",
      discard: true
    })
    return this.node.lastFlights.send(() => telling, this.rules.timeout)
  })
}
