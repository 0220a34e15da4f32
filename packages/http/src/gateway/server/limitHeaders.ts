/** The limits of a client in the headers of OpenAI's API: what there is, what is left, and when all of it is back. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Caller } from "../service/callers.ts"

export const limitHeadersOf = (caller: Caller): Effect.Effect<Readonly<Record<string, string>>> =>
  Effect.sync(() => limitHeaders(caller))

/** As they are now. */
export const limitHeaders = ({ limiter, limits }: Caller): Readonly<Record<string, string>> => {
  if (limiter === undefined) return none
  const headers: Record<string, string> = {}
  for (const limit of limits) {
    const { resource } = limit
    const available = RateLimiter.availableOf(limiter, resource)
    if (resource === "cost" || available === undefined) continue
    const taken = RateLimiter.capacityOf(limiter, resource)! - available
    headers[`x-ratelimit-limit-${resource}`] = String(limit.limit)
    headers[`x-ratelimit-remaining-${resource}`] = String(Math.max(0, Math.floor(available)))
    headers[`x-ratelimit-reset-${resource}`] = spelled(untilFull(taken, limit))
  }
  return headers
}

const none: Readonly<Record<string, string>> = {}

const untilFull = (taken: number, { limit, per }: RateLimiter.Limit): number =>
  Math.ceil(Math.max(0, taken) / limit * Duration.toMillis(per))

/** `120ms`, `1s`, `6m0s`, `1h0m0s`. */
const spelled = (millis: number): string => {
  if (millis < 1000) return `${millis}ms`
  const seconds = Math.ceil(millis / 1000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return hours > 0 ? `${hours}h${minutes}m${rest}s` : minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`
}
