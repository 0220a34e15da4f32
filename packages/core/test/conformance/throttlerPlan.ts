/** Plays throttler scenarios: with which probability calls are rejected, after so many of which so many were answered. */
import { AdaptiveThrottle } from "@switchgear/core"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import type { Facts, NotExpressible, Plan, Trace } from "./judge.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

const understood = {
  settings: new Set(["defaults", "successRateThreshold", "maxRejectionRate", "padding", "thresholdWindowMs"]),
  ops: new Set(["acquire", "success", "failure", "advance", "rejectionRate", "state"]),
  details: new Set(["executions", "successes", "ms"])
}

/** What the source is by default. */
const source = { successRateThreshold: 0.9, maxRejectionRate: 0.9, window: "1 minute" } as const

export const planThrottler = (scenario: Scenario): Plan | NotExpressible => {
  const { config } = scenario
  const strange = unknownIn(scenario, understood)
  if (strange) return strange
  const padding = numberOf(config["padding"]) ?? 1
  if (padding !== 1) return not("unknown setting", `padding: ${padding}`)
  const options: AdaptiveThrottle.Options = {
    name: "conformance",
    // So many calls for each one that is answered are the threshold of its success rate, the other way round.
    factor: 1 / (numberOf(config["successRateThreshold"]) ?? source.successRateThreshold),
    maxRejectionRate: numberOf(config["maxRejectionRate"]) ?? source.maxRejectionRate,
    window: numberOf(config["thresholdWindowMs"]) ?? source.window,
    minimumCalls: 0,
    countRejections: false
  }
  return {
    replay: Effect.suspend(() =>
      play(scenario, options).pipe(
        // No call is drawn to be rejected: the scenarios look at the probability.
        Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 1 - 2 ** -53, nextIntUnsafe: () => 0 }),
        Effect.provide(TestClock.layer())
      )
    )
  }
}

const play = ({ steps }: Scenario, options: AdaptiveThrottle.Options): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    let throttle = yield* AdaptiveThrottle.make(options)
    const succeeds = Effect.suspend(() => throttle.protect(Effect.void))
    const fails = Effect.suspend(() => Effect.exit(throttle.protect(Effect.fail("failed"))))
    const repeat = (call: Effect.Effect<unknown, unknown>, times: number) =>
      Effect.forEach(Array.from({ length: times }), () => Effect.exit(call), { discard: true })

    const perform = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        switch (step.op) {
          case "acquire": {
            // It is interrupted, so that it counts as nothing: its result is a step of its own.
            let permitted = false
            const call = Effect.andThen(Effect.sync(() => permitted = true), Effect.interrupt)
            yield* Effect.exit(throttle.protect(call))
            return { permitted }
          }
          case "success":
            yield* repeat(succeeds, 1)
            return {}
          case "failure":
            yield* repeat(fails, 1)
            return {}
          case "rejectionRate": {
            throttle = yield* AdaptiveThrottle.make(options)
            const [executions, successes] = [numberOf(step["executions"]) ?? 0, numberOf(step["successes"]) ?? 0]
            yield* repeat(succeeds, successes)
            yield* repeat(fails, executions - successes)
            return {}
          }
          case "advance":
            yield* TestClock.adjust(numberOf(step["ms"])!)
            return {}
          default:
            return {}
        }
      })

    const trace: Array<Array<Facts>> = []
    for (const step of steps) {
      const repetitions: Array<Facts> = []
      for (let n = step.n ?? 1; n > 0; n--) {
        const own = yield* perform(step)
        const { accepts, rejectionRate, requests } = yield* throttle.snapshot
        repetitions.push({ rejectionRate, executions: requests, successes: accepts, ...own })
      }
      trace.push(repetitions)
    }
    return trace
  })
