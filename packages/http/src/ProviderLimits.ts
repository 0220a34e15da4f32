/**
 * Tightens a rate limiter by the limits in the response headers of a provider. It never becomes looser than configured.
 *
 * Providers send their limits and what is left of them in response headers (`x-ratelimit-…` of OpenAI and compatible
 * providers, `anthropic-ratelimit-…`), and in a 429 how long to wait. A limiter that knows them avoids the next 429.
 *
 * **Semantics.** A limit that is said is one per minute, as both providers mean it. It is kept where it is lower than
 * the configured one, and the lowest of the last minute is the one that counts: answers that come out of order, or of
 * several models behind one limiter, make it too careful for a minute and never too loose. What is said to be left is
 * all that is at hand from then on, and time fills it up again. A token bucket saves up at most a minute of what is
 * learned. A sliding window lasts as long as it did or longer, so that both limits hold in it. Cost is told by no
 * header, and stays as it was configured.
 *
 * **Gotchas.** A provider counts a call when it sees it, and not down again when the answer is short: calls on their
 * way to it may not be in what it says is left, and what a settled reservation gives back comes on top. The next answer
 * corrects both. A call that is larger than the learned limit is refused without a `retryAfter`, as the provider would
 * refuse it: an estimate is better bounded by the `capacity` in the limiter's snapshot. Some providers (Groq) say their
 * limit of requests for a day, which is then never lower than the configured one; what is left of it counts.
 *
 * ```ts
 * import { RateLimiter } from "@switchgear/core"
 * import * as ProviderLimits from "@switchgear/http/ProviderLimits"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const configured = [RateLimiter.requests(500, "1 minute"), RateLimiter.tokens(90_000, "1 minute")]
 *   const limiter = yield* RateLimiter.make({ name: "model", limits: configured })
 *   const limits = yield* ProviderLimits.follow(limiter, configured)
 *   yield* limits.heard({
 *     "x-ratelimit-limit-requests": "10000",
 *     "x-ratelimit-remaining-requests": "9999",
 *     "x-ratelimit-limit-tokens": "30000",
 *     "x-ratelimit-remaining-tokens": "1200",
 *     "x-ratelimit-reset-tokens": "57.6s"
 *   })
 *   return (yield* limiter.snapshot).limits
 * })
 *
 * const [requests, tokens] = await Effect.runPromise(Effect.provide(program, TestClock.layer()))
 * requests // => { resource: "requests", available: 500, capacity: 500 }
 * tokens // => { resource: "tokens", available: 1200, capacity: 30_000 }
 * ```
 *
 * @since 0.1.0
 */
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { ChatError } from "./ChatError.ts"
import * as LimitHeaders from "./providerLimits/limitHeaders.ts"

export type { Allowance, Said } from "./providerLimits/limitHeaders.ts"

/**
 * What a limiter is told of a provider's answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderLimits {
  /**
   * The headers of any answer, good or bad, by their names in small letters, as `HttpClient` has them. What says
   * nothing about limits, or makes no sense, changes nothing.
   */
  readonly heard: (headers: Readonly<Record<string, string | undefined>>) => Effect.Effect<void>
  /**
   * How a call failed. `ProviderRateLimited` pauses the limiter for its `retryAfter`, or for 1 second if it has none; a
   * longer pause stands. One that is not retryable and has no `retryAfter`, such as a request larger than the limit,
   * and other errors change nothing.
   */
  readonly refused: (error: ChatError) => Effect.Effect<void>
}

/**
 * Lets a limiter follow what a provider says. It begins with the limits in `configured`, which it never exceeds, and
 * from then on is told its limits by nobody else. Dies as `setLimits` does when they are not for the limiter's
 * resources.
 *
 * @category constructors
 * @since 0.1.0
 */
