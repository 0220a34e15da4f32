/** A call made for a client: within its limits and the time that it waits, billed to it, and answered in its language. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Canned from "../../Canned.ts"
import type * as ChatModel from "../../ChatModel.ts"
import { costOf } from "../../chatModel/modelLimit.ts"
import { CurrentTenant } from "../../costLedger/currentTenant.ts"
import * as Pricing from "../../Pricing.ts"
import type { ToldUsage } from "../../pricing/toldUsage.ts"
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
 * A call within the limits of a client and the time that it waits, which is run in its name. `toldBy` gives the usage that
 * its provider has told, by which the limits are settled.
 */
export const asking = <A, E>(
  { caller, calls, patience, request }: Asking,
  call: Effect.Effect<A, E>,
  toldBy: (value: A) => ToldUsage
): Effect.Effect<unknown, E | RateLimiter.RateLimited | Deadline.DeadlineExceeded> => {
  const limited = caller.limiter === undefined
    ? call
    : RateLimiter.protectCall(caller.limiter, call, new AskedTerms(request, calls, toldBy))
  return within(patience)(limited)
}

/**
 * In the time that a client waits, in milliseconds. Where that is over already, a model is not asked, and a cascade answers with
 * what it has without one.
 */
export const within = (
  patience: number | undefined
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R> =>
  patience === undefined ? identity : patience > 0 ? Deadline.within(Duration.millis(patience)) : atTheEnd

const atTheEnd = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) =>
    Effect.provideService(self, Deadline.CurrentDeadline, { limit: "total", at: monotonicMillis(clock) })
  )

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
class AskedTerms<A> implements RateLimiter.Terms<A> {
  private readonly request: ChatModel.Request
  private readonly calls: Calls
  private readonly toldBy: (value: A) => ToldUsage

  constructor(request: ChatModel.Request, calls: Calls, toldBy: (value: A) => ToldUsage) {
    this.request = request
    this.calls = calls
    this.toldBy = toldBy
  }

  costs(): RateLimiter.Cost {
    const { audioInput = 0, input, output } = Pricing.estimateTokens(this.request)
    return { requests: 1, tokens: input + audioInput + output }
  }

  settle(value: A): RateLimiter.Cost {
    return costOf(this.toldBy(value))
  }

  /** A client is not kept from its tokens by a provider that has refused, or was not asked at all. */
  settleFailed(): RateLimiter.Cost {
    return this.calls.upstream?.possiblyBilledAttempts === 0 ? noTokens : asTaken
  }
}

const noTokens: RateLimiter.Cost = { tokens: 0 }

/** What is not named stays as it was taken. */
const asTaken: RateLimiter.Cost = {}
