/** The errors of a ledger. */
import * as Outcome from "@switchgear/core/Outcome"
import { errorResponse, formatDuration, respond, respondable } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { format } from "../Pricing.ts"

/**
 * The budget does not hold the call: it was not made.
 *
 * @category errors
 * @since 0.1.0
 */
export class BudgetExceeded
  extends Schema.TaggedError<BudgetExceeded>("@switchgear/http/CostLedger/BudgetExceeded")("BudgetExceeded", {
    tenant: Schema.String,
    /**
     * Whose budget it is: the tenant's, that of all together, or that of a tenant for whom the ledger has no account.
     */
    budget: Schema.Literals(["tenant", "all", "shared"]),
    /**
     * Why the call was not made:
     *
     * - `"exceeded"`: it costs more than the budget has left.
     * - `"store-away"`: the budget is that of a fleet whose store does not answer, and it costs more than this node has of it.
     *
     * @default "exceeded"
     */
    reason: Schema.Literals(["exceeded", "store-away"]).pipe(
      Schema.withConstructorDefault(Effect.succeed("exceeded" as const))
    ),
    /** Micro-dollars that the budget has in a window, that are spent of it, and that calls in flight have reserved. */
    limit: Schema.Int,
    spent: Schema.Int,
    reserved: Schema.Int,
    /** Until the budget resets; with `"store-away"`, until the store is tried again. */
    retryAfter: Schema.Duration
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  /** Whether it is over as soon as the store answers: a spent budget stays so for longer than anybody waits. */
  get isRetryable(): boolean {
    return this.reason === "store-away"
  }

  /** The caller, whose budget it is, but for the budget of all tenants together, and where the store is away. */
  get blame(): "caller" | "application" {
    return this.budget === "all" || this.reason === "store-away" ? "application" : "caller"
  }

  /** See `ChatError.toResponse`: as of a spent quota, without the amounts; where the store is away, as of a service that is unavailable. */
  toResponse(): Outcome.ErrorResponse {
    const { isRetryable, reason, retryAfter } = this
    if (reason === "store-away") {
      const message = `The budget cannot be asked now. Try again in ${formatDuration(retryAfter)}.`
      return errorResponse({ message, isRetryable, retryAfter }, {
        status: 503,
        type: "service_unavailable_error",
        code: "budget_unavailable"
      })
    }
    const message = `The budget does not hold this call. It resets in ${formatDuration(retryAfter)}.`
    return errorResponse({ message, isRetryable, retryAfter }, {
      status: 429,
      type: "insufficient_quota",
      code: "insufficient_quota"
    })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    const whose = this.budget === "all" ? "for all tenants" : `of tenant ${JSON.stringify(this.tenant)}`
    const kept = this.budget === "shared"
      ? ", which is kept with those of others because there are more tenants than accounts (raise tenants),"
      : ""
    const state = `${format(this.spent)} of ${format(this.limit)} are spent and ${format(this.reserved)} reserved`
    const wait = formatDuration(this.retryAfter)
    return this.reason === "store-away"
      ? `The budget ${whose}${kept} cannot be asked: the store of the fleet does not answer, and this node has too little of it for this call. When it answered last, ${state}. It is tried again in ${wait}.`
      : `The budget ${whose}${kept} does not hold this call: ${state}. It resets in ${wait}.`
  }
}

/**
 * An option out of range.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption
  extends Schema.TaggedError<InvalidOption>("@switchgear/http/CostLedger/InvalidOption")("InvalidOption", {
    field: Schema.String,
    value: Schema.String,
    range: Schema.String
  })
{
  override get message(): string {
    return `CostLedger.make: ${this.field} must be ${this.range}, got ${this.value}`
  }
}

/**
 * A model that budgets cannot be kept for, because the price of its input or output is not known.
 *
 * @category errors
 * @since 0.1.0
 */
export class PriceMissing
  extends Schema.TaggedError<PriceMissing>("@switchgear/http/CostLedger/PriceMissing")("PriceMissing", {
    model: Schema.String,
    part: Schema.String
  })
{
  override get message(): string {
    return `CostLedger.make: a budget needs a price for the ${this.part} of ${
      JSON.stringify(this.model)
    }. Give it in prices, or name in models only those that may answer.`
  }
}
