/** Shows a run as text: the table of its phases, and the counterexamples of its claims. */
import { count, counted, formatCounts, moment, quoted, span, table } from "../words.ts"
import type { Call, Figures } from "./figures.ts"
import type { Judged } from "./judge.ts"

/**
 * The parts of a run that are shown.
 *
 * @since 0.1.0
 * @category testing
 */
export interface Told {
  readonly scenario: string
  readonly seed: string
  readonly all: Figures
  readonly phases: ReadonlyArray<Figures>
  readonly nodes: ReadonlyArray<Figures>
  readonly claims: ReadonlyArray<Judged>
}

/**
 * Shows a run as a short text: its phases, and each claim with what was seen.
 *
 * @since 0.1.0
 * @category combinators
 */
export const render = (told: Told): string =>
  [
    `Scenario "${told.scenario}", seed ${JSON.stringify(told.seed)}: ` +
    `${counted(told.all.calls, "call")} in ${span(told.all.to)}`,
    "",
    figures(told),
    ...told.claims.length === 0 ? [] : ["", ...told.claims.map(verdict)]
  ].join("\n")

/** Every broken claim, with the calls around it. */
export const counterExample = (told: Told): string => {
  const failed = told.claims.filter(({ verdict }) => verdict._tag === "Broken")
  const unjudged = told.claims.filter(({ verdict }) => verdict._tag === "Unjudged")
  return [
    `Scenario "${told.scenario}", seed ${JSON.stringify(told.seed)}: ` +
    `${count(failed.length)} of ${counted(told.claims.length, "claim")} failed`,
    ...failed.flatMap((judged) => ["", verdict(judged), ...scene(judged, told)]),
    ...unjudged.flatMap((judged) => ["", verdict(judged)]),
    "",
    figures(told),
    "",
    `To see it again: Scenario.run(scenario, { seed: ${JSON.stringify(told.seed)} })`
  ].join("\n")
}

const mark = { Holds: "✓", Broken: "✗", Unjudged: "?" } as const

const verdict = ({ claim, verdict }: Judged): string =>
  `${mark[verdict._tag]} ${claim}: ${verdict._tag === "Unjudged" ? verdict.reason : verdict.seen}`

const scene = ({ evidence, last }: Judged, { nodes, phases }: Told): ReadonlyArray<string> => {
  if (evidence === undefined) return last.map((line) => `  ${line}`)
  const { at, calls, culprit } = evidence
  const during = phases.filter(({ from, to }) => at >= from && at < to).map(({ name }) => name)
  const when = during.length === 0 ? "after the load" : `in ${quoted(during)}`
  const rows = calls.map((call) => row(call, call.index === culprit ? "→" : ""))
  const head = ["", "call", "came at", "took", toWhom(nodes), "ended as"]
  return [`  since ${moment(at)}, ${when}`, ...indented(table([0, 5], [head, ...rows]))]
}

const row = ({ at, ended, index, outcome, reached }: Call, mark: string): ReadonlyArray<string> => [
  mark,
  `#${index}`,
  moment(at),
  span(ended - at),
  count(reached),
  outcome
]

const toWhom = (nodes: ReadonlyArray<Figures>): string => nodes.length === 0 ? "to provider" : "to nodes"

const figures = ({ all, nodes, phases }: Told): string => {
  const isMixed = nodes.length > 0 && Object.keys(all.reached).length > nodes.length
  const head = ["phase", "of", "from", "to", "calls", "p50", "p99", isMixed ? "reached" : toWhom(nodes), "outcomes"]
  const called = nodes.length === 0 ? Object.keys(all.reached) : nodes.map(({ name }) => name)
  const rows = [...phases, ...nodes, all].map(({ calls, from, latency, name, of, outcomes, provider, reached, to }) => [
    name,
    provider ?? (of === "run" ? "load" : of),
    moment(from),
    moment(to),
    count(calls),
    span(latency.p50),
    span(latency.p99),
    count(
      of === "node"
        ? calls
        : (provider === undefined ? called : [provider]).reduce((sum, one) => sum + reached[one]!, 0)
    ),
    formatCounts(outcomes)
  ])
  return table([0, 1, 8], [head, ...rows])
}

const indented = (text: string): ReadonlyArray<string> => text.split("\n").map((line) => `  ${line}`)
