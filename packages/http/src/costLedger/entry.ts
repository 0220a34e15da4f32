/** One call, from its reservation to its bill. */
import type * as Cause from "effect/Cause"
import type * as ChatModel from "../ChatModel.ts"
import type { RequestTokens } from "../pricing/estimateTokens.ts"
import { costOf } from "../pricing/money.ts"
import type { FailedReply } from "../pricing/failedReply.ts"
import { promptOf } from "../pricing/parts.ts"
import type { Account, Totals } from "./accounts.ts"
import { BilledAttempts, type Spender, type Spending } from "./billedAttempts.ts"
import { type Billable, billOf, type Heard, heardIn, heardOf, partsOf } from "./billing.ts"
import type { Hold } from "./budgetMeter.ts"
import type { Bill } from "./model.ts"
import type { Rules } from "./rules.ts"

/** What an entry is made in. */
export interface Book {
  readonly rules: Rules
  readonly total: Totals
  readonly totalsOf: (model: string) => Totals
}

/** What is asked, for whom, and of which model. */
export interface Call {
  readonly tenant: string
  readonly request: ChatModel.Request
  /** The name of the model or the cascade. */
  readonly name: string
}

export class Entry implements Spender {
  /** Hears of the attempts at the call. */
  readonly attempts = new BilledAttempts(this)
  private readonly book: Book
  private readonly account: Account
  private readonly call: Call
  private readonly holds: ReadonlyArray<Hold>
  private known: RequestTokens | undefined
  private isMade = false
  private ended = false

  constructor(
    book: Book,
    account: Account,
    call: Call,
    expected: RequestTokens | undefined,
    holds: ReadonlyArray<Hold>
  ) {
    this.book = book
    this.account = account
    this.call = call
    this.known = expected
    this.holds = holds
    account.inFlight++
  }

  /** From now on the model may work on the call. */
  made(): void {
    this.isMade = true
  }

  /** Bills an answer by what was heard of it. */
  bill(answer: Billable, heard: Heard = heardIn(answer.value), asked = this.attempts.model): Bill {
    return billOf(this.book.rules, this.call.tenant, answer, heard, this, asked)
  }

  /** Ends the call with an answer that came after these failures. */
  settle(bill: Bill, failures: ChatModel.Answer["failures"]): Bill {
    if (this.ended) return bill
    this.attempts.answer(bill.source === "free" ? "elsewhere" : "model", failures)
    const { cost, estimated, model, saving } = bill
    // What is not known is not nothing: it keeps at least what was reserved.
    if (cost.total === "unknown") this.end(cost.known, "what is held")
    else this.end(cost.total, 0)
    this.book.total.reply(cost, saving, estimated)
    this.account.totals.reply(cost, saving, estimated)
    this.book.totalsOf(model).reply(cost, saving, estimated)
    return bill
  }

  /** Ends the call without an answer: what may be billed is spent, and the rest is given back. */
  fail(cause: Cause.Cause<unknown>): void {
    if (this.ended) return
    if (this.isMade) this.attempts.fail(cause)
    this.refund()
  }

  /** Gives back what is reserved. */
  refund(): void {
    if (this.ended) return
    this.end(0, 0)
    this.book.total.failures++
    this.account.totals.failures++
  }

  /** What the request was estimated at before the call; where there is no budget, when it is needed. */
  get expected(): RequestTokens {
    return this.known ??= this.book.rules.estimate(this.call.request)
  }

  /** Adds what an attempt may have cost. */
  spend(spending: Spending): void {
    const { names, prices } = this.book.rules
    const { model: asked, name } = spending.asked ?? { model: this.call.name, name: this.call.name }
    const model = names.find(asked) ?? names.find(name)
    const price = model === undefined ? {} : prices[model]!
    const answered = { step: name, degradation: "none" } as const
    const { cost, estimated, used } = spending.extent === "reply"
      ? this.bill({ ...answered, value: spending.reply }, undefined, asked)
      : spending.extent === "failure"
      ? this.failed({ ...answered, value: unanswered(spending.reply) }, spending.reply, asked)
      : this.assumed(price, spending.extent)
    const amount = cost.total === "unknown"
      ? Math.max(cost.known, costOf(this.book.rules.highest(promptOf(used)), used).known)
      : cost.total
    for (const hold of this.holds) hold.spend(amount)
    this.book.total.spend(cost, estimated)
    this.account.totals.spend(cost, estimated)
    this.book.totalsOf(model ?? "other").spend(cost, estimated)
  }

  private failed(answer: Billable, { said, told }: FailedReply, asked: string) {
    return this.bill(answer, heardOf(told, said), asked)
  }

  private assumed(price: Rules["primary"], extent: "prompt" | "answer") {
    const { expected } = this
    const used = partsOf(extent === "prompt" ? { ...expected, output: 0 } : expected)
    return { used, cost: costOf(price, used), estimated: true }
  }

  /** Spends the amount, or what each budget holds where that is more and is at least what was spent. */
  private end(amount: number, atLeast: "what is held" | 0): void {
    this.ended = true
    this.account.inFlight--
    for (const hold of this.holds) hold.end(atLeast === 0 ? amount : Math.max(amount, hold.amount))
  }
}

/** The reply of a failure, of which only the model is known. */
const unanswered = ({ model }: FailedReply): Billable["value"] => ({
  ...model !== undefined && { model },
  choices: [{ message: {}, finish_reason: null }]
})
