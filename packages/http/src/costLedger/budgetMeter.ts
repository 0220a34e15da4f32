/** What of a budget is spent and reserved in a window of time. */
import type { BudgetFleet, BudgetShare } from "@switchgear/core/runtime"
import type * as Effect from "effect/Effect"
import { plus } from "../pricing/money.ts"
import type { SavedWindow } from "./savedLedger.ts"
import { isOverBefore, type Length, type Span, type Window as Remembered, Windows } from "./windows.ts"

/** A budget as its meters read it. */
export interface Rule {
  readonly per: "tenant" | "all"
  /** Micro-dollars. */
  readonly limit: number
  readonly window: Length
  /** Of which it is, and how it is named there. */
  readonly shared: { readonly fleet: BudgetFleet; readonly name: string } | undefined
}

/** A budget in one window. */
export interface Balance {
  readonly end: number
  readonly spent: number
  readonly reserved: number
  /** Adds to both. Amounts that are given back are below zero. */
  readonly add: (spent: number, reserved: number) => void
  /** What calls in flight hold of it, where another budget can go on with it. */
  readonly holds?: Holds
  /** What this node has of the budget of a fleet. */
  readonly share?: BudgetShare
  /** Windows of the budgets before it that may still run: what calls hold here, they hold there as well. */
  readonly alsoIn?: ReadonlyArray<Balance>
}

/** A budget, and whom its refusals are told to concern. */
export interface Meter {
  readonly rule: Rule
  readonly whose: "tenant" | "all" | "shared"
  readonly at: (now: number) => Balance
}

/** A balance that another budget can go on with. */
interface Continued extends Balance {
  readonly start: number
  readonly holds: Holds
  /** What this process has spent and reserved. */
  readonly own: { readonly spent: number; readonly reserved: number }
}

class Window implements Continued, Remembered {
  readonly start: number
  readonly end: number
  spent: number
  reserved = 0
  readonly holds = new Holds()
  alsoIn: ReadonlyArray<Window> = []

  constructor({ end, start }: Span, spent: number) {
    this.start = start
    this.end = end
    this.spent = spent
  }

  /** Begins with what is spent and held in a window of another budget: what its calls cost is spent in both. */
  goOnWith({ holds, own, spent }: Continued): void {
    this.spent = spent
    this.reserved = own.reserved
    holds.each((hold) => hold.alsoIn(this))
  }

  get own(): Continued["own"] {
    return this
  }

  get isUntouched(): boolean {
    return this.spent === 0 && this.reserved === 0
  }

  add(spent: number, reserved: number): void {
    this.spent = plus(this.spent, spent)
    this.reserved += reserved
  }
}

/** A window of a budget that nodes have together, as this one knows it. */
class SharedWindow implements Continued, Remembered {
  readonly fleet: BudgetFleet
  readonly name: string
  readonly start: number
  readonly end: number
  readonly share: BudgetShare
  readonly holds = new Holds()
  readonly own = { spent: 0, reserved: 0 }
  alsoIn: ReadonlyArray<SharedWindow> = []

  constructor(fleet: BudgetFleet, name: string, { end, start }: Span, share: BudgetShare) {
    this.fleet = fleet
    this.name = name
    this.start = start
    this.end = end
    this.share = share
  }

  /** What this process has spent elsewhere is spent of what the nodes have together, but where they know of it already. */
  goOnWith({ holds, own }: Continued, isKnown: boolean): void {
    if (isKnown) {
      this.own.spent = own.spent
      this.own.reserved = own.reserved
    } else this.add(own.spent, own.reserved)
    holds.each((hold) => hold.alsoIn(this))
  }

  get isUntouched(): boolean {
    return this.own.spent === 0 && this.own.reserved === 0
  }

  get spent(): number {
    return this.share.spent
  }

  get reserved(): number {
    return this.share.reserved
  }

  add(spent: number, reserved: number): void {
    this.own.spent = plus(this.own.spent, spent)
    this.own.reserved += reserved
    this.share.add(spent, reserved)
  }
}

/** The meter of one account. */
export class OwnMeter implements Meter {
  readonly rule: Rule
  private readonly windows: Windows<Window | SharedWindow>
  /** Of another budget, until a window of this one goes on with it. */
  private source: Window | SharedWindow | undefined
  /** Of the budgets before: one that is the budget again has what was spent meanwhile. */
  private readonly former: ReadonlyArray<Window | SharedWindow>

