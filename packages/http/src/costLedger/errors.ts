/** The errors of a ledger. */
import * as Outcome from "@switchgear/core/Outcome"
import { errorResponse, formatDuration, respond, respondable } from "@switchgear/core/runtime"
import type * as Effect from "effect/Effect"
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
    /** Micro-dollars that the budget has in a window, that are spent of it, and that calls in flight have reserved. */
    limit: Schema.Int,
    spent: Schema.Int,
    reserved: Schema.Int,
    /** Until the budget resets. */
    retryAfter: Schema.Duration
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return false
  }

  /** The caller, whose budget it is, but for the budget of all tenants together. */
  get blame(): "caller" | "application" {
    return this.budget === "all" ? "application" : "caller"
  }

  /** See `ChatError.toResponse`: as of a spent quota, without the amounts. */
  toResponse(): Outcome.ErrorResponse {
    const message = `The budget does not hold this call. It resets in ${formatDuration(this.retryAfter)}.`
    return errorResponse({ message, isRetryable: false, retryAfter: this.retryAfter }, {
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
    return `The budget ${whose}${kept} does not hold this call: ${format(this.spent)} of ${
      format(this.limit)
    } are spent and ${format(this.reserved)} reserved. It resets in ${formatDuration(this.retryAfter)}.`
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
