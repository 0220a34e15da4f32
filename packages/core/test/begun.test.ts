/**
 * A rejection counts as one only for the guards whose call it refused. What was not begun says nothing about the callee
 * and costs nothing; a rejection that comes out of work that was begun is an answer like any other.
 */
import {
  Attempts,
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  Pipeline,
  RateLimiter,
  Retry,
  RetryBudget
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

type Combinator = <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, unknown>

const limiterOf = (requests: number) =>
  RateLimiter.make({ name: "model", limits: [RateLimiter.requests(requests, "1 hour")] })

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits[0]!.available)

const openCircuit = Effect.tap(CircuitBreaker.make({ name: "tool" }), ({ control }) => control.forceOpen)

const fullBulkhead = Effect.tap(
  Bulkhead.make({ name: "full", concurrency: 1 }),
  ({ protect }) => Effect.forkDetach(protect(Effect.never), { startImmediately: true })
)

const fullLimit = Effect.tap(
  ConcurrencyLimit.make({ name: "full", initial: 1, min: 1 }),
  ({ protect }) => Effect.forkDetach(protect(Effect.never), { startImmediately: true })
)

const emptyLimiter = Effect.tap(limiterOf(1), ({ reserve }) => Effect.orDie(reserve({})))

class Tool extends CircuitBreaker.Service<Tool>()("Tool") {}

/** Everything that can refuse a call. */
const refusals: { readonly [name: string]: Effect.Effect<Combinator> } = {
  "an open circuit": Effect.map(openCircuit, ({ protect }) => protect),
  "the gate of an open circuit": Effect.map(openCircuit, ({ gate }) => gate),
  "the circuit of a service": Effect.map(
    openCircuit,
    (breaker): Combinator => (self) => Effect.provide(self.pipe(Tool.protect), Layer.succeed(Tool, breaker))
  ),
  "a full bulkhead": Effect.map(fullBulkhead, ({ protect }) => protect),
  "a full concurrency limit": Effect.map(fullLimit, ({ protect }) => protect),
  "an empty limiter": Effect.map(emptyLimiter, ({ protect }) => protect),
  "a deadline that is over": Effect.succeed(Deadline.within(0)),
  "a pipeline with an open circuit": Effect.flatMap(
    openCircuit,
    (breaker) =>
      Effect.map(Pipeline.make({ breaker, attemptTimeout: "1 second" }), ({ protect }): Combinator => protect)
  ),
  "a pipeline with a full bulkhead": Effect.flatMap(
    fullBulkhead,
    (bulkhead) => Effect.map(Pipeline.make({ bulkhead, deadline: "1 second" }), ({ protect }): Combinator => protect)
  )
}

/** What may stand between two guards without hiding one from the other. */
const between = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ name: "between" })
  const bulkhead = yield* Bulkhead.make({ name: "between", concurrency: 10 })
  const limit = yield* ConcurrencyLimit.make({ name: "between" })
  const layers: { readonly [name: string]: Combinator } = {
    "directly around": (self) => self,
    "around a circuit around": breaker.protect,
    "around a bulkhead around": bulkhead.protect,
    "around a concurrency limit around": limit.protect,
    "around a gate around": breaker.gate,
    "around a time-out around": Deadline.attempt("1 second"),
    "around a deadline around": Deadline.within("1 second"),
    "around a retry around": Retry.retry({ maxAttempts: 2 }),
    "around a budget of attempts around": Attempts.within(3),
    "around a budget of retries around": RetryBudget.within(yield* RetryBudget.make({ name: "between" })),
    "around another answer in time around": Deadline.timeoutOrElse({
      duration: "1 second",
      orElse: () => Effect.never
    }),
    "around no deadline around": Deadline.detached,
    "around no budget of attempts around": Attempts.detached
  }
  return layers
})

for (const [name, make] of Object.entries(refusals)) {
  if (name === "the circuit of a service") continue
  describe(`a call that ${name} refuses`, () => {
    it.effect("takes nothing from a limiter around, whatever guards are in between", () =>
      Effect.gen(function*() {
        const refuse = yield* make
        for (const [where, layer] of Object.entries(yield* between)) {
          const limiter = yield* limiterOf(3)
          let made = 0
          const call = Effect.sync(() => ++made).pipe(refuse, layer)
          for (let n = 0; n < 10; n++) yield* Effect.exit(limiter.protect(call))
          assert.deepStrictEqual([made, yield* available(limiter)], [0, 3], where)
        }
      }))

    it.effect("takes nothing from the limiter of a pipeline around", () =>
      Effect.gen(function*() {
        const refuse = yield* make
        const rateLimiter = yield* limiterOf(3)
        for (
          const parts of [{ rateLimiter }, { rateLimiter, attemptTimeout: "1 second" }, {
            rateLimiter,
            deadline: "1 second"
          }] as const
        ) {
          const { protect } = yield* Pipeline.make(parts)
          for (let n = 0; n < 10; n++) yield* Effect.exit(Effect.void.pipe(refuse, protect))
          assert.strictEqual(yield* available(rateLimiter), 3)
        }
      }))
  })
}