  /**
   * Goes on with the budgets of the account `before`: with the one with windows of the same length, or else the first. `tenant` is
   * the one whose budget it is, where each has one.
   */
  constructor(rule: Rule, before: ReadonlyArray<OwnMeter> = [], tenant?: string) {
    this.rule = rule
    const alike = before.find((meter) => meter.rule.window === rule.window)
    const same = alike !== undefined && isSamePlace(alike.rule, rule) ? alike : undefined
    this.source = (alike ?? before[0])?.latest
    this.former = this.source === undefined ? [] : [this.source, ...this.source.alsoIn]
    this.windows = same?.windows ?? new Windows(rule.window, (span, earlier) => {
      const source = this.takeSource(span)
      return this.sharedWindow(span, source, tenant) ?? this.ownWindow(span, source, earlier?.spent ?? 0)
    })
  }

  private ownWindow(span: Span, source: Window | SharedWindow | undefined, spent: number): Window {
    const former = this.former.filter((each) => each instanceof Window)
    const again = former.find(({ end, start }) => start === span.start && end === span.end)
    const window = again ?? new Window(span, spent)
    if (again === undefined && source !== undefined) window.goOnWith(source)
    window.alsoIn = former.filter((each) => each !== window && !isOverBefore(each, span))
    return window
  }

  /** Undefined where the nodes have no such budget together. `tenant` is the one whose budget it is, where each has one. */
  private sharedWindow(
    span: Span,
    source: Window | SharedWindow | undefined,
    tenant: string | undefined
  ): SharedWindow | undefined {
    const { limit, shared } = this.rule
    if (shared === undefined) return undefined
    const { fleet } = shared
    const name = `${shared.name}:${span.start}${tenant === undefined ? "" : `:${tenant}`}`
    const former = this.former.filter((each) => each instanceof SharedWindow)
    const isThis = (each: SharedWindow) => each.name === name && each.fleet === fleet
    let window = former.find(isThis)
    if (window === undefined) {
      const before = source instanceof SharedWindow && source.name === name ? source.share : undefined
      const share = fleet.open({ name, limit, unit: "micro-dollars", ...span }, before)
      if (share === undefined) return undefined
      window = new SharedWindow(fleet, name, span, share)
      if (source !== undefined) window.goOnWith(source, before !== undefined)
    }
    window.alsoIn = former.filter((each) => each.fleet === fleet && each !== window && !isOverBefore(each, span))
    return window
  }

  /** One window goes on with it. By a clock that is ahead for a moment it seems to be over: the window that comes after may be that one. */
  private takeSource(span: Span): Window | SharedWindow | undefined {
    const { source } = this
    if (source === undefined || isOverBefore(source, span)) return undefined
    this.source = undefined
    return source
  }

  /** A budget that nobody has asked for its balance has that of the one before it. */
  private get latest(): Window | SharedWindow | undefined {
    return this.windows.latest ?? this.source
  }

  get whose(): "tenant" | "all" {
    return this.rule.per
  }

  /** What is spent in windows that may still run. What calls in flight hold may be billed, so that it counts as spent. */
  save(now: number): ReadonlyArray<SavedWindow> {
    if (this.rule.shared !== undefined) return []
    this.at(now)
    return this.windows.notOver(now)
      .map(({ end, own: { reserved, spent }, start }) => ({ start, end, spent: plus(spent, reserved) }))
      .filter(({ spent }) => spent > 0)
  }

  accepts(saved: ReadonlyArray<SavedWindow>): boolean {
    const starts = new Set(saved.map(({ start }) => start))
    return starts.size === saved.length && saved.every((window) => this.windows.isSpan(window))
  }

  /** Goes on with the windows of another process that are not over. What nodes have together they know themselves. */
  restore(saved: ReadonlyArray<SavedWindow>, now: number): void {
    if (this.rule.shared !== undefined) return
    for (const { end, spent, start } of saved) {
      if (end > now) this.windows.remember(new Window({ start, end }, spent))
    }
  }

  at(now: number): Balance {
    return this.windows.at(now)
  }
}

const isSamePlace = (one: Rule, other: Rule): boolean =>
  one.shared?.fleet === other.shared?.fleet && one.shared?.name === other.shared?.name

