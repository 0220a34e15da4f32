/** The fleet of gateways, as this one sees it: what is wrong with it stands among the reasons as well. */
import { html, nothing, type TemplateResult } from "lit"
import * as Format from "../format.ts"
import type { Shown } from "../screen.ts"

export const cluster = ({ overview: { at, cluster, models }, words }: Shown): TemplateResult | typeof nothing => {
  if (cluster === null) return nothing
  const { away, because, dissent, fleet, lastSync, limits, nodes, rulesDiffer, state } = cluster
  const told = [
    words.clusterState[state],
    ...state === "joined" ? [words.gateways(nodes)] : [],
    ...because === null || state === "joined" ? [] : [because],
    ...lastSync === null
      ? []
      : [words.lastSync(state === "away" ? Format.clock(lastSync) : words.span(Math.max(0, at - lastSync)), state)],
    ...dissent.length === 0 ? [] : [words.dissent(dissent.length)],
    ...limits.length === 0
      ? []
      : [
        state === "away" || limits.some(({ isAway }) => isAway)
          ? words.limitsAway[away]
          : words.sharedLimits(limits.length)
      ]
  ]
  const limiters = new Set(limits.map(({ limiter }) => limiter))
  const circuits = new Set(models.map(({ circuit }) => circuit?.id))
  const kindOf = (name: string) => circuits.has(name) ? "CircuitBreaker" : limiters.has(name) ? "RateLimiter" : "Budget"
  const names = [
    ...dissent.map((name) => words.reasonOf("CircuitBreaker", name, "dissent")),
    ...rulesDiffer.map(({ difference, name }) =>
      `${words.reasonOf(kindOf(name), name, "rules-differ")} (${difference})`
    )
  ]
  return html`<span class=${
    state === "away" ? "tag bad" : dissent.length > 0 ? "tag near" : "tag"
  } data-test="cluster" data-state=${state} title=${names.join("\n")}>${words.fleet} <b>${fleet}</b>${words.colon}${
    told.join(" · ")
  }</span>`
}