export const follow = (
  limiter: RateLimiter.RateLimiter,
  configured: ReadonlyArray<RateLimiter.Limit>
): Effect.Effect<ProviderLimits> =>
  Effect.map(limiter.setLimits(configured), () => {
    const learned = configured.map((limit) => new Learned(limit))
    let kept = learned.map(({ limit }) => limit)

    // What is kept is noted after it has been told: if that was interrupted, the next answer brings it about.
    const keepToLearned = Effect.suspend(() => {
      if (learned.every(({ limit }, i) => limit === kept[i])) return Effect.void
      const limits = learned.map(({ limit }) => limit)
      return Effect.map(limiter.setLimits(limits), () => {
        kept = limits
      })
    })

    const heard: ProviderLimits["heard"] = (headers) =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const said = LimitHeaders.parse(headers, clock.currentTimeMillisUnsafe())
        if (said === undefined) return Effect.void
        const now = monotonicMillis(clock)
        for (const each of learned) each.hear(said, now)
        return Effect.andThen(
          keepToLearned,
          limiter.clampAvailable({ requests: leftOf(said.requests), tokens: leftOf(said.tokens) })
        )
      })

    const refused: ProviderLimits["refused"] = (error) =>
      error._tag === "ProviderRateLimited" && (error.isRetryable || error.retryAfter !== undefined)
        ? limiter.pause(error.retryAfter ?? "1 second")
        : Effect.void

    return { heard, refused }
  })

/**
 * What the headers of an answer say about limits, at the time `now` in milliseconds since 1970; `undefined` where they
 * say nothing. Total: what makes no sense is not said. `resetsIn` is in milliseconds, and 0 once the reset has come by.
 *
 * Anthropic's tokens of prompt and answer are told together, as a limiter counts them; one of the two that is spent
 * leaves none.
 *
 * ```ts
 * import * as ProviderLimits from "@switchgear/http/ProviderLimits"
 *
 * const said = ProviderLimits.fromHeaders({
 *   "anthropic-ratelimit-input-tokens-limit": "30000",
 *   "anthropic-ratelimit-input-tokens-remaining": "27000",
 *   "anthropic-ratelimit-input-tokens-reset": "1970-01-01T00:00:06Z",
 *   "anthropic-ratelimit-output-tokens-limit": "8000",
 *   "anthropic-ratelimit-output-tokens-remaining": "8000",
 *   "anthropic-ratelimit-output-tokens-reset": "1970-01-01T00:00:00Z"
 * }, 0)
 *
 * said // => { requests: undefined, tokens: { limit: 38_000, remaining: 35_000, resetsIn: 6000 } }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromHeaders: (
  headers: Readonly<Record<string, string | undefined>>,
  now: number
) => LimitHeaders.Said | undefined = LimitHeaders.parse

const minute = 60_000

/** A limit as it is kept: by the lowest that was heard in the last minute, so that a late answer loosens nothing. */
class Learned {
  limit: RateLimiter.Limit
  private readonly configured: RateLimiter.Limit
  private lowest = Infinity
  private at = -Infinity

  constructor(configured: RateLimiter.Limit) {
    // A burst that is not given would stay as the last one that was learned.
    this.limit = this.configured = { ...configured, burst: configured.burst ?? configured.limit }
  }

  hear(said: LimitHeaders.Said, now: number): void {
    const { resource } = this.configured
    const heard = resource === "cost" ? undefined : said[resource]?.limit
    if (heard === undefined || (heard > this.lowest && now - this.at < minute)) return
    this.at = now
    if (heard === this.lowest) return
    this.lowest = heard
    const limit = tightened(this.configured, heard)
    // What is above the configured limit makes no difference, however it changes.
    if (!Equal.equals(limit, this.limit)) this.limit = limit
  }
}

/** What was left before a reset that has come by is no news. */
const leftOf = (allowance: LimitHeaders.Allowance | undefined): number | undefined =>
  allowance?.resetsIn === 0 ? undefined : allowance?.remaining

/** The limit that passes neither more than the configured one nor more than so much a minute. */
const tightened = (configured: RateLimiter.Limit, learned: number): RateLimiter.Limit => {
  const { kind, limit, burst = limit } = configured
  const per = Duration.toMillis(Duration.fromInputUnsafe(configured.per))
  const isTighter = learned / minute < limit / per
  if (kind === "token-bucket") {
    const rate = isTighter ? { limit: learned, per: minute } : {}
    return { ...configured, ...rate, burst: Math.min(burst, learned) }
  }
  if (!isTighter) return configured
  // A window that is made shorter forgets, and one that is made smaller than need be refuses what could pass: so it
  // keeps
  // its size where that can be, and lasts as long as lets whole windows add up to what is learned.
  const span = Math.max(per, minute)
  const inSpan = learned * span / minute
  const size = Math.min(limit, inSpan)
  return { ...configured, limit: size, per: span / Math.floor(inSpan / size) }
}
