/** The fleet around, which joins limiters with those of other nodes. */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { LimiterLink } from "./link.ts"

export interface LimiterFleet {
  readonly link: (limiter: string, clock: Clock.Clock) => LimiterLink
}

export const CurrentLimiterFleet = Context.Reference<LimiterFleet | undefined>(
  "@switchgear/core/RateLimiter/CurrentLimiterFleet",
  { defaultValue: () => undefined }
)
