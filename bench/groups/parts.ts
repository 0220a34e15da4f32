/** What the other parts cost a call that passes, beside the platform's nearest. For information: they have no target. */
import {
  AdaptiveThrottle,
  Bulkhead,
  ConcurrencyLimit,
  Deadline,
  Hedge,
  RateLimiter,
  Retry,
  StaleCache
} from "@switchgear/core"
import { Cache, Effect, Schedule, Semaphore } from "effect"
import { inFiber, measure, type Subject } from "../harness.ts"
import { barePromised, bareSynchronous, promised, synchronous } from "../operations.ts"
import { platformLimiter } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

type Call = Effect.Effect<number, unknown>

const beside = (
  bare: Subject,
  platform: string,
  theirs: Call,
  name: string,
  ours: Call
): ReadonlyArray<Subject> => [
  { name: platform, over: bare.name, run: inFiber(theirs) },
  { name, over: bare.name, against: [{ peer: platform }], run: inFiber(ours) }
]

const late = { duration: "10 seconds", orElse: () => synchronous } as const

const setUp = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 50, queue: 50 })
  const limit = yield* ConcurrencyLimit.make({ name: "model" })
  const rateLimiter = yield* RateLimiter.make({
    name: "model",
    limits: [RateLimiter.requests(1_000_000_000, "1 hour")]
  })
  const cache = yield* Cache.make({ capacity: 10_000, lookup: (_key: string) => synchronous, timeToLive: "1 hour" })
  const stale = yield* StaleCache.make<number>({ name: "answers", timeToLive: "1 hour" })
  const semaphore = yield* Semaphore.make(50)
  const throttle = yield* AdaptiveThrottle.make({ name: "model" })
  // Its delay does not come while a promise is settled.
  const hedge = yield* Hedge.make({ name: "model", delay: "10 seconds" })
  const usual = yield* Hedge.make({ name: "model" })
  const endless = yield* Hedge.make({ name: "model", delay: "Infinity" })
  return { bulkhead, cache, endless, hedge, limit, rateLimiter, semaphore, stale, throttle, usual }
})

export const parts = async (settings: Settings): Promise<Section> => {
  const { bulkhead, cache, endless, hedge, limit, rateLimiter, semaphore, stale, throttle, usual } = await Effect
    .runPromise(
      setUp
    )
  const platformLimited = await platformLimiter(1_000_000_000)
  const retry = Retry.retry({ maxAttempts: 3 })
  const platformRetry = Effect.retry({ times: 2, schedule: Schedule.exponential("200 millis") })
  return {
    title: "The other parts: a call that passes",
    notes: [],
    rows: await measure(settings, [
      bareSynchronous,
      ...beside(
        bareSynchronous,
        "Semaphore.withPermits(1), free",
        semaphore.withPermits(1)(synchronous),
        "Bulkhead, free",
        bulkhead.protect(synchronous)
      ),
      {
        name: "ConcurrencyLimit, free",
        over: bareSynchronous.name,
        against: [{ peer: "Bulkhead, free" }],
        run: inFiber(limit.protect(synchronous))
      },
      {
        name: "ConcurrencyLimit, free, with a first token",
        over: bareSynchronous.name,
        against: [{ peer: "Bulkhead, free" }],
        run: inFiber(limit.protect(Effect.andThen(ConcurrencyLimit.firstToken, synchronous)))
      },
      ...beside(
        bareSynchronous,
        "RateLimiter, token bucket, under the limit",
        platformLimited(synchronous),
        "RateLimiter, under the limit",
        rateLimiter.protect(synchronous)
      ),
      ...beside(
        bareSynchronous,
        "Effect.retry, first attempt succeeds",
        platformRetry(synchronous),
        "Retry, first attempt succeeds",
        retry(synchronous)
      ),
      ...beside(
        bareSynchronous,
        "Effect.timeout, synchronous",
        Effect.timeout(synchronous, "10 seconds"),
        "Deadline.attempt, synchronous",
        Deadline.attempt("10 seconds")(synchronous)
      ),
      { name: "AdaptiveThrottle, idle", over: bareSynchronous.name, run: inFiber(throttle.protect(synchronous)) },
      { name: "Hedge, infinite delay", over: bareSynchronous.name, run: inFiber(endless.protect(synchronous)) },
      { name: "Hedge, idle, synchronous", over: bareSynchronous.name, run: inFiber(hedge.protect(synchronous)) },
      ...beside(
        bareSynchronous,
        "Cache, hit",
        Cache.get(cache, "question"),
        "StaleCache, hit",
        Effect.map(stale.through("question")(synchronous), ({ value }) => value)
      ),
      barePromised,
      ...beside(
        barePromised,
        "Effect.timeout, promise",
        Effect.timeout(promised, "10 seconds"),
        "Deadline.attempt, promise",
        Deadline.attempt("10 seconds")(promised)
      ),
      ...beside(
        barePromised,
        "Effect.timeoutOrElse, promise",
        Effect.timeoutOrElse(promised, late),
        "Deadline.timeoutOrElse, promise",
        Deadline.timeoutOrElse(late)(promised)
      ),
      { name: "Hedge, idle, fixed delay, promise", over: barePromised.name, run: inFiber(hedge.protect(promised)) },
      { name: "Hedge, idle, 95th percentile, promise", over: barePromised.name, run: inFiber(usual.protect(promised)) }
    ])
  }
}
