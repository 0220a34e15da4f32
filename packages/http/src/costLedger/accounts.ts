/**
 * The accounts of tenants, at most so many. An account is given up only when a new one would say the same: nothing is
 * in flight and nothing is spent in any window that runs now. When none can be given up, the budgets of further tenants
 * are kept in shared cells, in which nothing that was spent is forgotten.
 */
import { type Amount, plus } from "../pricing/money.ts"
import { isUntouched, type Meter, OwnMeter, type Rule } from "./budgetMeter.ts"
import type { SavedBudget, SavedLedger } from "./savedLedger.ts"
import { SharedMeters } from "./sharedMeter.ts"

/** What was added up. */
export class Totals {
  replies = 0
  failures = 0
  refused = 0
  cost = 0
  wasted = 0
  saved = 0
  unpriced = 0
  estimated = 0

  reply(cost: { readonly total: Amount; readonly known: number }, saving: Amount, estimated: boolean): void {
    this.replies++
    this.cost = plus(this.cost, cost.known)
    if (saving !== "unknown") this.saved = plus(this.saved, saving)
    if (cost.total === "unknown") this.unpriced++
    if (estimated) this.estimated++
  }

  /** What was spent on calls to which there was no answer, or not this one. */
  spend({ known, total }: { readonly total: Amount; readonly known: number }, estimated: boolean): void {
    this.cost = plus(this.cost, known)
    this.wasted = plus(this.wasted, known)
    if (total === "unknown") this.unpriced++
    if (estimated) this.estimated++
  }

  add(other: Totals): void {
    this.replies += other.replies
    this.failures += other.failures
    this.refused += other.refused
    this.cost = plus(this.cost, other.cost)
    this.wasted = plus(this.wasted, other.wasted)
    this.saved = plus(this.saved, other.saved)
    this.unpriced += other.unpriced
    this.estimated += other.estimated
  }
}

export class Account {
  readonly totals: Totals
  readonly meters: ReadonlyArray<Meter>
  inFlight = 0
  lastUsed = 0

  constructor(meters: ReadonlyArray<Meter>, totals = new Totals()) {
    this.meters = meters
    this.totals = totals
  }

  isFresh(now: number): boolean {
    return this.inFlight === 0 && this.meters.every((meter) => isUntouched(meter, now))
  }
}

// A new tenant pays for the look at so many old ones, however many there are.
const lookedAt = 16

/** A clock that moves by more between two calls has jumped, or nobody called: how it goes on tells which. */
const jump = 3_600_000

export class Accounts {
  /** The least recently used first. */
  readonly named = new Map<string, Account>()
  /** The totals of those who have no account, and of those whose account was given up. */
  readonly others: Totals
  private readonly rules: ReadonlyArray<Rule>
  private readonly capacity: number
  private readonly idle: number
  private readonly seed: number
  private shared: SharedMeters | undefined
  private latest: Account | undefined
  private lastNow: number | undefined
  /** Since when the clock has not jumped. */
  private steadySince = -Infinity

  /** Goes on with the accounts of those `before`. */
  constructor(rules: ReadonlyArray<Rule>, capacity: number, idle: number, seed: number, before?: Accounts) {
    this.rules = rules
    this.capacity = capacity
    this.idle = idle
    this.seed = before?.seed ?? seed
    this.others = before?.others ?? new Totals()
    for (const [tenant, { lastUsed, meters, totals }] of before?.named ?? []) {
      const own = meters.filter((meter) => meter instanceof OwnMeter)
      const account = new Account(rules.map((rule) => new OwnMeter(rule, own, tenant)), totals)
      account.lastUsed = lastUsed
      this.named.set(tenant, account)
    }
    this.shared = before?.shared && new SharedMeters(rules, capacity, this.seed, before.shared)
  }

  open(tenant: string, now: number): Account {
    if (this.lastNow !== undefined && Math.abs(now - this.lastNow) > jump) this.steadySince = now
    this.lastNow = now
    const account = this.named.get(tenant) ?? this.admit(tenant, now)
    if (account === undefined) return this.withoutAccount(tenant)
    account.lastUsed = now
    // A map in which one and the same is moved to the end again and again is built anew again and again.
    if (account !== this.latest) {
      this.named.delete(tenant)
      this.named.set(tenant, account)
      this.latest = account
    }
    return account
  }

  /** The tenants who have spent something, the least recently used first; not those in shared cells. */
  save(now: number): SavedLedger["tenants"] {
    const saved: Array<SavedLedger["tenants"][number]> = []
    for (const [tenant, { meters }] of this.named) {
      const budgets = savedBudgets(meters.filter((meter) => meter instanceof OwnMeter), now)
      if (budgets.some(({ windows }) => windows.length > 0)) saved.push({ tenant, budgets })
    }
    return saved
  }

  /** Accounts for tenants of another process; for those that were used last, where there are too many. */
  restore(saved: SavedLedger["tenants"], now: number): void {
    for (const { budgets, tenant } of saved.slice(-this.capacity)) {
      const meters = this.rules.map((rule) => new OwnMeter(rule, [], tenant))
      for (const meter of meters) meter.restore(windowsOf(meter, budgets), now)
      const account = new Account(meters)
      account.lastUsed = now
      if (!account.isFresh(now)) this.named.set(tenant, account)
    }
  }

  private admit(tenant: string, now: number): Account | undefined {
    // By a clock that is wrong for a moment all windows may seem to be over.
    let left = Math.abs(now - this.steadySince) > jump ? lookedAt : 0
    for (const [name, account] of this.named) {
      if (left-- === 0) break
      const isFull = this.named.size >= this.capacity
      if (!account.isFresh(now) || !isFull && now - account.lastUsed < this.idle) continue
      this.named.delete(name)
      this.others.add(account.totals)
    }
    if (this.named.size >= this.capacity) return undefined
    // A tenant that spent without an account in this window would have its whole budget again in one of its own.
    return this.shared?.of(tenant).every((meter) => isUntouched(meter, now)) === false
      ? undefined
      : new Account(this.rules.map((rule) => new OwnMeter(rule, [], tenant)))
  }

  private withoutAccount(tenant: string): Account {
    if (this.rules.length === 0) return new Account([], this.others)
    this.shared ??= new SharedMeters(this.rules, this.capacity, this.seed)
    return new Account(this.shared.of(tenant), this.others)
  }
}

/** The budgets of these meters that are of this process alone. */
export const savedBudgets = (meters: ReadonlyArray<OwnMeter>, now: number): ReadonlyArray<SavedBudget> =>
  meters
    .filter(({ rule }) => rule.shared === undefined)
    .map((meter) => ({ per: meter.rule.per, window: meter.rule.window, windows: meter.save(now) }))

/** The windows of the saved budget that is the one of this meter; none where it is new. */
export const windowsOf = ({ rule }: OwnMeter, saved: ReadonlyArray<SavedBudget>): SavedBudget["windows"] =>
  saved.find(({ per, window }) => per === rule.per && window === rule.window)?.windows ?? []
