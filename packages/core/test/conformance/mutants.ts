/** Scenarios with one expectation turned into another: each of them is wrong, and has to be seen to be. */
import { Effect, type Schema } from "effect"
import type { Plan, Trace } from "./judge.ts"
import { comparisons, factOf, subsets, toleranceIn } from "./judge.ts"
import type { Scenario } from "./scenario.ts"

const states = ["Closed", "Open", "HalfOpen", "ForcedOpen", "Disabled", "MetricsOnly"]

/** Another value than that, of the same kind, that no answer which met the first can meet. */
const other = (expectation: string, value: Schema.Json, tolerance = 0): Schema.Json => {
  if (factOf(expectation) !== expectation) return /Least|Greater/.test(expectation) ? Number.MAX_SAFE_INTEGER : -1
  if (typeof value === "boolean") return !value
  if (typeof value === "number") return value + 1 + 2 * tolerance
  if (value === null) return 1
  if (typeof value === "string") {
    return states.includes(value) ? states[(states.indexOf(value) + 1) % states.length]! : `not ${value}`
  }
  return Array.isArray(value) && value.length > 1 ? value.toReversed() : []
}

/** One mutant for every expectation that is compared at all. */
export const mutantsOf = (scenario: Scenario, plan: Plan): Effect.Effect<ReadonlyArray<Scenario>> =>
  Effect.map(plan.replay, (trace) => {
    const places = new Map(comparisons(scenario, trace).map(({ fact, step }) => [`${step} ${fact}`, { fact, step }]))
    return [...places.values()].map(({ fact, step }) => ({
      ...scenario,
      id: `${scenario.id} with another ${fact} at step ${step}`,
      steps: scenario.steps.map((each, i) =>
        i === step
          ? { ...each, expect: { ...each.expect, [fact]: other(fact, each.expect![fact]!, toleranceIn(each)) } }
          : each
      )
    }))
  })

/** All expectations of a scenario turned into others. */
export const withOthers = (scenario: Scenario): Scenario => ({
  ...scenario,
  steps: scenario.steps.map(({ expect, ...step }) =>
    expect === undefined
      ? step
      : {
        ...step,
        expect: Object.fromEntries(Object.entries(expect).map(([fact, value]) => [fact, other(fact, value)]))
      }
  )
})

/** The same plan, of which each trace is played once, however often it is asked for. */
export const playedOnce = ({ replay, rules, specification }: Plan): Effect.Effect<Plan> =>
  Effect.gen(function*() {
    const traces = new Map<string, Effect.Effect<Trace>>()
    for (const names of rules === undefined ? [] : [[], ...subsets(rules.names)]) {
      traces.set(names.join(), yield* Effect.cached(rules!.under(new Set(names))))
    }
    return {
      replay: yield* Effect.cached(replay),
      specification: specification && (yield* Effect.cached(specification)),
      rules: rules && { names: rules.names, under: (names) => traces.get([...names].join())! }
    }
  })
