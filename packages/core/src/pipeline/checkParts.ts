/** Refuses parts of a pipeline that are none, by name. */
import type { OptionsOf } from "../internal/config/checks.ts"
import type { Further, Guards, Parts } from "./model.ts"

export const partNames = [
  "deadline",
  "retry",
  "hedge",
  "rateLimiter",
  "bulkhead",
  "breaker",
  "attemptTimeout",
  "guards"
] as const satisfies ReadonlyArray<keyof Parts>

/** From the outermost to the innermost. */
export const placeNames = [
  "outermost",
  "perAttempt",
  "beforeBulkhead",
  "beforeBreaker",
  "innermost"
] as const satisfies ReadonlyArray<keyof Guards>

/** The guards at a place. */
export const guardsAt = (guards: Further | undefined) =>
  guards === undefined ? [] : Array.isArray(guards) ? guards : [guards as Exclude<Further, ReadonlyArray<unknown>>]

export const checkParts = (parts: Parts, check: OptionsOf): void => {
  check.known(parts, partNames)
  check.part("retry", parts.retry, ["protect"])
  check.part("hedge", parts.hedge, ["protect", "protectWith"])
  check.part("rateLimiter", parts.rateLimiter, ["protect"])
  check.part("bulkhead", parts.bulkhead, ["protect"])
  check.part("breaker", parts.breaker, ["protect", "gate"])
  const guards = check.group("guards", parts.guards, placeNames)
  for (const place of placeNames) {
    for (const guard of guardsAt(guards?.[place])) check.part(`guards.${place}`, guard, ["protect"])
  }
}
