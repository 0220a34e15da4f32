import {
  AdaptiveThrottle,
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Hedge,
  RateLimiter,
  RetryBudget
} from "@switchgear/core"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"

class Circuit extends CircuitBreaker.Service<Circuit>()("gpt-4.1", { minimumCalls: 1 }) {}
class Slots extends Bulkhead.Service<Slots>()("gpt-4.1", { concurrency: 1 }) {}
class Moving extends ConcurrencyLimit.Service<Moving>()("gpt-4.1", { max: 5 }) {}
class Limit extends RateLimiter.Service<Limit>()("gpt-4.1", { limits: [RateLimiter.requests(10, "1 minute")] }) {}
class Throttle extends AdaptiveThrottle.Service<Throttle>()("gpt-4.1") {}
class Beside extends Hedge.Service<Beside>()("gpt-4.1") {}
class Budget extends RetryBudget.Service<Budget>()("gpt-4.1") {}

it.effect("guards of several kinds with one id are several services, and each has that name", () =>
  Effect.gen(function*() {
    const call = Effect.fail("503").pipe(
      Circuit.protect,
      Slots.protect,
      Moving.protect,
      Limit.protect,
      Throttle.protect,
      Beside.protect,
      Budget.within
    )
    assert.strictEqual(yield* Effect.flip(call), "503")
    const error = yield* Effect.flip(call)
    assert.instanceOf(error, CircuitBreaker.CircuitOpen)
    const guards = [
      yield* Circuit,
      yield* Slots,
      yield* Moving,
      yield* Limit,
      yield* Throttle,
      yield* Beside,
      yield* Budget
    ]
    assert.deepStrictEqual(new Set(guards.map(({ name }) => name)), new Set(["gpt-4.1"]))
  }).pipe(
    Effect.provide(
      Layer.mergeAll(Circuit.layer, Slots.layer, Moving.layer, Limit.layer, Throttle.layer, Beside.layer, Budget.layer)
    )
  ))