class Retries extends RetryBudget.Service<Retries>()("model") {}

it.effect("a retry budget that is a service hides no guard", () =>
  Effect.gen(function*() {
    const limiter = yield* limiterOf(3)
    const breaker = yield* openCircuit
    const call = Effect.void.pipe(breaker.protect, Retries.within, limiter.protect)
    for (let n = 0; n < 10; n++) yield* Effect.exit(call)
    assert.strictEqual(yield* available(limiter), 3)
  }).pipe(Effect.provide(Retries.layer)))

it.effect("a service's guard directly inside is seen as the guard that it is", () =>
  Effect.gen(function*() {
    const limiter = yield* limiterOf(3)
    const call = Effect.void.pipe(Tool.protect, limiter.protect)
    const breaker = yield* openCircuit
    for (let n = 0; n < 10; n++) yield* Effect.exit(call).pipe(Effect.provideService(Tool, breaker))
    assert.strictEqual(yield* available(limiter), 3)
  }))

for (const [name, make] of Object.entries(refusals)) {
  const isDeadline = name === "a deadline that is over"

  describe(`an agent that has called its provider and is then refused by ${name}`, () => {
    const agentOf = (refuse: Combinator) => {
      const provider = { calls: 0 }
      const agent = Effect.andThen(Effect.sync(() => provider.calls++), refuse(Effect.succeed("tool result")))
      return { agent, provider }
    }

    it.effect("has spent its tokens", () =>
      Effect.gen(function*() {
        const { agent, provider } = agentOf(yield* make)
        const limiter = yield* limiterOf(2)
        const { protect } = yield* Pipeline.make({ rateLimiter: limiter, attemptTimeout: "10 seconds" })
        for (let n = 0; n < 50; n++) yield* Effect.exit(n % 2 === 0 ? limiter.protect(agent) : protect(agent))
        assert.deepStrictEqual([provider.calls, yield* available(limiter)], [2, 0])
      }))

    if (isDeadline) return

    it.effect("is counted, and not as a failure of the provider", () =>
      Effect.gen(function*() {
        const { agent, provider } = agentOf(yield* make)
        const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
        const { protect } = yield* Pipeline.make({ breaker, attemptTimeout: "10 seconds" })
        for (let n = 0; n < 50; n++) yield* Effect.exit(n % 2 === 0 ? breaker.protect(agent) : protect(agent))
        const { calls, failed, state } = yield* breaker.snapshot
        assert.deepStrictEqual([provider.calls, calls, failed, state], [50, 50, 0, "Closed"])
      }))

    it.effect("decides the probe that it was", () =>
      Effect.gen(function*() {
        const { agent } = agentOf(yield* make)
        const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 second" })
        yield* breaker.control.trip()
        yield* TestClock.adjust("1 second")
        for (let n = 0; n < 5; n++) yield* Effect.exit(breaker.protect(agent))
        assert.strictEqual(yield* breaker.state, "Closed")
      }))
  })
}

it.effect("a probe that a bulkhead directly inside refuses is none: the next one probes", () =>
  Effect.gen(function*() {
    const bulkhead = yield* fullBulkhead
    const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 second", halfOpen: { calls: 1 } })
    yield* breaker.control.trip()
    yield* TestClock.adjust("1 second")
    for (let n = 0; n < 5; n++) yield* Effect.exit(Effect.void.pipe(bulkhead.protect, breaker.protect))
    assert.strictEqual(yield* breaker.state, "HalfOpen")
    yield* breaker.protect(Effect.void)
    assert.strictEqual(yield* breaker.state, "Closed")
  }))

it.effect("a call through two circuits decides the outer one's probe when the inner one is open", () =>
  Effect.gen(function*() {
    const tool = yield* openCircuit
    const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 second" })
    yield* breaker.control.trip()
    yield* TestClock.adjust("1 second")
    for (let n = 0; n < 5; n++) yield* Effect.exit(Effect.void.pipe(tool.protect, breaker.protect))
    assert.notStrictEqual(yield* breaker.state, "HalfOpen")
  }))

it.effect("a call that is interrupted while it waits for a guard further in has its tokens back", () =>
  Effect.gen(function*() {
    const rateLimiter = yield* limiterOf(3)
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 5 })
    yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
    const { protect } = yield* Pipeline.make({ rateLimiter, bulkhead })
    for (const guarded of [protect, (self: Effect.Effect<void>) => self.pipe(bulkhead.protect, rateLimiter.protect)]) {
      const fiber = yield* Effect.forkChild(guarded(Effect.void), { startImmediately: true })
      assert.strictEqual(yield* available(rateLimiter), 2)
      fiber.interruptUnsafe()
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* available(rateLimiter), 3)
    }
  }))

