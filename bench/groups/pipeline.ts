/** What the whole stack costs a call that passes it. */
import { Bulkhead, CircuitBreaker, Deadline, Pipeline, RateLimiter, Retry } from "@switchgear/core"
import { TimeoutStrategy } from "cockatiel"
import { Effect, Schedule } from "effect"
import { awaited, inFiber, measure } from "../harness.ts"
import { asyncFunction, bareAsync, barePromised, promised } from "../operations.ts"
import { cockatielWrap, platformBreaker } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const makeParts = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ name: "model" })
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 50, queue: 50 })
  const rateLimiter = yield* RateLimiter.make({
    name: "model",
    limits: [RateLimiter.requests(1_000_000_000, "1 hour")]
  })
  const retry = yield* Retry.make({ maxAttempts: 3 })
  return { breaker, bulkhead, rateLimiter, retry }
})

const handComposed = Effect.map(makeParts, ({ breaker, bulkhead, rateLimiter, retry }) =>
  promised.pipe(
    Deadline.attempt("10 seconds"),
    breaker.protect,
    bulkhead.protect,
    rateLimiter.protect,
    breaker.gate,
    retry.protect,
    Deadline.within("30 seconds")
  ))

const fused = Effect.gen(function*() {
  const parts = yield* makeParts
  const pipeline = yield* Pipeline.make({ ...parts, deadline: "30 seconds", attemptTimeout: "10 seconds" })
  return pipeline.protect(promised)
})

// What an attempt time-out cannot save that ends the attempt and waits for its end: a fiber of its own.
const floor = Effect.withFiber<number>((fiber) =>
  Effect.callback((resume) => {
    const child = Effect.runForkWith(fiber.context)(promised)
    child.addObserver(resume)
  })
)

const platform = async () => {
  const breaker = await platformBreaker(100)
  return promised.pipe(
    Effect.timeout("10 seconds"),
    breaker,
    Effect.retry({ times: 2, schedule: Schedule.exponential("200 millis") })
  )
}

export const pipeline = async (settings: Settings): Promise<Section> => {
  const aggressive = cockatielWrap(TimeoutStrategy.Aggressive)
  const cooperative = cockatielWrap(TimeoutStrategy.Cooperative)
  return {
    title: "Pipeline: deadline, retry, rate limiter, bulkhead, breaker and attempt time-out around a promise",
    notes: [
      "The floor is the promise in a fiber of its own, which a time-out needs to interrupt it; there is no timer and no guard.",
      "cockatiel's aggressive time-out frees the caller when the time is up, as the others do; its cooperative one relies on the callee."
    ],
    rows: await measure(settings, [
      barePromised,
      { name: "floor", over: barePromised.name, run: inFiber(floor) },
      { name: "platform, breaker + timeout + retry", over: barePromised.name, run: inFiber(await platform()) },
      bareAsync,
      {
        name: "cockatiel, wrap of 4",
        over: bareAsync.name,
        run: awaited(() => aggressive.execute(asyncFunction))
      },
      {
        name: "cockatiel, wrap of 4, cooperative",
        over: bareAsync.name,
        run: awaited(() => cooperative.execute(asyncFunction))
      },
      {
        name: "hand-composed stack of 7",
        over: barePromised.name,
        against: [
          { peer: "platform, breaker + timeout + retry" },
          { peer: "cockatiel, wrap of 4" },
          { peer: "cockatiel, wrap of 4, cooperative" }
        ],
        run: inFiber(await Effect.runPromise(handComposed))
      },
      {
        name: "Pipeline of all parts",
        over: barePromised.name,
        against: [
          { peer: "platform, breaker + timeout + retry", atMost: 1 / 6 },
          { peer: "cockatiel, wrap of 4", atMost: 1 / 4 },
          { peer: "cockatiel, wrap of 4, cooperative" },
          { peer: "hand-composed stack of 7" },
          { peer: "floor" }
        ],
        run: inFiber(await Effect.runPromise(fused))
      }
    ])
  }
}
