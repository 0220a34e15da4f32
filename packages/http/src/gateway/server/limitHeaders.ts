/** The limits of a client in the headers of OpenAI's API: what there is, what is left, and when all of it is back. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Caller } from "../service/callers.ts"

export const limitHeadersOf = (caller: Caller): Effect.Effect<Readonly<Record<string, string>>> =>
  Effect.sync(() => limitHeaders(caller))

/** As they are now, in an object of its own. */
export const limitHeaders = ({ limiter, limits }: Caller): Record<string, string> => {
  const headers: Record<string, string> = {}
  if (limiter === undefined) return headers
  for (const limit of limits) {
    const names = namesOf[limit.resource]
    if (names === undefined) continue
    const available = RateLimiter.availableOf(limiter, limit.resource)
    if (available === undefined) continue
    const capacity = RateLimiter.capacityOf(limiter, limit.resource)!
    headers[names.limit] = String(limit.limit)
    headers[names.remaining] = String(Math.max(0, Math.floor(Math.min(capacity, available + capacity * rounding))))
    headers[names.reset] = spelled(untilFull(capacity - available, limit))
  }
  return headers
}

/** What a fleet has left is reckoned from times. As a share of the limit. */
const rounding = 1e-6

interface Names {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

const named = (resource: string): Names => ({
  limit: `x-ratelimit-limit-${resource}`,
  remaining: `x-ratelimit-remaining-${resource}`,
  reset: `x-ratelimit-reset-${resource}`
})

/** Of what clients know of: a limit of costs is none of theirs. */
const namesOf: { readonly [R in RateLimiter.Resource]: Names | undefined } = {
  requests: named("requests"),
  tokens: named("tokens"),
  cost: undefined
}

const untilFull = (taken: number, { limit, per }: RateLimiter.Limit): number =>
  Math.ceil(Math.max(0, taken) / limit * Duration.toMillis(per))

/** `120ms`, `1s`, `6m0s`, `1h0m0s`. */
const spelled = (millis: number): string => {
  if (millis < 1000) return `${millis}ms`
  const seconds = Math.ceil(millis / 1000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return hours > 0 ? `${hours}h${minutes}m${rest}s` : minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`
}
