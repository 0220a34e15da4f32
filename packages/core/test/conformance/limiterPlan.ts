/** How the settings of each source are written as limits of ours, and the ways in which it differs from them. */
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CurrentFleet } from "./currentFleet.ts"
import type { NotExpressible, Plan } from "./judge.ts"
import { LimiterModel, type LimiterNumbers, type LimiterWays, ourLimiter } from "./limiterModel.ts"
import { limiterOps, play, realLimiter } from "./limiterPlay.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { limiterRules } from "./rules.ts"
import { numberOf, type Scenario } from "./scenario.ts"

interface Flavour {
  readonly known: ReadonlyArray<string>
  readonly numbers: (number: (key: string) => number | undefined) => LimiterNumbers
  readonly ways: Partial<LimiterWays>
}

const flavours: { readonly [semantics: string]: Flavour } = {
  "resilience4j-cycle": {
    known: ["limitForPeriod", "periodMs", "timeoutMs", "startMs", "refresh"],
    numbers: (number) => ({
      kind: "window",
      limit: number("limitForPeriod")!,
      perMillis: number("periodMs")!,
      burst: number("limitForPeriod")!,
      maxWait: number("timeoutMs") ?? 5000
    }),
    ways: { refill: "in-steps", waiters: "have-taken", interrupted: "kept", changed: "with-the-next-cycle" }
  },
  "polly-tokenBucket": {
    known: ["intervalMs", "capacity"],
    numbers: (number) => ({
      kind: "bucket",
      limit: 1,
      perMillis: number("intervalMs")!,
      burst: number("capacity") ?? 1,
      maxWait: 0
    }),
    ways: {}
  },
  "failsafe-smooth": {
    known: ["intervalMs"],
    numbers: (number) => ({ kind: "bucket", limit: 1, perMillis: number("intervalMs")!, burst: 1, maxWait: Infinity }),
    ways: { refill: "in-steps", waiters: "have-taken" }
  },
  "rezilience-tokenBucket": {
    known: ["max", "intervalMs"],
    numbers: (number) => ({
      kind: "bucket",
      limit: number("max")!,
      perMillis: number("intervalMs")!,
      burst: number("max")!,
      maxWait: Infinity
    }),
    ways: {}
  }
}

const points = Object.keys(limiterRules) as ReadonlyArray<keyof LimiterWays>

export const planLimiter = (scenario: Scenario): Plan | NotExpressible => {
  const { config, steps } = scenario
  const flavour = flavours[config.semantics]
  if (!flavour) return not("unknown semantics", config.semantics)
  if (config["refresh"] === "manual" || steps.some(({ op }) => op === "refresh")) {
    return not("cycles refreshed by hand", "refresh")
  }
  const strange = unknownIn(scenario, {
    settings: new Set(flavour.known),
    ops: limiterOps,
    details: new Set(["id", "ms", "permits", "value", "maxWaitMs", "lastOnly"])
  })
  if (strange) return strange
  const number = (key: string) => numberOf(config[key])
  const numbers = flavour.numbers(number)
  const missing = Object.entries(numbers).find(([, value]) => value === undefined)
  if (missing) return not("unknown setting", `no ${missing[0]}`)
  const largest = Math.max(0, ...steps.map((step) => numberOf(step["permits"]) ?? 1))
  if (largest > numbers.burst) return not("a request larger than the limit holds", `permits: ${largest}`)

  const start = number("startMs") ?? 0
  const model = (ways: LimiterWays) => Effect.suspend(() => play(new LimiterModel(numbers, ways, start), scenario))
  const theirs = { ...ourLimiter, ...flavour.ways }
  const differing = points.filter((point) => theirs[point] !== ourLimiter[point])
  return {
    replay: Effect.flatMap(CurrentFleet, (fleet) => Layer.build(fleet)).pipe(
      Effect.flatMap((fleet) => realLimiter(numbers, start, fleet)),
      Effect.flatMap((limiter) => play(limiter, scenario)),
      Effect.scoped,
      Effect.provide(TestClock.layer())
    ),
    specification: model(ourLimiter),
    rules: {
      names: differing.map((point) => limiterRules[point].name),
      under: (rules) => {
        const changed = differing.filter((point) => rules.has(limiterRules[point].name))
        return model({ ...theirs, ...Object.fromEntries(changed.map((point) => [point, ourLimiter[point]])) })
      }
    }
  }
}
