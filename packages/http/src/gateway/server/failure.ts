/** What a client is told when its call has failed. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Cascade from "@switchgear/core/Cascade"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as ChatError from "../../ChatError.ts"
import * as ChatFailure from "../../ChatFailure.ts"
import * as CostLedger from "../../CostLedger.ts"
import * as Refusals from "./refusals.ts"

/** The answer to a failed call, `stopped` where the gateway is being stopped. A fault of the gateway says nothing. */
export const replyOf = (
  { cause }: Pick<Exit.Failure<unknown, unknown>, "cause">,
  exhaustedStatus: number,
  stopped: Refusals.Reply | undefined
): Refusals.Reply => {
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  if (ChatFailure.isChatFailure(failure)) {
    const reply = ChatError.toResponse(failure)
    if (isOfAccount(failure)) return Refusals.ofProvider(reply)
    return failure instanceof Cascade.CascadeExhausted && reply.status === 503
      ? { ...reply, status: exhaustedStatus }
      : reply
  }
  return stopped !== undefined && Cause.hasInterruptsOnly(cause) ? stopped : Refusals.fault
}

/**
 * Whether a call whose client is there failed by a fault of the gateway: it died, or was interrupted although nobody stops the
 * gateway.
 */
export const isFault = ({ cause }: Exit.Failure<unknown, unknown>, isStopping: boolean): boolean =>
  Cause.hasDies(cause) || !isStopping && Cause.hasInterruptsOnly(cause)

/** Whether a provider has refused the account of the gateway, of which its clients know nothing. */
const isOfAccount = (failure: ChatFailure.ChatFailure): boolean =>
  failure instanceof ChatError.Unauthorized || failure instanceof ChatError.Forbidden ||
  failure instanceof ChatError.ModelNotFound || failure instanceof ChatError.QuotaExhausted

/** Whether a client was refused by limits or a budget of its own, whose limiter has this name. */
export const isLimited = ({ cause }: Exit.Failure<unknown, unknown>, limiter: string): boolean => {
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  return failure instanceof CostLedger.BudgetExceeded && failure.reason === "exceeded" ||
    failure instanceof RateLimiter.RateLimited && failure.limiter === limiter
}

/** The same in a stream whose head is out. */
export const eventOf = (reply: Refusals.Reply): string => {
  const { error } = JSON.parse(reply.body) as { readonly error: object }
  const isRetryable = reply.headers["x-should-retry"] !== "false" && reply.status >= 500
  return `data: ${JSON.stringify({ error: { ...error, isRetryable } })}\n\n`
}
