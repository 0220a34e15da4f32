/** The reason that each change of state gives. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Outcome } from "@switchgear/core"
import { Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"

const bad = Effect.fail("bad" as const)

describe("what closes and opens a circuit", () => {
  const slowly = { slowCallDuration: "1 second", slowCallRate: 0.5 } as const

  const reasonOf = (options: Partial<CircuitBreaker.Options>, act: Act) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1, ...options })
      const seen = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(breaker.transitions, ({ reason }) => !/manual|open-elapsed/.test(reason))),
        { startImmediately: true }
      )
      yield* act(breaker)
      yield* breaker.state
      return Option.map(yield* Fiber.join(seen), ({ reason }) => reason)
    })

  type Act = (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown, unknown>

  const order: Act = (breaker) => Effect.exit(breaker.protectWith({ classify: () => Outcome.tripFor("1 hour") })(bad))

  const probe = (act: Act): Act => (breaker) =>
    breaker.control.trip("1 second").pipe(Effect.andThen(TestClock.adjust("1 second")), Effect.andThen(act(breaker)))

  const hang: Act = (breaker) =>
    Effect.andThen(
      Effect.forkDetach(breaker.protect(Effect.never), { startImmediately: true }),
      TestClock.adjust("1 hour")
    )

  it.effect.each<readonly [CircuitBreaker.TransitionReason, Partial<CircuitBreaker.Options>, Act]>([
    ["trip-for", {}, order],
    ["trip-for", {}, probe(order)],
    [
      "consecutive-failures",
      { failureRate: "off", consecutiveFailures: 1 },
      (breaker) => Effect.exit(breaker.protect(bad))
    ],
    ["slow-call-rate", slowly, hang],
    ["probe-outlasted", {}, probe(hang)]
  ])("is told with its reason: %s", ([reason, options, act]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reasonOf(options, act), Option.some(reason))
    }))
})
