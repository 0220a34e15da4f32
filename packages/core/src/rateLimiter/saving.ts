/** Rate limiters as `SavedState` saves and restores them: what was taken, and a pause. Calls that wait end with the process. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Saving } from "../registry/kind.ts"
import type { Limiter } from "./limiter.ts"
import type { RateLimiter } from "./model.ts"
import { SavedMeter } from "./savedMeter.ts"
import type { SlidingLog } from "./slidingLog.ts"
import type { TokenBucket } from "./tokenBucket.ts"

const limiters = new WeakMap<RateLimiter, Limiter>()

/** Notes what a limiter of users is made of. */
export const noteLimiter = (made: RateLimiter, limiter: Limiter): void => void limiters.set(made, limiter)

export const limiterOf = (made: RateLimiter): Limiter | undefined => limiters.get(made)

const SavedLimiter = Schema.Struct({
  /** Milliseconds of the pause that are left. */
  paused: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  limits: Schema.Array(Schema.Struct({
    resource: Schema.String,
    kind: Schema.String,
    meter: SavedMeter
  }))
})

const limiterIn = Schema.decodeUnknownOption(SavedLimiter)

/** Limits that were changed leave it as it is: a bucket that nothing was taken from holds what it held before. */
const isFresh = ({ admitted, isCommanded, machine, rejected }: Limiter): boolean =>
  admitted + rejected + machine.queue.size === 0 && !isCommanded

export const saving: Saving<RateLimiter> = {
  save: (made) => {
    const limiter = limiters.get(made)
    if (limiter === undefined || limiter.link !== undefined) return undefined
    const now = limiter.now()
    const { limits, machine: { meters, pausedUntil } } = limiter
    return {
      ...pausedUntil > now && { paused: pausedUntil - now },
      limits: limits.map(({ kind, resource }, i) => ({
        resource,
        kind,
        meter: (meters[i] as SlidingLog | TokenBucket).save(now)
      }))
    }
  },
  restore: (made, saved, age) => {
    const limiter = limiters.get(made)
    if (limiter === undefined) return "not-saved"
    if (limiter.link !== undefined) return "fleet"
    const read = Option.getOrUndefined(limiterIn(saved))
    if (read === undefined) return "malformed"
    const { limits, machine } = limiter
    const now = limiter.now()
    if (!isFresh(limiter)) return "in-use"
    const isSame = read.limits.length === limits.length &&
      limits.every(({ kind, resource }, i) => read.limits[i]!.resource === resource && read.limits[i]!.kind === kind)
    if (!isSame) return "other-options"
    const meters = machine.meters as ReadonlyArray<SlidingLog | TokenBucket>
    if (!meters.every((meter, i) => meter.accepts(read.limits[i]!.meter))) return "malformed"
    const at = now - age
    for (let i = 0; i < meters.length; i++) meters[i]!.restore(read.limits[i]!.meter, at, now)
    if (read.paused !== undefined) machine.pausedUntil = Math.min(at + read.paused, now + limiter.maxRetryAfter)
    machine.replan(now)
    return "restored"
  }
}
