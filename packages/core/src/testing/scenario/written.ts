/** Writes the night of a scenario down, one line for each phase. */
import * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"
import * as Predicate from "effect/Predicate"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import type { Arrivals } from "../load/model.ts"
import { lines } from "../world/sentence.ts"
import type { ProviderPhase, Script } from "./plan.ts"

export const written = (
  { load, providers, script }: Pick<Script, "load" | "providers" | "script">
): ReadonlyArray<string> => [
  ...load.map(({ arrivals, name }) => `load "${name}": ${arrivalsIn(arrivals)}`),
  ...Object.entries(providers).flatMap(([provider, phases]) => phases.map((phase) => phaseIn(provider, phase))),
  ...script.map((fault, index) => `fault${named(fault.name)}: ${lines(script)[index]!}`)
]

const named = (name: string | undefined): string => name === undefined ? "" : ` "${name}"`

const arrivalsIn = (arrivals: Arrivals): string => {
  switch (arrivals._tag) {
    case "Constant":
    case "Poisson":
      return `${arrivals._tag.toLowerCase()}, ${arrivals.rate} a second for ${time(arrivals.for)}`
    case "Ramp":
      return `ramp, ${arrivals.from} to ${arrivals.to} a second in ${time(arrivals.for)}`
    case "Burst":
      return `${arrivalsIn(arrivals.of)}, times ${arrivals.times} for ${time(arrivals.for)} after ${
        time(arrivals.after)
      }` +
        (arrivals.every === undefined ? "" : `, every ${time(arrivals.every)}`)
    case "Sequence":
      return arrivals.sequence.map(arrivalsIn).join("; ")
    case "Trace":
      return `trace of ${arrivals.at.length} rows`
  }
}

const phaseIn = (
  provider: string,
  { for: lasts, latency, name, rules = [], ...others }: ProviderPhase
): string => {
  const parts = [
    lasts === undefined ? "until the end" : `for ${time(lasts)}`,
    ...latency === undefined ? [] : [`latency ${latencyIn(latency)}`],
    ...Object.entries(others).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key} ${Formatter.format(value)}`]
    ),
    ...rules.map(({ inject, rate = 1, when }) =>
      `${inject._tag.toLowerCase()}${rate === 1 ? "" : ` at ${rate}`}${when === undefined ? "" : " for some calls"}`
    )
  ]
  return `${provider} "${name}": ${parts.join(", ")}`
}

const latencyIn = (latency: NonNullable<ProviderPhase["latency"]>): string =>
  Predicate.hasProperty(latency, "_tag") ? Formatter.format(latency) : time(latency as Duration.Input)

const time = (duration: Duration.Input): string => formatDuration(Duration.fromInputUnsafe(duration))
