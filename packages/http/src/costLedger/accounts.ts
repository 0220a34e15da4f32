/**
 * The accounts of tenants, at most so many. An account is given up only when a new one would say the same: nothing is
 * in flight and nothing is spent in any window that still runs. When none can be given up, tenants that have no account
 * share one, with one budget: so a caller that makes up names of tenants cannot spend more.
 */
import { Meter, type Rule } from "./budgetMeter.ts"
import { type Amount, plus } from "../pricing/money.ts"

/** What was added up. */
export class Totals {
  replies = 0
  failures = 0
  refused = 0
  cost = 0
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

  add(other: Totals): void {
    this.replies += other.replies
    this.failures += other.failures
    this.refused += other.refused
    this.cost = plus(this.cost, other.cost)
    this.saved = plus(this.saved, other.saved)
    this.unpriced += other.unpriced
    this.estimated += other.estimated
  }
}

export class Account {
  readonly totals = new Totals()
  readonly meters: ReadonlyArray<Meter>
  inFlight = 0
  lastUsed = 0

  constructor(rules: ReadonlyArray<Rule>) {
    this.meters = rules.map((rule) => new Meter(rule))
  }

  isFresh(now: number): boolean {
    return this.inFlight === 0 && this.meters.every((meter) => meter.isFresh(now))
  }
}

// A new tenant pays for the look at so many old ones, however many there are.
const lookedAt = 16

export class Accounts {
  /** The least recently used first. */
  readonly named = new Map<string, Account>()
  /** The account of those who have none, and the totals of those that were given up. */
  readonly shared: Account
  private readonly rules: ReadonlyArray<Rule>
  private readonly capacity: number
  private readonly idle: number
  private latest: Account | undefined

  constructor(rules: ReadonlyArray<Rule>, capacity: number, idle: number) {
    this.rules = rules
    this.capacity = capacity
    this.idle = idle
    this.shared = new Account(rules)
  }

  open(tenant: string, now: number): Account {
    const account = this.named.get(tenant) ?? this.admit(now)
    account.lastUsed = now
    // A map in which one and the same is moved to the end again and again is built anew again and again.
    if (account !== this.shared && account !== this.latest) {
      this.named.delete(tenant)
      this.named.set(tenant, account)
      this.latest = account
    }
    return account
  }

  private admit(now: number): Account {
    let left = lookedAt
    for (const [tenant, account] of this.named) {
      if (left-- === 0) break
      const isFull = this.named.size >= this.capacity
      if (!account.isFresh(now) || !isFull && now - account.lastUsed < this.idle) continue
      this.named.delete(tenant)
      this.shared.totals.add(account.totals)
    }
    // A tenant that spent from the shared account in this window would have its whole budget again in an account of its
    // own.
    return this.named.size >= this.capacity || !this.shared.isFresh(now) ? this.shared : new Account(this.rules)
  }
}
