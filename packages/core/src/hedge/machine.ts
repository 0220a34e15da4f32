/**
 * When a hedge is started, as synchronous steps on plain fields.
 *
 * Invariant. Over any number of calls, and over any stretch of them, the hedges that have begun are at most `burst` plus
 * `ratio` times the calls.
 */
import * as Duration from "effect/Duration"
import { CountWindow } from "../internal/data/slidingWindow.ts"
import { EPSILON, isSufficient } from "../internal/data/isSufficient.ts"
import { type HedgeClass, HedgeClasses } from "./classes.ts"
import type { Reason, Snapshot } from "./model.ts"
import type { Rules } from "./rules.ts"
import type { SavedHedge } from "./saved.ts"

/** Calls with a hedge over which is looked how many were won. */
const lastHedges = 50
/** Below this number of them nothing is said. */
const fewestHedges = 20
/** Of hedges that would lose, one in so many is started. */
const probeEvery = 10

/** What a call has that wants a hedge now. Milliseconds. */
export interface Wanted {
  /** What half of such runs take. */
  readonly usual: number
  /** Until the caller's deadline. */
  readonly left: number
  readonly circuit: () => boolean
  readonly busy: () => boolean
  readonly attemptsLeft: () => number
  /** Takes a retry from the budget around the call. */
  readonly takeRetry: () => boolean
}

export class HedgeMachine {
  readonly rules: Rules
  readonly classes = new HedgeClasses()
  primaries = 0
  hedges = 0
  won = 0
  lost = 0
  readonly notStarted: { [R in Reason]: number } = {
    samples: 0,
    unsafe: 0,
    deadline: 0,
    circuit: 0,
    busy: 0,
    attempts: 0,
    budget: 0,
    losing: 0,
    "retry-budget": 0,
    refused: 0
  }
  private left: number
  // A hedge that has lost is recorded as a call that failed.
  private readonly recent = new CountWindow(lastHedges)
  private losing = 0

  constructor(rules: Rules) {
    this.rules = rules
    this.left = rules.burst
  }

  /** A call begins. */
  called(): void {
    this.primaries++
    this.left = Math.min(this.rules.burst, this.left + this.rules.ratio)
  }

  /** The time in milliseconds after which a call of the class gets a hedge; undefined where it is not known. */
  delayOf(of: HedgeClass): number | undefined {
    const { delay, quantile } = this.rules
    if (delay !== undefined) return delay
    const millis = of.times.quantile(quantile)
    // Whole milliseconds, so that calls of a class share their timers.
    return millis === undefined ? undefined : Math.max(1, Math.ceil(millis))
  }

  /** Takes a hedge from the budgets; the reason if there is none to be started. */
  take(wanted: Wanted): Reason | undefined {
    const reason = this.whyNot(wanted)
    if (reason !== undefined) this.refuse(reason)
    else this.left--
    return reason
  }

  refuse(reason: Reason): void {
    this.notStarted[reason]++
  }

  /** The hedge has not begun. */
  giveBack(): void {
    this.left = Math.min(this.rules.burst, this.left + 1)
  }

  /** A call with a hedge has ended. */
  ended(hasWon: boolean): void {
    if (hasWon) this.won++
    else this.lost++
    this.recent.record(!hasWon, false)
  }

  get isFresh(): boolean {
    return this.primaries === 0
  }

  save(): SavedHedge {
    return { left: Math.max(0, this.left), recent: this.recent.save(), losing: this.losing % probeEvery }
  }

  accepts({ recent }: SavedHedge): boolean {
    return this.recent.accepts(recent)
  }

  /** Goes on with a state that it accepts. A budget that was spent stays spent: only calls fill it. */
  restore({ left, losing, recent }: SavedHedge): void {
    this.left = Math.min(this.rules.burst, left)
    this.losing = losing
    this.recent.restore(recent)
  }

  private whyNot(wanted: Wanted): Reason | undefined {
    if (wanted.left < wanted.usual) return "deadline"
    if (wanted.circuit()) return "circuit"
    if (wanted.busy()) return "busy"
    if (wanted.attemptsLeft() <= 0) return "attempts"
    if (!isSufficient(this.left, 1)) return "budget"
    // Counted last of all, so that the tenth is one that can be started.
    if (this.isLosing && ++this.losing % probeEvery !== 0) return "losing"
    return wanted.takeRetry() ? undefined : "retry-budget"
  }

  get isLosing(): boolean {
    return this.recent.calls >= fewestHedges && this.winRate < this.rules.minimumWinRate
  }

  private get winRate(): number {
    return 1 - this.recent.failures / this.recent.calls
  }

  read(): Snapshot {
    const { hedges, isLosing, lost, primaries, rules, winRate, won } = this
    return {
      name: rules.name,
      primaries,
      hedges,
      won,
      lost,
      winRate,
      isLosing,
      budget: Math.floor(this.left + EPSILON),
      notStarted: { ...this.notStarted },
      classes: this.classes.all.map((of) => {
        const delay = this.delayOf(of)
        return {
          class: of.name,
          delay: delay === undefined ? undefined : Duration.millis(delay),
          samples: of.times.samples
        }
      })
    }
  }
}
