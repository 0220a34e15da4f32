/** The state of a ledger: calls are begun and ended in one synchronous step each. */
import { withoutStack } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RequestTokens } from "../pricing/estimateTokens.ts"
import { leastCostOf } from "../pricing/money.ts"
import { promptOf } from "../pricing/parts.ts"
import { type Account, Accounts, savedBudgets, Totals, windowsOf } from "./accounts.ts"
import { partsOf } from "./billing.ts"
import { askableIn, askFor, type Balance, fits, Hold, type Meter, OwnMeter, roomFor } from "./budgetMeter.ts"
import { type Book, type Call, Entry } from "./entry.ts"
import { BudgetExceeded } from "./errors.ts"
import type { BudgetState, Snapshot, TenantSnapshot } from "./model.ts"
import type { Rules } from "./rules.ts"
import type { SavedLedger } from "./savedLedger.ts"

export class Ledger implements Book {
  readonly rules: Rules
  readonly total: Totals
  private readonly models: Map<string, Totals>
  private readonly meters: ReadonlyArray<OwnMeter>
  private readonly accounts: Accounts
  private successor: Ledger | undefined

  /** Goes on with what the ledger `before` has added up. Calls that were begun there are settled in both. */
  constructor(rules: Rules, before?: Ledger) {
    this.rules = rules
    this.total = before?.total ?? new Totals()
    this.models = before?.models ?? new Map<string, Totals>()
    this.meters = rules.overall.map((rule) => new OwnMeter(rule, before?.meters))
    this.accounts = new Accounts(rules.perTenant, rules.tenants, rules.idle, rules.seed, before?.accounts)
    if (before !== undefined) before.successor = this
  }

  /** The one that has gone on with it. A call that waits meanwhile begins there: otherwise nobody who asks now would know of it. */
  get latest(): Ledger {
    return this.successor?.latest ?? this
  }

  /**
   * Reserves from all budgets or from none. A call for which a budget of a fleet may have room elsewhere is answered by what it waits
   * for; it asks again with that. While it waited for one budget, others may have taken what another one had for it: that is waited
   * for as well, a few times.
   */
  begin(call: Call, now: number, waited?: Asking): Entry | BudgetExceeded | Asking {
    const account = this.accounts.open(call.tenant, now)
    const meters = this.meters.length === 0 ? account.meters : [...this.meters, ...account.meters]
    if (meters.length === 0) return new Entry(this, account, call, undefined, [])
    const expected = waited?.expected ?? this.rules.estimate(call.request)
    const parts = partsOf(expected)
    const amount = leastCostOf(this.rules.highest(promptOf(parts)), parts)
    // Of several budgets that refuse, the one that is the last to reset: before, the call cannot be made.
    let full: { readonly meter: Meter; readonly balance: Balance } | undefined
    let answers: Array<Effect.Effect<void>> | undefined
    for (const meter of meters) {
      const balance = meter.at(now)
      if (waited === undefined) askFor(meter, balance, amount)
      if (fits(meter, balance, amount, waited !== undefined)) continue
      const answer = waited === undefined || waited.times < mostWaits ? roomFor(meter, balance, amount) : undefined
      if (answer !== undefined) (answers ??= []).push(answer)
      else if (!(full !== undefined && full.balance.end >= balance.end)) full = { meter, balance }
    }
    if (full !== undefined) {
      this.total.refused++
      account.totals.refused++
      return refusal(call.tenant, full.meter, full.balance, amount, now)
    }
    if (answers !== undefined) return new Asking(expected, answers, (waited?.times ?? 0) + 1)
    const holds = Array<Hold>(meters.length)
    for (let i = 0; i < meters.length; i++) holds[i] = new Hold(meters[i]!, now, amount)
    return new Entry(this, account, call, expected, holds)
  }

  /** Undefined where no budget is of this process alone. */
  save(now: number): SavedLedger | undefined {
    const { overall, perTenant } = this.rules
    return [...overall, ...perTenant].every(({ shared }) => shared !== undefined)
      ? undefined
      : { budgets: savedBudgets(this.meters, now), tenants: this.accounts.save(now) }
  }

