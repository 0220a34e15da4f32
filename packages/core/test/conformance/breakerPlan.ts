/** Puts the real breaker, its specification and the model of a source side by side. */
import { CircuitBreaker, Outcome } from "@switchgear/core"
import { Cause, Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import { flavours, known, numbersOf, optionsOf } from "./breakerFlavours.ts"
import { BreakerModel, ours, type Ways } from "./breakerModel.ts"
import { breakerOps, breakerStates, play, realBreaker } from "./breakerPlay.ts"
import { CurrentFleet } from "./currentFleet.ts"
import type { NotExpressible, Plan } from "./judge.ts"
import { not, unknownIn } from "./notExpressible.ts"
import { breakerRules, otherRules } from "./rules.ts"
import { numberOf, type Scenario } from "./scenario.ts"

const points = Object.keys(breakerRules) as ReadonlyArray<keyof Ways>

export const planBreaker = (scenario: Scenario): Plan | NotExpressible => {
  const { config, steps } = scenario
  const flavour = flavours[config.semantics]
  if (!flavour) return not("unknown semantics", config.semantics)
  const strange = unknownIn(scenario, {
    settings: new Set(known(config.semantics)),
    ops: new Set([...breakerOps, "config"]),
    details: new Set(["ms", "throughput", "failureRate"])
  })
  if (strange) return strange
  const initial = config["initialState"]
  if (initial !== undefined && !breakerStates.has(initial))
    return not("unknown setting", `initialState: ${String(initial)}`)
  const number = (key: string) => numberOf(config[key])
  if (steps.some(({ op }) => op === "config")) return planReadOut(scenario)
  const whole = steps.every((step) =>
    step.op !== "decide" || numberOf(step["throughput"])! < (number("minimumThroughput") ?? 1) ||
    Math.abs((numberOf(step["throughput"])! * numberOf(step["failureRate"])!) % 1) < 1e-9
  )
  if (!whole) return not("a share of calls that is no whole number", "decide")
  const { settings, ways } = flavour(number, scenario)
  if ("reason" in settings) return settings

  const windowOnly = config["windowOnly"] === true
  const hasSlowCalls = steps.some(({ op }) => op.startsWith("slow"))
  const numbers = numbersOf({ ...settings, slowMillis: settings.slowMillis ?? (hasSlowCalls ? 1000 : undefined) })
  const options = { scenario, windowOnly, slowMillis: numbers.slowMillis + 1 }
  const startMillis = number("startMs") ?? 0
  const model = (ways: Ways) => Effect.suspend(() => play(new BreakerModel(numbers, ways, startMillis), options))
  const theirs = { ...ours, ...ways }
  const differing = points.filter((point) => theirs[point] !== ours[point])
  const judgement = {
    ignored: numbers.counts.ignored === "success" ? Outcome.success : Outcome.ignored,
    defect: numbers.counts.defect === "failure" ? Outcome.failure : Outcome.ignored
  }
  return {
    replay: Effect.flatMap(CurrentFleet, (fleet) => Layer.build(fleet)).pipe(
      Effect.flatMap((fleet) => realBreaker(optionsOf(numbers, settings), judgement, startMillis, fleet)),
      Effect.flatMap((breaker) => play(breaker, options)),
      Effect.scoped,
      Effect.provide(TestClock.layer())
    ),
    specification: model(ours),
    rules: {
      names: differing.map((point) => breakerRules[point].name),
      under: (rules) => {
        const changed = differing.filter((point) => rules.has(breakerRules[point].name))
        return model({ ...theirs, ...Object.fromEntries(changed.map((point) => [point, ours[point]])) })
      }
    }
  }
}

// The source makes sense of nonsense and tells what it made of it; ours refuses, naming the field.
const planReadOut = (scenario: Scenario): Plan | NotExpressible => {
  const windowSize = numberOf(scenario.config["windowSize"])
  const minimumCalls = numberOf(scenario.config["minimumCallsRequested"])
  const isNonsense = windowSize !== undefined && minimumCalls !== undefined && minimumCalls > windowSize
  if (!isNonsense) return not("unknown operation", "config")
  const refused = scenario.steps.map(() => [{ minimumCalls: "refused", windowSize: "refused" }])
  const corrected = scenario.steps.map(() => [{ minimumCalls: Math.min(minimumCalls, windowSize), windowSize }])
  const make = CircuitBreaker.make({ name: "conformance", window: CircuitBreaker.lastCalls(windowSize), minimumCalls })
  return {
    replay: Effect.map(Effect.exit(make), (exit) => {
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      return error instanceof RangeError && error.message.includes("minimumCalls") ? refused : corrected
    }),
    rules: {
      names: [otherRules.refused.name],
      under: (rules) => Effect.succeed(rules.has(otherRules.refused.name) ? refused : corrected)
    }
  }
}
