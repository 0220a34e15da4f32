/**
 * Plays scenarios of limits that move. Slots are taken and given back through a real `ConcurrencyLimit`. Samples are told to
 * its algorithm as they are written, because sources tell of more calls in flight than the limit allows, and of none.
 */
import { ConcurrencyLimit } from "@switchgear/core"
import { Clock, Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { FailsafeLimiter } from "./failsafeLimiter.ts"
import type { Facts, NotExpressible, Plan, Trace } from "./judge.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { planThrottler } from "./throttlerPlan.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

// What these take besides the options of `ConcurrencyLimit` is not public.
const { Aimd } = await vi.importActual<typeof import("../../src/concurrencyLimit/aimd.ts")>(
  "../../src/concurrencyLimit/aimd.ts"
)
const { Vegas } = await vi.importActual<typeof import("../../src/concurrencyLimit/vegas.ts")>(
  "../../src/concurrencyLimit/vegas.ts"
)

/** What a flavour understands, and the algorithm that its settings come to. */
interface Flavour {
  readonly settings: ReadonlyArray<string>
  readonly ops: ReadonlyArray<string>
  readonly algorithm: (config: Scenario["config"]) => ConcurrencyLimit.Algorithm | NotExpressible
}

const bounds = ["initialLimit", "minLimit", "maxLimit", "defaults"]
const ops = ["sample", "state", "acquire", "release", "advance"]
const details = new Set(["id", "ms", "rttMs", "inflight", "didDrop"])

const flavours: { readonly [semantics: string]: Flavour } = {
  aimd: {
    settings: [...bounds, "backoffRatio", "timeoutMs"],
    ops,
    algorithm: (config) => {
      const ratio = numberOf(config["backoffRatio"])
      const timeout = numberOf(config["timeoutMs"])
      return new Aimd({
        initial: numberOf(config["initialLimit"]) ?? 20,
        min: numberOf(config["minLimit"]) ?? 20,
        max: numberOf(config["maxLimit"]) ?? 200,
        ...ratio !== undefined && { ratio },
        timeout: timeout ?? 5000
      })
    }
  },
  vegas: {
    settings: [...bounds, "alpha", "beta", "smoothing", "decrease"],
    ops,
    algorithm: (config) => {
      const { decrease } = config
      if (decrease !== undefined && decrease !== "half") return not("unknown setting", `decrease: ${String(decrease)}`)
      const alpha = numberOf(config["alpha"])
      const beta = numberOf(config["beta"])
      const smoothing = numberOf(config["smoothing"])
      return new Vegas({
        initial: numberOf(config["initialLimit"]) ?? 20,
        min: numberOf(config["minLimit"]) ?? 1,
        max: numberOf(config["maxLimit"]) ?? 1000,
        ...alpha !== undefined && { alpha },
        ...beta !== undefined && { beta },
        ...smoothing !== undefined && { smoothing },
        ...decrease === "half" && { decrease: (limit: number) => limit / 2 }
      }, () => 1)
    }
  },
  "failsafe-adaptive": {
    settings: [
      ...bounds,
      "baselineRttMs",
      "window",
      "maxLimitFactor",
      "maxLimitFactorDecay",
      "minLimitFactor",
      "stabilizationWindowMs"
    ],
    ops: [...ops, "maxLimit"],
    algorithm: (config) =>
      new FailsafeLimiter({
        initial: numberOf(config["initialLimit"]) ?? 20,
        min: numberOf(config["minLimit"]) ?? 1,
        max: numberOf(config["maxLimit"]) ?? 200,
        baseline: numberOf(config["baselineRttMs"]),
        factor: numberOf(config["maxLimitFactor"]) ?? 5,
        decay: numberOf(config["maxLimitFactorDecay"]) ?? 0,
        minFactor: numberOf(config["minLimitFactor"]) ?? 1,
        stabilization: numberOf(config["stabilizationWindowMs"]) ?? 0
      })
  }
}

export const planAdaptive = (scenario: Scenario): Plan | NotExpressible => {
  const { config } = scenario
  if (config.semantics === "failsafe-throttler") return planThrottler(scenario)
  const flavour = flavours[config.semantics]
  if (flavour === undefined) return not("unknown semantics", config.semantics)
  const strange = unknownIn(scenario, { settings: new Set(flavour.settings), ops: new Set(flavour.ops), details })
  if (strange) return strange
  const made = flavour.algorithm(config)
  if ("detail" in made) return made
  // Each replay has an algorithm of its own.
  return {
    replay: Effect.suspend(() =>
      Effect.provide(
        play(scenario, flavour.algorithm(config) as ConcurrencyLimit.Algorithm),
        TestClock.layer()
      )
    )
  }
}

interface Caller {
  readonly fiber: Fiber.Fiber<unknown>
  readonly end: Deferred.Deferred<void>
}

/** The algorithm as the limit sees it: a reset takes over what it was told by others, and forgets nothing. */
const told = (algorithm: ConcurrencyLimit.Algorithm): ConcurrencyLimit.Algorithm => ({
  get limit() {
    return algorithm.limit
  },
  get reason() {
    return algorithm.reason
  },
  begun: (inFlight) => algorithm.begun(inFlight),
  sampled: (number, sample) => algorithm.sampled(number, sample),
  ended: (call, now) => algorithm.ended(call, now),
  reset: () => {},
  read: () => algorithm.read()
})

const play = ({ steps }: Scenario, algorithm: ConcurrencyLimit.Algorithm): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    const limit = yield* ConcurrencyLimit.make({
      name: "conformance",
      // The bounds are those of the algorithm, which a source does not keep before the first sample.
      algorithm: () => told(algorithm),
      initial: 1,
      min: 1,
      max: 1_000_000
    })
    const running: Array<Caller> = []

    const perform = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        const inFlight = numberOf(step["inflight"]) ?? 0
        switch (step.op) {
          case "sample": {
            const duration = numberOf(step["rttMs"]) ?? 0
            const outcome = step["didDrop"] === true ? "drop" : "success"
            algorithm.ended(
              { outcome, class: 0, duration, inFlight, hasSample: false },
              yield* Clock.currentTimeMillis
            )
            yield* limit.control.reset
            return {}
          }
          case "acquire": {
            const end = yield* Deferred.make<void>()
            let permitted = false
            const work = Effect.suspend(() => {
              permitted = true
              return Deferred.await(end)
            })
            // How it ends says nothing: what a call said is told by a sample.
            const call = Effect.exit(limit.protect(Effect.andThen(work, Effect.fail("ended"))))
            const fiber = yield* Effect.forkDetach(call, { startImmediately: true })
            if (permitted) running.push({ end, fiber })
            return { permitted }
          }
          case "release": {
            const oldest = running.shift()
            if (oldest === undefined) return yield* Effect.die(new Error("nobody holds a slot"))
            yield* Deferred.succeed(oldest.end, undefined)
            yield* Fiber.await(oldest.fiber)
            return {}
          }
          case "advance":
            yield* TestClock.adjust(numberOf(step["ms"])!)
            return {}
          case "maxLimit":
            return { maxLimit: (algorithm as FailsafeLimiter).mostFor(inFlight) }
          default:
            return {}
        }
      })

    const read = Effect.map(limit.snapshot, ({ inFlight }): Facts => ({
      limit: Math.floor(algorithm.limit),
      inFlight,
      available: Math.max(0, Math.floor(algorithm.limit) - inFlight),
      ...algorithm instanceof FailsafeLimiter && {
        medianRttMs: algorithm.median,
        smoothedRttMs: algorithm.smoothed
      }
    }))

    const trace: Array<Array<Facts>> = []
    for (const step of steps) {
      const repetitions: Array<Facts> = []
      for (let n = step.n ?? 1; n > 0; n--) {
        const own = yield* perform(step)
        repetitions.push({ ...(yield* read), ...own })
      }
      trace.push(repetitions)
    }
    yield* Effect.forEach(running, ({ fiber }) => Fiber.interrupt(fiber))
    if ((yield* limit.snapshot).inFlight !== 0) return yield* Effect.die(new Error("a slot has leaked"))
    return trace
  })