  /** Goes on with the budgets of another process, all or none. */
  restore(
    { budgets, tenants }: SavedLedger,
    now: number
  ): "restored" | "in-use" | "fleet" | "other-options" | "malformed" {
    const { overall, perTenant } = this.rules
    const rules = [...overall, ...perTenant]
    if (rules.length > 0 && rules.every(({ shared }) => shared !== undefined)) return "fleet"
    const isUsed = this.accounts.named.size > 0 || this.total.replies + this.total.failures + this.total.refused > 0
    if (isUsed) return "in-use"
    if (new Set(tenants.map(({ tenant }) => tenant)).size < tenants.length) return "malformed"
    const sample = perTenant.map((rule) => new OwnMeter(rule))
    const accepts = (meters: ReadonlyArray<OwnMeter>, saved: SavedLedger["budgets"]) =>
      meters.every((meter) => meter.accepts(windowsOf(meter, saved)))
    const fits = accepts(this.meters, budgets) && tenants.every(({ budgets }) => accepts(sample, budgets))
    if (!fits) return "malformed"
    const known = [...budgets, ...tenants.flatMap(({ budgets }) => budgets)]
    const isKnown = ({ per, window }: SavedLedger["budgets"][number]) =>
      rules.some((rule) => rule.per === per && rule.window === window)
    if (known.length > 0 && !known.some(isKnown)) return "other-options"
    for (const meter of this.meters) meter.restore(windowsOf(meter, budgets), now)
    this.accounts.restore(tenants, now)
    return "restored"
  }

  snapshot(now: number): Snapshot {
    for (const meter of this.meters) meter.at(now).share?.looked(meter.rule.limit)
    return {
      total: { ...this.total },
      models: Object.fromEntries(Array.from(this.models, ([model, totals]) => [model, { ...totals }])),
      tenants: this.accounts.named.size,
      others: { ...this.accounts.others },
      budgets: this.meters.map((meter) => stateOf(meter, now))
    }
  }

  tenant(tenant: string, now: number): TenantSnapshot | undefined {
    const account = this.accounts.named.get(tenant)
    return account && snapshotOf(tenant, account, now)
  }

  tenants(now: number): ReadonlyArray<TenantSnapshot> {
    return Array.from(this.accounts.named, ([tenant, account]) => snapshotOf(tenant, account, now))
  }

  totalsOf(model: string): Totals {
    const known = this.models.get(model)
    if (known !== undefined) return known
    const totals = new Totals()
    this.models.set(model, totals)
    return totals
  }
}

/** A call whose budgets others empty in turn is refused in the end. */
const mostWaits = 4

/** A call that waits for the answers of a fleet. */
export class Asking {
  readonly expected: RequestTokens
  readonly answered: Effect.Effect<void>
  /** How often it has waited, after this. */
  readonly times: number

  constructor(expected: RequestTokens, answers: ReadonlyArray<Effect.Effect<void>>, times: number) {
    this.expected = expected
    this.times = times
    this.answered = answers.length === 1
      ? answers[0]!
      : Effect.all(answers, { concurrency: "unbounded", discard: true })
  }
}

const refusal = (
  tenant: string,
  meter: Meter,
  balance: Balance,
  amount: number,
  now: number
): BudgetExceeded => {
  const { rule: { limit }, whose } = meter
  const { end, reserved, spent } = balance
  const resetsIn = Math.max(end - now, 0)
  const asksIn = askableIn(meter, balance, amount)
  return withoutStack(() =>
    new BudgetExceeded({
      tenant,
      budget: whose,
      reason: asksIn === undefined ? "exceeded" : "store-away",
      limit,
      spent,
      reserved,
      retryAfter: Duration.millis(Math.min(resetsIn, asksIn ?? Infinity))
    })
  )
}

const snapshotOf = (tenant: string, { inFlight, meters, totals }: Account, now: number): TenantSnapshot => ({
  tenant,
  totals: { ...totals },
  inFlight,
  budgets: meters.map((meter) => stateOf(meter, now))
})

const stateOf = (meter: Meter, now: number): BudgetState => {
  const { end, reserved, spent } = meter.at(now)
  const { limit, per } = meter.rule
  return { per, limit, spent, reserved, resetsIn: Duration.millis(Math.max(end - now, 0)) }
}
