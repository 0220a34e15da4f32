/**
 * What became of a scenario: passed, failed, differs by a named rule, or not expressible for a named reason. There is
 * exactly one of these for each, and nothing is excused that is not shown: see {@link judge}.
 */
import { Effect, type Schema } from "effect"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

/** What is seen after one operation. A fact that a component does not tell is absent. */
export type Facts = { readonly [fact: string]: Schema.Json }

/** What is seen after each step, once for every repetition. */
export type Trace = ReadonlyArray<ReadonlyArray<Facts>>

/** How a component does a scenario. */
export interface Plan {
  /** Plays it on the real primitive, on a clock of its own. */
  readonly replay: Effect.Effect<Trace>
  /** The specification of the primitive, if there is one apart from the scenario: what the replay must show. */
  readonly specification?: Effect.Effect<Trace> | undefined
  /** The rules by which the primitive differs from the source, and what is to be seen under some of them. */
  readonly rules?: {
    readonly names: ReadonlyArray<string>
    readonly under: (rules: ReadonlySet<string>) => Effect.Effect<Trace>
  } | undefined
}

/** Why a scenario cannot be played: a name from the table of reasons, and what in the scenario is meant. */
export class NotExpressible {
  readonly reason: string
  readonly detail: string

  constructor(reason: string, detail: string) {
    this.reason = reason
    this.detail = detail
  }
}

export type Verdict =
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Failed"; readonly differences: ReadonlyArray<string> }
  | { readonly _tag: "DiffersByRule"; readonly rules: ReadonlyArray<string> }
  | { readonly _tag: "NotExpressible"; readonly reason: string; readonly detail: string }

/**
 * - **passed**: everything expected that can be seen is seen.
 * - **differs by rule**: it is not; but a model of the source sees all of it, the same model with the rules in place of
 *   the source's ways sees exactly what the primitive shows, and no smaller set of rules does.
 * - **failed**: anything else; also when the primitive does not do what its own specification says.
 */
export const judge = (scenario: Scenario, planned: Plan | NotExpressible): Effect.Effect<Verdict> =>
  Effect.gen(function*() {
    if (planned instanceof NotExpressible) {
      return { _tag: "NotExpressible", reason: planned.reason, detail: planned.detail }
    }
    const real = yield* planned.replay
    if (planned.specification) {
      const differences = unlike(yield* planned.specification, real)
      if (differences.length > 0) {
        return { _tag: "Failed", differences: differences.map((text) => `${text} by the specification`) }
      }
    }
    const differences = unmet(scenario, real)
    if (comparisons(scenario, real).length === 0) {
      return { _tag: "NotExpressible", reason: "asserts only facts that are not told", detail: told(scenario) }
    }
    if (differences.length === 0) return { _tag: "Passed" }
    if (planned.rules && unmet(scenario, yield* planned.rules.under(new Set())).length === 0) {
      for (const names of subsets(planned.rules.names)) {
        const under = yield* planned.rules.under(new Set(names))
        if (agree(scenario, under, real)) return { _tag: "DiffersByRule", rules: names }
      }
    }
    return { _tag: "Failed", differences }
  })

const told = (scenario: Scenario): string =>
  [...new Set(scenario.steps.flatMap(({ expect }) => Object.keys(expect ?? {})))].join(", ") || "nothing at all"

/** One expectation and what is seen instead. */
interface Comparison {
  readonly step: number
  readonly fact: string
  readonly expected: Schema.Json
  readonly seen: Schema.Json
  /** How far a number may be off, where the step says so. */
  readonly tolerance: number | undefined
}

const bounds: ReadonlyArray<readonly [suffix: string, holds: (seen: number, bound: number) => boolean]> = [
  ["AtLeast", (seen, bound) => seen >= bound],
  ["AtMost", (seen, bound) => seen <= bound],
  ["GreaterThan", (seen, bound) => seen > bound],
  ["LessThan", (seen, bound) => seen < bound]
]

/** The fact that an expectation is about: `waitMsAtMost` is about `waitMs`. */
export const factOf = (expectation: string): string => {
  const bound = bounds.find(([suffix]) => expectation.endsWith(suffix))
  return bound ? expectation.slice(0, -bound[0].length) : expectation
}

const everyRepetition = new Set(["permitted", "state", "waitMs", "pending"])

/** The expectations that can be compared: those about facts which the trace tells. */
export const comparisons = (scenario: Scenario, trace: Trace): ReadonlyArray<Comparison> =>
  scenario.steps.flatMap((step, at) =>
    Object.entries(step.expect ?? {}).flatMap(([expectation, expected]) => {
      const fact = factOf(expectation)
      const seen = everyRepetition.has(fact) && step["lastOnly"] !== true ? trace[at]! : trace[at]!.slice(-1)
      return seen.flatMap((facts) =>
        fact in facts
          ? [{ step: at, fact: expectation, expected, seen: facts[fact]!, tolerance: toleranceIn(step) }]
          : []
      )
    })
  )

/** The tolerance that a step states for its numbers. */
export const toleranceIn = ({ expect }: Step): number | undefined => numberOf(expect?.["tolerance"])

const holds = (comparison: Comparison, ofRates: number): boolean => {
  const { expected, fact, seen } = comparison
  const bound = bounds.find(([suffix]) => fact.endsWith(suffix))
  if (bound) return typeof seen === "number" && typeof expected === "number" && bound[1](seen, expected)
  const tolerance = comparison.tolerance ?? (fact.endsWith("Rate") ? ofRates : undefined)
  if (typeof seen === "number" && typeof expected === "number" && tolerance !== undefined) {
    return Math.abs(seen - expected) <= tolerance
  }
  return JSON.stringify(seen) === JSON.stringify(expected)
}

const toleranceOf = ({ config }: Scenario): number =>
  typeof config["rateTolerance"] === "number" ? config["rateTolerance"] : 1e-9

/** The expectations that a trace does not meet, as sentences. */
const unmet = (scenario: Scenario, trace: Trace): ReadonlyArray<string> =>
  comparisons(scenario, trace).filter((comparison) => !holds(comparison, toleranceOf(scenario))).map((
    { expected, fact, seen, step }
  ) => sentence(scenario.steps[step]!, step, fact, expected, seen))

const sentence = (op: Step, step: number, fact: string, expected: Schema.Json, seen: Schema.Json): string =>
  `step ${step} (${op.op}): ${fact} is ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`

/** Whether two traces say the same wherever the scenario looks. */
const agree = (scenario: Scenario, one: Trace, other: Trace): boolean => {
  const [left, right] = [comparisons(scenario, one), comparisons(scenario, other)]
  return left.length === right.length &&
    left.every(({ seen }, i) => JSON.stringify(seen) === JSON.stringify(right[i]!.seen))
}

/** Where a trace is not what the specification says it is, fact by fact. */
const unlike = (specified: Trace, real: Trace): ReadonlyArray<string> =>
  specified.flatMap((repetitions, step) =>
    repetitions.flatMap((facts, repetition) =>
      Object.entries(facts).flatMap(([fact, expected]) => {
        const seen = real[step]?.[repetition]?.[fact]
        return JSON.stringify(seen) === JSON.stringify(expected)
          ? []
          : [
            `step ${step}, repetition ${repetition}: ${fact} is ${JSON.stringify(seen)}, not ${
              JSON.stringify(expected)
            }`
          ]
      })
    )
  )

/** All subsets that are not empty, small ones first. */
export const subsets = (names: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  names.reduce<Array<ReadonlyArray<string>>>((all, name) => [...all, ...all.map((set) => [...set, name])], [[]])
    .slice(1).sort((one, other) => one.length - other.length)
