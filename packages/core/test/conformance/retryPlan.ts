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

/** Jitter of the sources, as ours; a name that is missing here has no counterpart. */
const jitters: { readonly [jitter: string]: Retry.Jitter } = { uniform25: 0.25, decorrelatedV2: "decorrelated" }
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
  const baseDelay = numberOf(config["delayMs"])
  const maxDelay = numberOf(config["maxDelayMs"]) ?? Number.MAX_SAFE_INTEGER
  if (baseDelay === undefined) return not("unknown setting", "no delayMs")
  const scattered = jitter === undefined ? jitterFactor ?? "none" : jitters[String(jitter)]
  if (scattered === undefined) return not("unknown setting", `jitter: ${String(jitter)}`)
  // What is capped from the start does not grow, whatever the law of its growth.
  const isConstant = backoff === "fixed" || backoff === "constant" || baseDelay >= maxDelay
  if (!isConstant && backoff !== "exponential") return not("a wait that does not grow by a factor", String(backoff))
  const outcomes = steps.flatMap((step) => (step["outcomes"] ?? []) as ReadonlyArray<string>)
  if (outcomes.includes("failureResult")) return not("a value that is retried", "failureResult")
  const odd = outcomes.find((outcome) => outcome !== "success" && !(outcome in errors))
  if (odd !== undefined) return not("unknown operation", odd)
  const options: Retry.Options = {
    maxAttempts: numberOf(config["maxAttempts"]) ?? Number.MAX_SAFE_INTEGER,
    baseDelay,
    factor: isConstant ? 1 : factor as number,
    maxDelay,
    jitter: scattered as Retry.Jitter
  }
  // Made once before anything is played, so that an option out of range is refused whatever the steps are.
  const replay = Effect.andThen(Retry.make(options), play(steps, options, flavour.firstAttempt))
  return { replay: Effect.provide(replay, TestClock.layer()) }
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
