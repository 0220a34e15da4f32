/**
 * What a thing goes on with when the file says something else of it: what operators have commanded, what was taken, and what
 * was kept. A file that is changed at night must open no circuit that somebody has closed, and forget no good answer.
 *
 * What the file itself says anew stands above what an operator has commanded of the same.
 */
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import { takeOverCache } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import type * as ChatClient from "../../ChatClient.ts"
import { connectionOf } from "../../chatClient/client.ts"
import * as KeyRing from "../../chatClient/keyRing.ts"
import type * as ModelCascade from "../../ModelCascade.ts"
import type { Config } from "../config/model.ts"
import { enterState } from "./circuitState.ts"

/** A circuit is in the state of the one before, and one that waits has waited as long. */
export const circuit = (
  made: CircuitBreaker.CircuitBreaker,
  before: CircuitBreaker.CircuitBreaker
): Effect.Effect<void> =>
  Effect.flatMap(before.snapshot, ({ nextRetry, state }) => enterState(made.control, state, nextRetry))

/** What was taken by the limits before is taken from those that are made, and a pause lasts as long. */
const limiter = (
  made: RateLimiter.RateLimiter,
  before: RateLimiter.RateLimiter
): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.all([before.snapshot, made.snapshot]),
    ([{ limits: old, pausedFor }, { limits }]) =>
      Effect.andThen(
        made.clampAvailable(
          Object.fromEntries(limits.flatMap(({ capacity, resource }) => {
            const one = old.find((limit) => limit.resource === resource)
            return one === undefined
              ? []
              : [[resource, Math.max(0, capacity - (one.capacity - one.available))]]
          }))
        ),
        pausedFor === undefined ? Effect.void : made.pause(pausedFor)
      )
  )

/** What was taken of the limits of a fleet, the fleet knows: whoever told it here would take it from all. A pause lasts as long. */
const sharedLimiter = (
  made: RateLimiter.RateLimiter,
  before: RateLimiter.RateLimiter
): Effect.Effect<void> =>
  Effect.flatMap(before.snapshot, ({ pausedFor }) => pausedFor === undefined ? Effect.void : made.pause(pausedFor))

/** How the limits of a file go on. */
export const limiterIn = ({ cluster }: Config): typeof limiter => cluster === undefined ? limiter : sharedLimiter

/** A limit that an operator has pinned stays pinned. What it has learnt it learns anew. */
export const concurrencyLimit = (
  made: ConcurrencyLimit.ConcurrencyLimit,
  before: ConcurrencyLimit.ConcurrencyLimit
): Effect.Effect<void> =>
  Effect.flatMap(before.snapshot, ({ pinned }) => pinned === undefined ? Effect.void : made.control.pin(pinned))

/** A bulkhead of which the file says the same has as many slots as an operator has given to the one before. */
export const bulkhead = (
  made: Bulkhead.Bulkhead,
  before: Bulkhead.Bulkhead,
  saidBefore: number
): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.all([before.snapshot, made.snapshot]),
    ([{ concurrency }, { concurrency: said }]) =>
      said === saidBefore && said !== concurrency ? made.resize(concurrency) : Effect.void
  )

/** The keys that an operator has parked stay parked, wherever the file has them now. What a provider has refused may be mended. */
export const keys = (
  made: ChatClient.ChatClient["Service"],
  before: ChatClient.ChatClient["Service"]
): Effect.Effect<void> =>
  Effect.map(KeyRing.now, (now) => {
    const ring = connectionOf(before)?.calls.ring
    if (ring !== undefined) connectionOf(made)?.calls.ring.parkAs(ring, now)
  })

/** The answers that were kept, with their ages. */
export const cache = <E>(
  { cache }: ModelCascade.ModelCascade<E>,
  before: ModelCascade.ModelCascade<E>
): Effect.Effect<void> => Effect.sync(() => takeOverCache(cache, before.cache))
