/** What the calls to one model take from its limiter: an estimate before, the usage that was told after. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import * as ProviderLimits from "../ProviderLimits.ts"
import * as LimitHeaders from "../providerLimits/limitHeaders.ts"
import type { RateLimiterOptions, Request } from "./model.ts"
import { completed, requestTokens } from "../pricing/estimateTokens.ts"
import { CurrentHeadersListener } from "../chatClient/responseHeaders.ts"
import type { Headers } from "../chatClient/transport.ts"
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

export const make = (name: string, options: RateLimiterOptions | undefined): Effect.Effect<ModelLimit> =>
  options === undefined ? Effect.succeed(none) : Effect.gen(function*() {
    const { assumedOutput = 4096, estimate, ...limits } = options
    if (!(Number.isSafeInteger(assumedOutput) && assumedOutput >= 0)) {
      throw nonsense("assumedOutput", "a whole number of at least 0", assumedOutput)
    }
    if (estimate !== undefined && typeof estimate !== "function") throw nonsense("estimate", "a function", estimate)
    const limiter = yield* RateLimiter.make({ ...limits, name })
    const { heard, refused } = yield* ProviderLimits.follow(limiter, limits.limits)
    const listener = (headers: Headers, fiber: Fiber.Fiber<unknown, unknown>): void => {
      // Most providers say nothing of their limits, so that a fiber is made only where one does.
      if (LimitHeaders.areIn(headers)) Effect.runForkWith(fiber.context)(heard(headers))
    }
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
      hearing: (call) => call.pipe(Effect.tapError(refused), Effect.provideService(CurrentHeadersListener, listener)),
      hearingStream: (stream) =>
        stream.pipe(Stream.tapError(refused), Stream.provideService(CurrentHeadersListener, listener))
    }
  })

const nonsense = (field: string, range: string, value: unknown): RangeError =>
  new RangeError(`ChatModel.make: rateLimiter.${field} must be ${range}, got ${String(value).slice(0, 100)}`)

/** What a call has taken by what it told; the estimate stands where nothing was told. */
export const costOf = (told: ToldUsage): RateLimiter.Cost => {
  const used = usedOf(told)
  return used === undefined ? {} : { tokens: Object.values(used.parts).reduce((sum, tokens) => sum + tokens, 0) }
}
