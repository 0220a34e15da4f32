/** A valid scenario: when each phase starts and ends, and what a provider does in it. */
import type * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import * as Chaos from "../Chaos.ts"
import { activeRules } from "../chaos/rules.ts"
import { drawOf, latencyOf } from "../latency/drawOf.ts"
import type * as Latency from "../Latency.ts"
import * as Load from "../Load.ts"
import { problemOf } from "../load/arrivals.ts"
import { millisOf } from "../load/times.ts"
import { type Capacity, type Limits, limitsOf } from "../simulatedService/capacity.ts"
import type { Script as Faults } from "../world/model.ts"
import { checkScript } from "../world/rules.ts"
import type * as World from "../world/world.ts"
import { spansOf } from "../world/spans.ts"
import type { Claim } from "./claims.ts"
import type { Span } from "./figures.ts"
import { Place } from "./invalid.ts"

/**
 * A phase of the load.
 *
 * @since 0.1.0
 * @category options
 */
export interface LoadPhase {
  /** The name in claims. All phases of a scenario, of load and providers, have different names. */
  readonly name: string
  readonly arrivals: Load.Arrivals
}

/**
 * A phase of a provider. Without `latency` and `rules`, the provider answers at once.
 *
 * @since 0.1.0
 * @category options
 */
export interface ProviderPhase {
  /** The name in claims. All phases of a scenario, of load and providers, have different names. */
  readonly name: string
  /** The duration: above zero. Required for all phases but the last, which lasts until the end. */
  readonly for?: Duration.Input | undefined
  /** The time before it answers, fails or hangs. @default none */
  readonly latency?: Duration.Input | Latency.Latency | undefined
  /**
   * What it can do at once. It is that of the provider as a whole: calls of an earlier phase that still wait or work are
   * there, and meet the capacity of this phase. A call takes its latency and its rules from the phase in which its work
   * begins. @default no limit
   */
  readonly capacity?: Capacity | undefined
  /** The faults: see `Chaos`. @default none */
  readonly rules?: ReadonlyArray<Chaos.Rule<any, any>> | undefined
}

/** The parts of a scenario that the plan needs. */
export interface Script {
  readonly name: string
  readonly load: ReadonlyArray<LoadPhase>
  readonly providers: Readonly<Record<string, ReadonlyArray<ProviderPhase>>>
  /** The nodes that customers call, if they call nodes. */
  readonly world: WorldOf | undefined
  /** What happens to the nodes. */
  readonly script: Faults
  readonly claims: ReadonlyArray<Claim>
  readonly patience: Duration.Input
}

/** The nodes of a scenario, or how they are made with its providers. */
export interface WorldOf extends Omit<World.Options<World.Nodes>, "nodes" | "script"> {
  readonly nodes: World.Nodes | ((providers: any) => World.Nodes)
}

/** Who does what, and when. */
export interface Plan {
  readonly name: string
  readonly arrivals: Load.Arrivals
  readonly load: ReadonlyArray<Span>
  readonly providers: ReadonlyArray<ProviderPlan>
  readonly world: WorldOf | undefined
  readonly script: Faults
  readonly faults: ReadonlyArray<Span>
  readonly claims: ReadonlyArray<Claim>
  readonly patience: number
}

/** What a provider does, and when. */
export interface ProviderPlan {
  readonly name: string
  /** Whether any phase has a capacity. */
  readonly isLimited: boolean
  readonly phases: ReadonlyArray<Act>
}

/** A phase of a provider, its capacity and its rules. */
export interface Act {
  readonly span: Span
  readonly limits: Limits
  /** The milliseconds of work of a call; the latency of a provider without capacity is one of its rules. */
  readonly draw: (random: Random.Random) => number
  readonly rules: ReadonlyArray<Chaos.Rule<any, any>>
}

/** The name of the provider when there is only one. */
export const onlyProvider = "provider"