/** What a call has to reserve: no more than a window ever holds, or it could never pass. */
const shareOf = (rule: Rule, amount: number): number => Math.min(amount, rule.limit)

/** `hasWaited` says that the call has waited for the answer of a fleet. */
export const fits = (
  { rule }: Meter,
  { reserved, share, spent }: Balance,
  amount: number,
  hasWaited: boolean
): boolean => {
  const needed = shareOf(rule, amount)
  if (share === undefined) return spent + reserved + needed <= rule.limit
  return needed <= (hasWaited ? share.roomAfterWait(rule.limit) : share.room(rule.limit))
}

/** Tells the fleet that a call asks for so much. */
export const askFor = ({ rule }: Meter, { share }: Balance, amount: number): void =>
  share?.asked(shareOf(rule, amount), rule.limit)

/** What a call waits for that does not fit, where the fleet may have room for it. */
export const roomFor = ({ rule }: Meter, { share }: Balance, amount: number): Effect.Effect<void> | undefined =>
  share?.awaits(shareOf(rule, amount), rule.limit)

/**
 * After how long the fleet can be asked again, in milliseconds, where it cannot be now and had room for so much when it answered last;
 * undefined where the budget is spent, or can be asked.
 */
export const askableIn = ({ rule }: Meter, { reserved, share, spent }: Balance, amount: number): number | undefined =>
  spent + reserved + shareOf(rule, amount) > rule.limit ? undefined : share?.retryAfter

/** Whether a new meter would say the same. */
export const isUntouched = (meter: Meter, now: number): boolean => {
  const { reserved, spent } = meter.at(now)
  return spent === 0 && reserved === 0
}

/** The place of a hold among those of a balance. */
interface Place {
  readonly hold: Hold
  before: Place | undefined
  after: Place | undefined
}

/** The holds of a balance. A `Set`, to which each call is added and taken out again, is built anew again and again. */
class Holds {
  private first: Place | undefined

  add(hold: Hold): Place {
    const place: Place = { hold, before: undefined, after: this.first }
    if (this.first !== undefined) this.first.before = place
    return this.first = place
  }

  remove({ after, before }: Place): void {
    if (before === undefined) this.first = after
    else before.after = after
    if (after !== undefined) after.before = before
  }

  each(tell: (hold: Hold) => void): void {
    for (let place = this.first; place !== undefined; place = place.after) tell(place.hold)
  }
}

/** Where a call holds something: in a balance, and in its place among the holds of that. */
interface Held {
  readonly balance: Balance
  readonly place: Place | undefined
  /** Where it holds the same as well. */
  also: Held | undefined
}

/** What a call holds of a budget, in the window in which it was let in: what it costs belongs to that window. */
export class Hold {
  readonly amount: number
  private readonly first: Held

  constructor(meter: Meter, now: number, amount: number) {
    const balance = meter.at(now)
    this.amount = shareOf(meter.rule, amount)
    balance.add(0, this.amount)
    this.first = this.heldIn(balance)
    const { alsoIn } = balance
    if (alsoIn === undefined) return
    for (let i = 0; i < alsoIn.length; i++) {
      // A day before is over while its month goes on, and nothing of now belongs there.
      if (alsoIn[i]!.end <= now) continue
      alsoIn[i]!.add(0, this.amount)
      this.alsoIn(alsoIn[i]!)
    }
  }

  /** It is held there as well. */
  alsoIn(balance: Balance): void {
    let last = this.first
    while (last.also !== undefined) last = last.also
    last.also = this.heldIn(balance)
  }

  isIn(balance: Balance): boolean {
    for (let held: Held | undefined = this.first; held !== undefined; held = held.also) {
      if (held.balance === balance) return true
    }
    return false
  }

  private heldIn(balance: Balance): Held {
    return { balance, place: balance.holds?.add(this), also: undefined }
  }

  /** Spends beside what is held, which stays held. */
  spend(amount: number): void {
    for (let held: Held | undefined = this.first; held !== undefined; held = held.also) held.balance.add(amount, 0)
  }

  /** Puts what was spent in the place of what was held. Is called once. */
  end(actual: number): void {
    for (let held: Held | undefined = this.first; held !== undefined; held = held.also) {
      const { balance, place } = held
      balance.add(actual, -this.amount)
      if (place !== undefined) balance.holds!.remove(place)
    }
  }
}