it.effect("each attempt of a retry is begun or not for itself", () =>
  Effect.gen(function*() {
    const rateLimiter = yield* limiterOf(10)
    const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 2, window: CircuitBreaker.lastCalls(2) })
    const retry = yield* Retry.make({ maxAttempts: 3, baseDelay: "1 millis", jitter: "none", while: () => true })
    const { protect } = yield* Pipeline.make({ rateLimiter, breaker, retry })
    const fiber = yield* Effect.forkChild(Effect.flip(protect(Effect.fail("503"))), { startImmediately: true })
    yield* TestClock.adjust("1 second")
    assert.instanceOf(yield* Fiber.join(fiber), CircuitBreaker.CircuitOpen)
    assert.strictEqual(Math.floor(yield* available(rateLimiter)), 8)
  }))

describe("a provider that fails, and whose circuit then refuses the second attempt,", () => {
  const again = Retry.retry({ maxAttempts: 2, baseDelay: "1 millis", while: () => true })
  const failing = (outer: Combinator) =>
    Effect.gen(function*() {
      const inner = yield* CircuitBreaker.make({ name: "inner", minimumCalls: 1 })
      const fiber = yield* Effect.forkChild(Effect.exit(Effect.fail("503").pipe(inner.protect, again, outer)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      return yield* Fiber.join(fiber)
    })

  it.effect("has failed for the circuit around the retry, also as a probe", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 minute", halfOpen: { calls: 1 } })
      const { protect } = yield* Pipeline.make({ breaker, deadline: "1 minute" })
      yield* failing(breaker.protect)
      yield* failing(protect)
      const { calls, failed } = yield* breaker.snapshot
      assert.deepStrictEqual([calls, failed], [2, 2])
      yield* breaker.control.trip()
      yield* TestClock.adjust("1 minute")
      yield* failing(breaker.protect)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("has spent the tokens of the limiter around the retry", () =>
    Effect.gen(function*() {
      const limiter = yield* limiterOf(3)
      const { protect } = yield* Pipeline.make({ rateLimiter: limiter, deadline: "1 minute" })
      yield* failing(limiter.protect)
      yield* failing(protect)
      assert.strictEqual(Math.floor(yield* available(limiter)), 1)
    }))
})

it.effect("a rejection of somebody's own class is treated as those of the library", () =>
  Effect.gen(function*() {
    class TooBusy extends Schema.TaggedError<TooBusy>()("TooBusy", {}) {
      get ["~switchgear/Rejection"](): true {
        return true
      }
    }
    const limiter = yield* limiterOf(2)
    const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
    const call = Effect.fail(new TooBusy()).pipe(breaker.protect, limiter.protect)
    for (let n = 0; n < 5; n++) yield* Effect.exit(call)
    assert.deepStrictEqual([yield* available(limiter), (yield* breaker.snapshot).failed], [0, 0])
  }))

describe("a circuit judges no call that has not begun", () => {
  const judged = (breaker: CircuitBreaker.CircuitBreaker) =>
    Effect.map(breaker.snapshot, ({ calls, failed, inFlight }) => [calls, failed, inFlight])

  it.effect("though its caller's deadline comes while it waits inside the circuit", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "1 hour" })
      yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
      const call = Effect.void.pipe(bulkhead.protect, breaker.protect)
      const request = Effect.all([call, call], { concurrency: "unbounded" }).pipe(Deadline.within("4 seconds"))
      const fiber = yield* Effect.forkChild(Effect.exit(request), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* judged(breaker), [0, 0, 0])
    }))

  it.effect("though it is interrupted while it is told that it was refused", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const rateLimiter = yield* RateLimiter.make({
        name: "model",
        limits: [RateLimiter.requests(1, "1 hour")],
        maxWait: "1 second"
      })
      yield* rateLimiter.reserve({})
      const fiber = yield* Effect.forkChild(Effect.void.pipe(rateLimiter.protect, breaker.protect), {
        startImmediately: true
      })
      yield* rateLimiter.pause("10 minutes")
      fiber.interruptUnsafe()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* judged(breaker), [0, 0, 0])
    }))
})

it.effect("a limit that is set inside a circuit is the callee's, however short: a tool that hangs behind it opens the circuit", () =>
  Effect.gen(function*() {
    const outside: ReadonlyArray<Combinator> = [(self) => self, Deadline.within("1 hour"), Deadline.attempt("1 hour")]
    for (const around of outside) {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const tool = Effect.never.pipe(Deadline.within("100 millis"), breaker.protect, around)
      for (let n = 0; n < 10; n++) {
        const fiber = yield* Effect.forkChild(Effect.exit(tool), { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        yield* Fiber.join(fiber)
      }
      assert.strictEqual(yield* breaker.state, "Open")
    }
  }))
