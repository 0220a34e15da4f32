/** A call made for a client: within its limits and the time that it waits, billed to it, and answered in its language. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Canned from "../../Canned.ts"
import type * as ChatModel from "../../ChatModel.ts"
import type * as ChatSchema from "../../ChatSchema.ts"
import { CurrentTenant } from "../../costLedger/currentTenant.ts"
import * as Pricing from "../../Pricing.ts"
import type { Caller } from "./callers.ts"

export interface Asking {
  readonly caller: Caller
  readonly request: ChatModel.Request
  /** Milliseconds. */
  readonly patience: number | undefined
  /** The calls to providers for the answer, once it is asked for. */
  readonly calls: Calls
}

/** Whether a provider may have worked for an answer, and so taken tokens. */
export interface Calls {
  readonly upstream: Pick<ChatModel.Tried, "possiblyBilledAttempts"> | undefined
}

/**
 * A call within the limits of a client and the time that it waits, which is run in its name. The effect ends with the usage
 * of its answer, by which the limits are settled.
 */
export const asking = <E>(
  { caller, calls, patience, request }: Asking,
  call: Effect.Effect<ChatSchema.Usage | undefined, E>
): Effect.Effect<unknown, E | RateLimiter.RateLimited | Deadline.DeadlineExceeded> => {
  const limited = caller.limiter === undefined
    ? call
    : RateLimiter.protectCall(caller.limiter, call, new AskedTerms(request, calls))
  return patience === undefined ? limited : Deadline.within(Duration.millis(patience))(limited)
}

type Ours = Context.Context<never>

/** What is run in the context is billed to the client, and has its priority. */
export const inNameOf = ({ name, priority }: Caller, context: Ours): Ours =>
  context.pipe(
    Context.add(CurrentTenant, name),
    Context.add(Bulkhead.CurrentPriority, priority),
    // Whatever the program around the gateway speaks.
    Context.add(Canned.CurrentLanguage, undefined)
  )

/** What is run in the context is answered in the language of a client, by the value of its `accept-language`. */
export const inLanguage = (language: string | undefined, context: Ours): Ours =>
  language === undefined ? context : Context.add(context, Canned.CurrentLanguage, language)

/** What a request takes from the limits of its client: what it is estimated at, until its usage is told. */
class AskedTerms implements RateLimiter.Terms<ChatSchema.Usage | undefined> {
  private readonly request: ChatModel.Request
  private readonly calls: Calls

  constructor(request: ChatModel.Request, calls: Calls) {
    this.request = request
    this.calls = calls
  }

  costs(): RateLimiter.Cost {
    const { audioInput = 0, input, output } = Pricing.estimateTokens(this.request)
    return { requests: 1, tokens: input + audioInput + output }
  }

  settle(usage: ChatSchema.Usage | undefined): RateLimiter.Cost {
    return usage === undefined ? asTaken : { tokens: tokensOf(usage) }
  }

  /** A client is not kept from its tokens by a provider that has refused, or was not asked at all. */
  settleFailed(): RateLimiter.Cost {
    return this.calls.upstream?.possiblyBilledAttempts === 0 ? noTokens : asTaken
  }
}

const noTokens: RateLimiter.Cost = { tokens: 0 }

/** What is not named stays as it was taken. */
const asTaken: RateLimiter.Cost = {}

const tokensOf = ({ completion_tokens: output, prompt_tokens: input }: ChatSchema.Usage): number =>
  (input ?? 0) + (output ?? 0)
