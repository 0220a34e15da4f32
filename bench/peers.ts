/** The peers, set up as their documentation says, each as near to the same promise as its options allow. */
import {
  bulkhead,
  circuitBreaker,
  CircuitBreakerPolicy,
  CountBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  timeout,
  TimeoutStrategy,
  wrap
} from "cockatiel"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import OpossumBreaker from "opossum"

/** The platform's breaker, a circuit for each key: the rate over so many calls, kept in memory. */
export const platformKeyed = async (calls: number) => {
  const tripPolicy = CircuitBreaker.rate({ threshold: 0.5, size: calls, minimumCalls: 10 })
  const layer = CircuitBreaker.layer({ tripPolicy, openDuration: "1 hour" })
  const runtime = ManagedRuntime.make(Layer.provide(layer, CircuitBreaker.layerStoreMemory()))
  const breaker = await runtime.runPromise(CircuitBreaker.CircuitBreaker)
  return (key: string) => <A, E, R>(call: Effect.Effect<A, E, R>) => breaker.execute(call, { key })
}

/** The platform's breaker with one circuit. */
export const platformBreaker = async (calls: number) => (await platformKeyed(calls))("model")

/** The platform's limiter: a function that puts it around an effect, refusing what is over the limit. */
export const platformLimiter = (limit: number) => {
  const runtime = ManagedRuntime.make(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
  return runtime.runPromise(
    Effect.map(
      RateLimiter.makeWithRateLimiter,
      (withLimiter) => withLimiter({ algorithm: "token-bucket", key: "model", limit, window: "1 hour" })
    )
  )
}

/** opossum at its cheapest: no time-out, no percentiles. */
export const opossumBreaker = (call: () => Promise<number>): OpossumBreaker<number> =>
  new OpossumBreaker(call, {
    timeout: false,
    rollingPercentilesEnabled: false,
    errorThresholdPercentage: 50,
    volumeThreshold: 10,
    resetTimeout: 3_600_000
  })

export const cockatielBreaker = (): CircuitBreakerPolicy =>
  circuitBreaker(handleAll, {
    halfOpenAfter: 3_600_000,
    breaker: new CountBreaker({ threshold: 0.5, size: 100, minimumNumberOfCalls: 10 })
  })

/** Retry, breaker, time-out and bulkhead, the time-out in the given strategy. */
export const cockatielWrap = (strategy: TimeoutStrategy) =>
  wrap(
    retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    cockatielBreaker(),
    timeout(10_000, strategy),
    bulkhead(50, 50)
  )
