/** What of a budget is spent and reserved in a window of time. */
import { plus } from "../pricing/money.ts"
import { type Length, type Span, type Window as Remembered, Windows } from "./windows.ts"

/** A budget as its meters read it. */
export interface Rule {
  readonly per: "tenant" | "all"
  /** Micro-dollars. */
  readonly limit: number
  readonly window: Length
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
}

/** A budget, and whom its refusals are told to concern. */
export interface Meter {
  readonly rule: Rule
  readonly whose: "tenant" | "all" | "shared"
  readonly at: (now: number) => Balance
}

class Window implements Balance, Remembered {
  readonly start: number
  readonly end: number
  spent: number
  reserved = 0
  readonly holds = new Holds()

  constructor({ end, start }: Span, spent: number) {
    this.start = start
    this.end = end
    this.spent = spent
  }

  /** Begins with what is spent and held in a window of another budget: what its calls cost is spent in both. */
  goOnWith({ holds, reserved, spent }: Window): void {
    this.spent = spent
    this.reserved = reserved
    holds.each((hold) => hold.alsoIn(this))
  }

  get isUntouched(): boolean {
    return this.spent === 0 && this.reserved === 0
  }

  add(spent: number, reserved: number): void {
    this.spent = plus(this.spent, spent)
    this.reserved += reserved
  }
}

/** The meter of one account. */
export class OwnMeter implements Meter {
  readonly rule: Rule
  private readonly windows: Windows<Window>
  /** Of another budget, until a window of this one goes on with it. */
  private source: Window | undefined

  /** Goes on with the budgets of the account `before`: with the one with windows of the same length, or else the first. */
  constructor(rule: Rule, before: ReadonlyArray<OwnMeter> = []) {
    this.rule = rule
    const same = before.find((meter) => meter.rule.window === rule.window)
    this.source = (same ?? before[0])?.latest
    this.windows = same?.windows ?? new Windows(rule.window, (span, earlier) => {
      const window = new Window(span, earlier?.spent ?? 0)
      if (this.source !== undefined) window.goOnWith(this.source)
      this.source = undefined
      return window
    })
  }

  /** A budget that nobody has asked for its balance has that of the one before it. */
  private get latest(): Window | undefined {
    return this.windows.latest ?? this.source
  }

  get whose(): "tenant" | "all" {
    return this.rule.per
  }

  at(now: number): Balance {
    return this.windows.at(now)
  }
}

/** What a call has to reserve: no more than a window ever holds, or it could never pass. */
const shareOf = (rule: Rule, amount: number): number => Math.min(amount, rule.limit)

export const fits = ({ rule }: Meter, { reserved, spent }: Balance, amount: number): boolean =>
  spent + reserved + shareOf(rule, amount) <= rule.limit

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

  constructor({ rule }: Meter, balance: Balance, amount: number) {
    this.amount = shareOf(rule, amount)
    balance.add(0, this.amount)
    this.first = this.heldIn(balance)
  }

  /** It is held there as well. */
  alsoIn(balance: Balance): void {
    let last = this.first
    while (last.also !== undefined) last = last.also
    last.also = this.heldIn(balance)
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
