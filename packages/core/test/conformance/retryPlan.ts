/** Plays retry scenarios: how often a call is made, how long is waited in between, and what comes of it. */
import { CircuitBreaker, Retry } from "@switchgear/core"
import { Clock, Duration, Effect, Exit, Fiber, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import type { Facts, NotExpressible, Plan, Trace } from "./judge.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

const flavours: { readonly [semantics: string]: { readonly firstAttempt: number } } = {
  "resilience4j": { firstAttempt: 1 },
  "polly-v8": { firstAttempt: 0 },
  "rezilience": { firstAttempt: 1 }
}
const settings = new Set(["maxAttempts", "backoff", "delayMs", "maxDelayMs", "factor", "jitter", "jitterFactor"])

const errors: { readonly [outcome: string]: Effect.Effect<unknown> } = {
  failure: Effect.succeed({ _tag: "ServiceError" }),
  circuitOpen: Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "conformance" })
    yield* breaker.control.forceOpen
    return yield* Effect.flip(breaker.protect(Effect.never))
  })
}

export const planRetry = (scenario: Scenario): Plan | NotExpressible => {
  const { config, steps } = scenario
  const flavour = flavours[config.semantics]
  if (!flavour) return not("unknown semantics", config.semantics)
  const strange = unknownIn(scenario, {
    settings,
    ops: new Set(["run", "delay"]),
    details: new Set(["outcomes", "attempt", "random"])
  })
  if (strange) return strange
  const { backoff, factor = 2, jitter, jitterFactor } = config
  const base = numberOf(config["delayMs"])
  const longest = numberOf(config["maxDelayMs"]) ?? Number.MAX_SAFE_INTEGER
  if (base === undefined) return not("unknown setting", "no delayMs")
  if (base === 0) return not("a wait of no length", "delayMs: 0")
  if (jitterFactor !== undefined) return not("jitter above the wait", "jitterFactor")
  if (jitter !== undefined && jitter !== "decorrelatedV2")
    return not("jitter above the wait", `jitter: ${String(jitter)}`)
  // What is capped from the start does not grow, whatever the factor.
  const constant = backoff === "fixed" || backoff === "constant" || base >= longest
  if (!constant && (backoff !== "exponential" || factor !== 2)) {
    return not("a wait that grows by another factor", `${String(backoff)} ${String(factor)}`)
  }
  const outcomes = steps.flatMap((step) => (step["outcomes"] ?? []) as ReadonlyArray<string>)
  if (outcomes.includes("failureResult")) return not("a value that is retried", "failureResult")
  const odd = outcomes.find((outcome) => outcome !== "success" && !(outcome in errors))
  if (odd !== undefined) return not("unknown operation", odd)
  const options: Retry.Options = {
    maxAttempts: numberOf(config["maxAttempts"]) ?? Number.MAX_SAFE_INTEGER,
    baseDelay: Math.min(base, longest),
    maxDelay: constant ? Math.min(base, longest) : longest,
    jitter: jitter === undefined ? "none" : "decorrelated"
  }
  return { replay: Effect.provide(play(steps, options, flavour.firstAttempt), TestClock.layer()) }
}

const play = (steps: ReadonlyArray<Step>, options: Retry.Options, firstAttempt: number): Effect.Effect<Trace> =>
  Effect.forEach(steps, (step) =>
    Effect.map(
      step.op === "run"
        ? run(step["outcomes"] as ReadonlyArray<string>, options)
        : delay(numberOf(step["attempt"])! - firstAttempt, numberOf(step["random"]), options),
      (facts) => [facts]
    ))

const run = (outcomes: ReadonlyArray<string>, options: Retry.Options): Effect.Effect<Facts> =>
  Effect.gen(function*() {
    const policy = yield* Retry.make(options)
    const start = yield* Clock.currentTimeMillis
    let calls = 0
    let last = start
    const call = Effect.gen(function*() {
      last = yield* Clock.currentTimeMillis
      const outcome = outcomes[calls++]
      if (outcome === undefined) return yield* Effect.die(new Error("called more often than there are outcomes"))
      if (outcome === "success") return
      return yield* Effect.fail(yield* errors[outcome]!)
    })
    const fiber = yield* Effect.forkChild(Effect.exit(policy.protect(call)), { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 hour")
    const exit = yield* Fiber.join(fiber)
    return { calls, totalWaitMs: last - start, result: Exit.isSuccess(exit) ? "success" : "failure" }
  })

// The wait that follows the failed attempt of that number, from 0.
const delay = (attempt: number, draw: number | undefined, options: Retry.Options): Effect.Effect<Facts> =>
  Effect.gen(function*() {
    const step = yield* Schedule.toStep(Retry.schedule(options))
    let wait = Duration.zero
    for (let i = 0; i <= attempt; i++) wait = (yield* Effect.orDie(step(0, { _tag: "ServiceError" })))[1]
    return { waitMs: Duration.toMillis(wait) }
  }).pipe((self) =>
    draw === undefined
      ? self
      : Effect.updateService(self, Random.Random, (random) => ({ ...random, nextDoubleUnsafe: () => draw }))
  )
