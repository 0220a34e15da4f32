/** Every component there is, and what is said about all of them. */
import { Cause, Effect } from "effect"
import { planAdaptive } from "./adaptivePlan.ts"
import { planBreaker } from "./breakerPlan.ts"
import { planBulkhead } from "./bulkheadPlan.ts"
import { judge, type NotExpressible, type Plan, type Verdict } from "./judge.ts"
import { planLimiter } from "./limiterPlan.ts"
import { not } from "./notExpressible.ts"
import { planRetry } from "./retryPlan.ts"
import type { Scenario } from "./scenario.ts"

export const components: { readonly [component: string]: (scenario: Scenario) => Plan | NotExpressible } = {
  adaptive: planAdaptive,
  circuitBreaker: planBreaker,
  bulkhead: planBulkhead,
  retry: planRetry,
  rateLimiter: planLimiter
}

/** A setting that is out of the range of our options has nothing to be compared with; any other crash is a failure. */
export const check = (scenario: Scenario): Effect.Effect<Verdict> =>
  Effect.suspend(() =>
    judge(scenario, components[scenario.component]?.(scenario) ?? not("no such component", scenario.component))
  ).pipe(Effect.catchCause((cause) => {
    const error = Cause.squash(cause)
    const verdict: Verdict = error instanceof RangeError && /^\w+\.make: /.test(error.message)
      ? { _tag: "NotExpressible", reason: "a setting out of range", detail: error.message }
      : { _tag: "Failed", differences: [`the replay dies: ${Cause.pretty(cause)}`] }
    return Effect.succeed(verdict)
  }))

export interface Checked {
  readonly scenario: Scenario
  readonly verdict: Verdict
}

export const checkAll = (scenarios: ReadonlyArray<Scenario>): Effect.Effect<ReadonlyArray<Checked>> =>
  Effect.forEach(scenarios, (scenario) => Effect.map(check(scenario), (verdict) => ({ scenario, verdict })))

/** The scenarios that failed, as sentences. */
export const failures = (checked: ReadonlyArray<Checked>): ReadonlyArray<string> =>
  checked.flatMap(({ scenario, verdict }) =>
    verdict._tag === "Failed" ? verdict.differences.map((difference) => `${scenario.id}: ${difference}`) : []
  )

export const group = <A>(
  items: ReadonlyArray<A>,
  by: (item: A) => string
): ReadonlyArray<readonly [string, ReadonlyArray<A>]> =>
  [...Map.groupBy(items, by)].sort(([one], [other]) => one < other ? -1 : 1)

/** One line for each component. */
export const lines = (checked: ReadonlyArray<Checked>): ReadonlyArray<string> =>
  group(checked, ({ scenario }) => scenario.component).map(([component, ofComponent]) => {
    const count = (tag: Verdict["_tag"]) => ofComponent.filter(({ verdict }) => verdict._tag === tag).length
    return `${component} conformance: ${count("Passed")} passed, ${count("Failed")} failed, ` +
      `${count("DiffersByRule")} differ by rule, ${count("NotExpressible")} not expressible`
  })

const counted = (names: ReadonlyArray<string>): ReadonlyArray<readonly [name: string, count: number]> =>
  group(names, (name) => name).map(([name, all]) => [name, all.length] as const)

/** How many scenarios differ by each rule; one that needs two rules counts for both. */
export const rulesUsed = (checked: ReadonlyArray<Checked>) =>
  counted(checked.flatMap(({ verdict }) => verdict._tag === "DiffersByRule" ? verdict.rules : []))

/** How many scenarios are not expressible for each reason. */
export const reasonsUsed = (checked: ReadonlyArray<Checked>) =>
  counted(checked.flatMap(({ verdict }) => verdict._tag === "NotExpressible" ? [verdict.reason] : []))
