/** What the calls to one model take from its limiter: an estimate before, the usage that was told after. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import type { ChatError } from "../ChatError.ts"
import * as ProviderLimits from "../ProviderLimits.ts"
import * as LimitHeaders from "../providerLimits/limitHeaders.ts"
import type { Request } from "./model.ts"
import type { LimitSettings } from "./settings.ts"
import { completed, requestTokens } from "../pricing/estimateTokens.ts"
import { CurrentHeadersListener, type HeadersListener } from "../chatClient/responseHeaders.ts"
import type { Headers } from "../chatClient/transport.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Source from "../chatStream/source.ts"
import type { ToldUsage } from "../pricing/toldUsage.ts"
import { tokensOf } from "../pricing/parts.ts"
import { usedOf } from "../pricing/usageParts.ts"

type Opening = Source.Opening<ChatSchema.ChatChunk, ChatError>

export interface ModelLimit {
  readonly limiter: RateLimiter.RateLimiter | undefined
  /** What the call of the running fiber takes, as it was noted by `noting`. */
  readonly costs: (() => RateLimiter.Cost) | undefined
  /**
   * The context of a call, in which is noted what its request can use at most; never more than the limiter ever holds, which
   * would refuse it for good. In it the limiter hears what the provider says of its limits.
   */
  readonly noted: (request: Request, context: AnyContext) => AnyContext
  /** Lets the limiter hear that the provider refuses a call for its limits. */
  readonly refusing: <A, R>(call: Effect.Effect<A, ChatError, R>) => Effect.Effect<A, ChatError, R>
  readonly refusingStream: (opening: Opening) => Opening
}

type AnyContext = Context.Context<never>

/** What is noted of a call. One reference has both: each has its price in every call. */
interface Noted extends HeadersListener {
  readonly costs: RateLimiter.Cost
}

const none: ModelLimit = {
  limiter: undefined,
  costs: undefined,
  noted: (_, context) => context,
  refusing: identity,
  refusingStream: identity
}

export const make = (settings: LimitSettings | undefined): Effect.Effect<ModelLimit> =>
  settings === undefined ? Effect.succeed(none) : Effect.gen(function*() {
    const { assumedOutput, estimate, ...limits } = settings
    const limiter = yield* RateLimiter.make(limits)
    const { heard, refused } = yield* ProviderLimits.follow(limiter, limits.limits)
    const listener = (headers: Headers, fiber: Fiber.Fiber<unknown, unknown>): void => {
      // Most providers say nothing of their limits, so that a fiber is made only where one does.
      if (LimitHeaders.areIn(headers)) Effect.runForkWith(fiber.context)(heard(headers))
    }
    const costsOf = (request: Request): RateLimiter.Cost => {
      const held = RateLimiter.capacityOf(limiter, "tokens")
      if (held === undefined) return {}
      const { audioInput, input, output } = estimate === undefined
        ? requestTokens(request, assumedOutput)
        : completed(() => estimate(request), () => requestTokens(request, assumedOutput))
      return { tokens: Math.min(held, input + audioInput + output) }
    }
    const hearing = (around: HeadersListener): Noted["heard"] => (headers, fiber) => {
      listener(headers, fiber)
      around.heard(headers, fiber)
    }
    // One for all calls.
    const told = (cause: Cause.Cause<ChatError>) => {
      const error = Cause.findError(cause)
      return Result.isFailure(error)
        ? Effect.failCause(cause)
        : Effect.andThen(refused(error.success), Effect.failCause(cause))
    }
    const noting = Source.catching((error: ChatError) => Effect.andThen(refused(error), Effect.fail(error)))
    return {
      limiter,
      costs: () => (Fiber.getCurrent()!.getRef(CurrentHeadersListener) as Noted).costs,
      noted: (request, context) => {
        const around = Context.get(context, CurrentHeadersListener)
        const noted: Noted = { costs: costsOf(request), heard: around === undefined ? listener : hearing(around) }
        return Context.add(context, CurrentHeadersListener, noted)
      },
      refusing: (call) => Effect.catchCause(call, told),
      refusingStream: (opening) => Effect.map(Effect.tapError(opening, refused), noting)
    }
  })

/** What a call has taken by what it told; the estimate stands where nothing was told. */
export const costOf = (told: ToldUsage): RateLimiter.Cost => {
  const used = usedOf(told)
  return used === undefined ? {} : { tokens: tokensOf(used.parts) }
}