/** Makes the plan. Throws an `InvalidScenario` that names the first invalid place. */
export const planOf = (script: Script): Plan => {
  const place = new Place(script.name, "")
  place.name(script.name)
  const someOf = <A>(field: string, values: ReadonlyArray<A>): ReadonlyArray<A> =>
    values.length > 0 ? values : place.refuse(field, "a list with something in it", values)
  const providers = Object.entries(script.providers)
  if (providers.length === 0 && script.world === undefined)
    place.refuse("providers", "at least one by name", script.providers)
  const taken = new Map<string, string>()
  const named = (at: string, name: string): string => {
    const first = taken.get(new Place(script.name, `${at}.`).name(name))
    if (first !== undefined)
      place.reject(`${at}.name`, `must be a name of its own, ${JSON.stringify(name)} is ${first}`)
    taken.set(name, at)
    return name
  }
  return {
    name: script.name,
    arrivals: Load.sequence(someOf("load", script.load).map(({ arrivals }) => arrivals)),
    load: loadSpans(script, named),
    providers: providers.map(([name, phases]) => {
      const at = name === onlyProvider ? "provider" : `providers[${JSON.stringify(name)}]`
      const isLimited = phases.some(({ capacity }) => capacity !== undefined)
      return { name, isLimited, phases: acts(script.name, { name, isLimited }, at, someOf(at, phases), named) }
    }),
    world: script.world,
    script: script.script,
    faults: faultSpans(script, named),
    claims: script.claims,
    patience: place.positive("patience", script.patience)
  }
}

type Named = (at: string, name: string) => string

const loadSpans = ({ load, name: scenario }: Script, named: Named): ReadonlyArray<Span> => {
  let from = 0
  return load.map((phase, index) => {
    const { arrivals, name } = phase
    const at = `load[${index}]`
    new Place(scenario, `${at}.`).known(phase, ["name", "arrivals"])
    const problem = problemOf(arrivals)
    if (problem !== undefined) new Place(scenario, `${at}.arrivals.`).reject(problem.place, problem.reason)
    const millis = millisOf(arrivals)
    if (millis === 0) new Place(scenario, `${at}.`).reject("arrivals", "must take some time, but all come at once")
    const span: Span = { name: named(at, name), of: "load", provider: undefined, from, to: from + millis }
    from = span.to
    return span
  })
}

const faultSpans = ({ name: scenario, script, world }: Script, named: Named): ReadonlyArray<Span> => {
  const place = new Place(scenario, "")
  if (world === undefined && script.length > 0) place.reject("script", "needs nodes that it happens to")
  // Nodes that need the provider are made with the run, and known then.
  checkScript(place, script, typeof world?.nodes === "object" ? Object.keys(world.nodes) : undefined)
  return spansOf(place, script).map(({ from, name, to }) => {
    const index = script.findIndex((fault) => fault.name === name)
    return { name: named(index < 0 ? "script" : `script[${index}]`, name), of: "fault", provider: undefined, from, to }
  })
}

const acts = (
  scenario: string,
  { isLimited, name: provider }: Pick<ProviderPlan, "isLimited" | "name">,
  at: string,
  phases: ReadonlyArray<ProviderPhase>,
  named: Named
): ReadonlyArray<Act> => {
  let from = 0
  return phases.map((phase, index) => {
    const place = new Place(scenario, `${at}[${index}].`)
    const last = index === phases.length - 1
    place.known(phase, fields)
    const name = named(`${at}[${index}]`, phase.name)
    if (phase.for === undefined && !last) place.reject("for", "must be given for every phase but the last")
    const millis = phase.for === undefined
      ? Infinity
      : last
      ? place.limit("for", phase.for)
      : place.positive("for", phase.for)
    const span: Span = { name, of: "provider", provider, from, to: last ? Infinity : from + millis }
    from = span.to
    const { latency, rules = [] } = phase
    activeRules(place, "rules", rules)
    const limits = limitsOf(place, "capacity", phase.capacity)
    if (isLimited) return { span, limits, draw: drawOf(place, "latency", latency), rules }
    const waits = latency === undefined ? [] : [{ inject: Chaos.latency(latencyOf(place, "latency", latency)) }]
    return { span, limits, draw: () => 0, rules: [...waits, ...rules] }
  })
}

const fields = ["name", "for", "latency", "capacity", "rules"]
