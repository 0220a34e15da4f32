/** What it costs to be refused, from the call to the handled error. */
import { Bulkhead, CircuitBreaker, RateLimiter } from "@switchgear/core"
import { Clock, Duration, Effect } from "effect"
import { awaited, inFiber, measure, type Subject } from "../harness.ts"
import { asyncFunction, bareAsync, synchronous } from "../operations.ts"
import { cockatielBreaker, opossumBreaker, platformBreaker, platformLimiter } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const handled = () => Effect.succeed(1)
const failing = Effect.fail("503")
const unreachable = Effect.sync(() => 0)

const openBreaker = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 hour" })
  for (let i = 0; i < 10; i++) yield* Effect.ignore(breaker.protect(failing))
  return Effect.catchTag(breaker.protect(unreachable), "CircuitOpen", handled)
})

const openPlatformBreaker = async () => {
  const execute = await platformBreaker(100)
  for (let i = 0; i < 10; i++) await Effect.runPromise(Effect.ignore(execute(failing)))
  return Effect.catchTag(execute(unreachable), "CircuitBreakerError", handled)
}

const fullBulkhead = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 0 })
  yield* Effect.forkDetach(bulkhead.protect(Effect.never), { startImmediately: true })
  return Effect.catchTag(bulkhead.protect(unreachable), "BulkheadFull", handled)
})

const emptyLimiter = Effect.gen(function*() {
  const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(1, "1 hour")] })
  yield* limiter.protect(synchronous)
  return Effect.catchTag(limiter.protect(unreachable), "RateLimited", handled)
})

const emptyPlatformLimiter = async () => {
  const limited = await platformLimiter(1)
  await Effect.runPromise(limited(synchronous))
  return Effect.catchTag(limited(unreachable), "RateLimiterError", handled)
}

class Refused extends Error {
  readonly _tag = "Refused"
  readonly retryAfter: Duration.Duration

  constructor(retryAfter: Duration.Duration) {
    super()
    this.retryAfter = retryAfter
  }
}

const unstacked = (retryAfter: Duration.Duration): Refused => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = undefined as never
  const error = new Refused(retryAfter)
  Error.stackTraceLimit = limit
  return error
}

// What no circuit saves that refuses with an error of its own for each call, which says when to come again.
const floor = Effect.catchTag(
  Effect.withFiber<number, Refused>((fiber) => {
    const now = Number(fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe())
    return Effect.fail(unstacked(Duration.millis(Math.ceil(now / 1e6))))
  }),
  "Refused",
  handled
)

// A promise is refused by a rejected promise, and handled by `catch`.
const refused = (call: () => Promise<number>): Subject["run"] => awaited(() => call().catch(() => 1))

const tripped = async <B>(breaker: B, fail: (breaker: B) => Promise<unknown>): Promise<B> => {
  for (let i = 0; i < 10; i++) await fail(breaker).catch(() => 1)
  return breaker
}

export const rejection = async (settings: Settings): Promise<Section> => {
  const cockatiel = await tripped(cockatielBreaker(), (breaker) => breaker.execute(() => Promise.reject("503")))
  const opossum = opossumBreaker(asyncFunction)
  opossum.open()
  const bare: Subject = { name: "bare answer", run: inFiber(Effect.succeed(1)) }
  return {
    title: "Rejection: refused and handled, the typed failure included",
    notes: ["The floor looks at the clock and fails with a new native error without a stack; it has no circuit."],
    rows: await measure(settings, [
      bare,
      { name: "floor", over: bare.name, run: inFiber(floor) },
      { name: "platform, open breaker", over: bare.name, run: inFiber(await openPlatformBreaker()) },
      { name: "platform, empty limiter", over: bare.name, run: inFiber(await emptyPlatformLimiter()) },
      bareAsync,
      { name: "opossum, open breaker", over: bareAsync.name, run: refused(() => opossum.fire()) },
      { name: "cockatiel, open breaker", over: bareAsync.name, run: refused(() => cockatiel.execute(asyncFunction)) },
      {
        name: "open breaker",
        over: bare.name,
        against: [
          { peer: "platform, open breaker", atMost: 1 / 25 },
          { peer: "floor" },
          { peer: "opossum, open breaker" },
          { peer: "cockatiel, open breaker" }
        ],
        run: inFiber(await Effect.runPromise(openBreaker))
      },
      {
        name: "full bulkhead",
        over: bare.name,
        against: [{ peer: "platform, empty limiter", atMost: 1 / 10 }],
        run: inFiber(await Effect.runPromise(fullBulkhead))
      },
      {
        name: "empty limiter",
        over: bare.name,
        against: [{ peer: "platform, empty limiter", atMost: 1 / 10 }],
        run: inFiber(await Effect.runPromise(emptyLimiter))
      }
    ])
  }
}
