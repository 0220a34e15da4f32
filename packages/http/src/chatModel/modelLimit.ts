/** What the calls to one model take from its limiter: an estimate before, the usage that was told after. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import * as ProviderLimits from "../ProviderLimits.ts"
import type { Request } from "./model.ts"
import type { LimitSettings } from "./settings.ts"
import { completed, requestTokens } from "../pricing/estimateTokens.ts"
import { CurrentHeadersListener } from "../chatClient/responseHeaders.ts"
import type { Chunks } from "../chatStream/tapChunks.ts"
import type { ToldUsage } from "../pricing/toldUsage.ts"
import { usedOf } from "../pricing/usageParts.ts"

export interface ModelLimit {
  readonly limiter: RateLimiter.RateLimiter | undefined
  /** What a request can use at most; never more than the limiter ever holds, which would refuse it for good. */
  readonly costs: (request: Request) => Effect.Effect<RateLimiter.Cost>
  /** Lets the limiter hear what the provider says of its limits. */
  readonly hearing: <A>(call: Effect.Effect<A, ChatError>) => Effect.Effect<A, ChatError>
  readonly hearingStream: (stream: Chunks) => Chunks
}

const none: ModelLimit = {
  limiter: undefined,
  costs: () => Effect.succeed({}),
  hearing: identity,
  hearingStream: identity
}

export const make = (settings: LimitSettings | undefined): Effect.Effect<ModelLimit> =>
  settings === undefined ? Effect.succeed(none) : Effect.gen(function*() {
    const { assumedOutput, estimate, ...limits } = settings
    const limiter = yield* RateLimiter.make(limits)
    const { heard, refused } = yield* ProviderLimits.follow(limiter, limits.limits)
    return {
      limiter,
      costs: (request) =>
        Effect.map(limiter.snapshot, ({ limits }) => {
          const held = limits.find(({ resource }) => resource === "tokens")?.capacity
          if (held === undefined) return {}
          const ours = () => requestTokens(request, assumedOutput)
          const { audioInput, input, output } = estimate === undefined
            ? ours()
            : completed(() => estimate(request), ours)
          return { tokens: Math.min(held, input + audioInput + output) }
        }),
      hearing: (call) => call.pipe(Effect.tapError(refused), Effect.provideService(CurrentHeadersListener, heard)),
      hearingStream: (stream) =>
        stream.pipe(Stream.tapError(refused), Stream.provideService(CurrentHeadersListener, heard))
    }
  })

/** What a call has taken by what it told; the estimate stands where nothing was told. */
export const costOf = (told: ToldUsage): RateLimiter.Cost => {
  const used = usedOf(told)
  return used === undefined ? {} : { tokens: Object.values(used.parts).reduce((sum, tokens) => sum + tokens, 0) }
}
