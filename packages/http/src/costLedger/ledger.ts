/** The state of a ledger: calls are begun and ended in one synchronous step each. */
import { withoutStack } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import type * as ChatModel from "../ChatModel.ts"
import type { Bill, BudgetState, Snapshot, TenantSnapshot } from "./model.ts"
import { Account, Accounts, Totals } from "./accounts.ts"
import { type Hold, Meter } from "./budgetMeter.ts"
import { replyTokens } from "../pricing/estimateTokens.ts"
import { BudgetExceeded } from "./errors.ts"
import type { Rules } from "./rules.ts"
import { type Cost, costOf, minus } from "../pricing/money.ts"
import { nothing, type Parts, partsOf, tokens } from "../pricing/usageParts.ts"

const free: Cost = costOf({}, nothing)

export class Ledger {
  readonly rules: Rules
  readonly total = new Totals()
  readonly models = new Map<string, Totals>()
  private readonly meters: ReadonlyArray<Meter>
  private readonly accounts: Accounts

  constructor(rules: Rules) {
    this.rules = rules
    this.meters = rules.overall.map((rule) => new Meter(rule))
    this.accounts = new Accounts(rules.perTenant, rules.tenants, rules.idle)
  }

  /** Reserves from all budgets or from none. */
  begin(tenant: string, request: ChatModel.Request, now: number): Entry | BudgetExceeded {
    const account = this.accounts.open(tenant, now)
    const meters = [...this.meters, ...account.meters]
    const amount = meters.length === 0 ? 0 : this.reservationFor(request)
    // Of several budgets that refuse, the one that is the last to reset: before, the call cannot be made.
    let full: Meter | undefined
    for (const meter of meters) {
      meter.roll(now)
      if (!meter.holds(amount) && !(full !== undefined && full.resetsAt >= meter.resetsAt)) full = meter
    }
    if (full !== undefined) {
      this.total.refused++
      account.totals.refused++
      return refusal(tenant, full, now)
    }
    account.inFlight++
    return new Entry(this, account, tenant, request, meters, meters.map((meter) => meter.reserve(amount)))
  }

  snapshot(now: number): Snapshot {
    return {
      total: { ...this.total },
      models: Object.fromEntries(Array.from(this.models, ([model, totals]) => [model, { ...totals }])),
      tenants: this.accounts.named.size,
      others: { ...this.accounts.shared.totals },
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

  /** The name in the catalogue of the model that answered: as the step is called, or as the provider calls it. */
  modelOf({ step, value }: Billable): string | undefined {
    const dated = value.model ?? ""
    return [step, dated, dated.replace(/-(\d{4}-\d{2}-\d{2}|\d{8})$/, "")].find((name) =>
      Object.hasOwn(this.rules.prices, name)
    )
  }

  private reservationFor(request: ChatModel.Request): number {
    const { input, output } = this.rules.estimate(request)
    const expected = { ...nothing, input: tokens(input) ?? 0, output: tokens(output) ?? 0 }
    return costOf(this.rules.highest, expected).known
  }
}

/** What of an answer decides its bill. */
export type Billable = Pick<ChatModel.Answer, "step" | "degradation" | "value">

/** One call, from its reservation to its bill. */
export class Entry {
  private readonly ledger: Ledger
  private readonly account: Account
  private readonly tenant: string
  private readonly request: ChatModel.Request
  private readonly meters: ReadonlyArray<Meter>
  private readonly holds: ReadonlyArray<Hold>
  private ended = false

  constructor(
    ledger: Ledger,
    account: Account,
    tenant: string,
    request: ChatModel.Request,
    meters: ReadonlyArray<Meter>,
    holds: ReadonlyArray<Hold>
  ) {
    this.ledger = ledger
    this.account = account
    this.tenant = tenant
    this.request = request
    this.meters = meters
    this.holds = holds
  }

  /** Bills an answer; `said` is how many tokens of output to assume if it does not tell. */
  bill(answer: Billable, said = () => replyTokens(answer.value)): Bill {
    const { prices, primary } = this.ledger.rules
    const counted = partsOf(answer.value.usage)
    const used = counted ?? this.estimated(said())
    const without = sourceOf(answer)
    const model = without ?? this.ledger.modelOf(answer)
    const cost = without !== undefined ? free : costOf(model === undefined ? {} : prices[model]!, used)
    return {
      tenant: this.tenant,
      model: model ?? "other",
      used,
      cost,
      saving: minus(costOf(primary, used).total, cost.total),
      estimated: counted === undefined
    }
  }

  settle(bill: Bill): Bill {
    const { cost, estimated, model, saving } = bill
    const { total } = cost
    // What is not known is not nothing: it keeps at least what was reserved.
    if (!this.end((held) => total === "unknown" ? Math.max(cost.known, held) : total)) return bill
    for (const totals of [this.ledger.total, this.account.totals, this.ledger.totalsOf(model)]) {
      totals.reply(cost, saving, estimated)
    }
    return bill
  }

  refund(): void {
    if (!this.end(() => 0)) return
    this.ledger.total.failures++
    this.account.totals.failures++
  }

  private end(actual: (held: number) => number): boolean {
    if (this.ended) return false
    this.ended = true
    this.account.inFlight--
    this.meters.forEach((meter, i) => meter.settle(this.holds[i]!, actual(this.holds[i]!.amount)))
    return true
  }

  private estimated(output: number): Parts {
    return {
      ...nothing,
      input: tokens(this.ledger.rules.estimate(this.request).input) ?? 0,
      output
    }
  }
}

/** Where an answer came from, if no model was asked for it. */
const sourceOf = ({ degradation, step }: Billable): "cache" | "canned" | undefined =>
  degradation === "canned" ? "canned" : degradation === "stale" || step === "cache" ? "cache" : undefined

const refusal = (tenant: string, { reserved, resetsAt, rule, spent }: Meter, now: number): BudgetExceeded =>
  withoutStack(() =>
    new BudgetExceeded({
      tenant,
      budget: rule.per,
      limit: rule.limit,
      spent,
      reserved,
      retryAfter: Duration.millis(Math.max(resetsAt - now, 0))
    })
  )

const snapshotOf = (tenant: string, { inFlight, meters, totals }: Account, now: number): TenantSnapshot => ({
  tenant,
  totals: { ...totals },
  inFlight,
  budgets: meters.map((meter) => stateOf(meter, now))
})

const stateOf = (meter: Meter, now: number): BudgetState => {
  meter.roll(now)
  const { reserved, resetsAt, rule, spent } = meter
  return { per: rule.per, limit: rule.limit, spent, reserved, resetsIn: Duration.millis(Math.max(resetsAt - now, 0)) }
}
