/** Smaller versions of the night of a scenario: fewer phases, shorter ones, fewer calls, fewer faults. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type { Latency } from "../latency/model.ts"
import type { Arrivals } from "../load/model.ts"
import { millisOf as lengthOf } from "../load/times.ts"
import type { Script as Faults, TimedFault } from "../world/model.ts"
import { places, rates } from "../world/rules.ts"
import type { Capacity } from "../simulatedService/capacity.ts"
import type { LoadPhase, ProviderPhase, Script } from "./plan.ts"

type Parts = Pick<Script, "load" | "providers" | "script">

/** The next smaller nights, the smallest first. Each is nearer to one call and no fault than the one it is made from. */
export const smaller = ({ load, providers, script }: Parts): ReadonlyArray<Parts> => [
  ...[...fewer(script), ...each(script, smallerFaults)].map((script) => ({ load, providers, script })),
  ...earlier(script).map((script) => ({ load, providers, script })),
  ...load.length === 1 ? [] : load.flatMap((_, index) => {
    const rest = load.toSpliced(index, 1)
    return [{ load: rest, providers, script: closed(script, load, index) }, { load: rest, providers, script }]
  }),
  ...Object.entries(providers).flatMap(([name, phases]) =>
    [...without(phases), ...unlimited(phases), ...each(phases, smallerProviderPhases)].map((phases) => ({
      load,
      providers: { ...providers, [name]: phases },
      script
    }))
  ),
  ...each(load, smallerLoadPhases).map((load) => ({ load, providers, script }))
]

/** Without faults at all, with half of them, and without each of them. */
const fewer = (script: Faults): ReadonlyArray<Faults> => {
  const half = script.length >> 1
  return [
    ...script.length > 1 ? [[]] : [],
    ...script.length > 3 ? [script.slice(half), script.slice(0, half)] : [],
    ...script.map((_, index) => script.toSpliced(index, 1))
  ]
}

const millisOf = (duration: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

/** All faults earlier by the same time. */
const earlier = (script: Faults): ReadonlyArray<Faults> => {
  const first = Math.min(...script.map(({ at }) => millisOf(at)))
  return script.length < 2 ?
    [] :
    lower(first, 1000).map((to) => script.map((fault) => ({ ...fault, at: millisOf(fault.at) - first + to })))
}

/** The faults earlier by a phase of the load that is left out. */
const closed = (script: Faults, load: ReadonlyArray<LoadPhase>, without: number): Faults => {
  const from = load.slice(0, without).reduce((sum, { arrivals }) => sum + lengthOf(arrivals), 0)
  const to = from + lengthOf(load[without]!.arrivals)
  return script.map((fault) => {
    const at = millisOf(fault.at)
    return at < from ? fault : { ...fault, at: Math.max(from, at - (to - from)) }
  })
}

/** To fewer nodes, plainer, shorter, certain, and earlier. */
const smallerFaults = (fault: TimedFault): ReadonlyArray<TimedFault> => {
  const fields = Object.entries(fault)
  const having = (field: string, value: unknown) => ({ ...fault, [field]: value } as TimedFault)
  return [
    ...fields.flatMap(([field, value]) =>
      places.includes(field) && Array.isArray(value) ? without(value).map((names) => having(field, names)) : []
    ),
    ...fields.flatMap(([field, value]) =>
      value === undefined || !plainer.includes(field) ? [] : [omitting(fault, field)]
    ),
    ...fields.flatMap(([field, value]) =>
      rates.includes(field) && (value as number) > 0 && (value as number) < 1 ? [having(field, 1)] : []
    ),
    ..."for" in fault && fault.for !== undefined
      ? lower(millisOf(fault.for), 100).map((millis) => having("for", millis))
      : [],
    ...lower(millisOf(fault.at), 1000).map((millis) => having("at", millis))
  ]
}

const plainer = ["from", "to", "direction", "inFlight", "drift", "offset", "order", "latency", ...rates]

const without = <A>(list: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  list.length === 1 ? [] : list.map((_, index) => list.toSpliced(index, 1))

const each = <A>(list: ReadonlyArray<A>, smallerOf: (one: A) => ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  list.flatMap((one, index) => smallerOf(one).map((other) => list.with(index, other)))

/** The last phase lasts until the end anyway. */
const unlimited = (phases: ReadonlyArray<ProviderPhase>): ReadonlyArray<ReadonlyArray<ProviderPhase>> => {
  const { for: lasts, ...rest } = phases.at(-1)!
  return lasts === undefined ? [] : [phases.with(-1, rest)]
}

const smallerLoadPhases = (phase: LoadPhase): ReadonlyArray<LoadPhase> =>
  smallerArrivals(phase.arrivals).map((arrivals) => ({ ...phase, arrivals }))

const smallerArrivals = (arrivals: Arrivals): ReadonlyArray<Arrivals> => {
  switch (arrivals._tag) {
    case "Constant":
    case "Poisson":
      return [
        ...shorter(arrivals.for).map((millis) => ({ ...arrivals, for: millis })),
        ...lower(arrivals.rate, 1).map((rate) => ({ ...arrivals, rate }))
      ]
    case "Ramp":
      return [
        ...[arrivals.from, arrivals.to].map((rate): Arrivals => ({ _tag: "Poisson", rate, for: arrivals.for })),
        ...shorter(arrivals.for).map((millis) => ({ ...arrivals, for: millis }))
      ]
    case "Burst":
      return [
        arrivals.of,
        ...lower(arrivals.times, 1).map((times) => ({ ...arrivals, times })),
        ...shorter(arrivals.for).map((millis) => ({ ...arrivals, for: millis })),
        ...smallerArrivals(arrivals.of).map((of) => ({ ...arrivals, of }))
      ]
    case "Sequence":
      return [...without(arrivals.sequence), ...each(arrivals.sequence, smallerArrivals)].map((sequence) => ({
        _tag: "Sequence",
        sequence
      }))
    case "Trace": {
      const half = Math.floor(arrivals.at.length / 2)
      const rows = (from: number, to: number): Arrivals => ({
        _tag: "Trace",
        at: arrivals.at.slice(from, to),
        calls: arrivals.calls.slice(from, to)
      })
      return half === 0 ? [] : [rows(0, half), rows(half, arrivals.at.length)]
    }
  }
}

const smallerProviderPhases = (phase: ProviderPhase): ReadonlyArray<ProviderPhase> => {
  const { capacity, latency, rules = [], ...rest } = phase
  const others = Object.keys(rest).filter((key) => key !== "name" && key !== "for")
  return [
    ...others.map((key) => omitting(phase, key)),
    ...capacity === undefined
      ? []
      : [omitting(phase, "capacity"), ...smallerCapacities(capacity).map((capacity) => ({ ...phase, capacity }))],
    ...rules.map((_, index) => ({ ...phase, rules: rules.toSpliced(index, 1) })),
    ...latency === undefined ? [] : [omitting(phase, "latency")],
    ...phase.for === undefined ? [] : shorter(phase.for).map((millis) => ({ ...phase, for: millis })),
    ...latency === undefined ? [] : shorterLatencies(latency).map((millis) => ({ ...phase, latency: millis })),
    ...each(rules, simplerRules).map((rules) => ({ ...phase, rules }))
  ]
}

type Rule = NonNullable<ProviderPhase["rules"]>[number]

/** Rules that apply more often: to all calls is the simplest. */
const simplerRules = (rule: Rule): ReadonlyArray<Rule> => [
  ...rule.rate === undefined || rule.rate === 1 || rule.rate === 0 ? [] : [{ ...rule, rate: 1 }],
  ...(["when", "bursts"] as const).flatMap((key) => rule[key] === undefined ? [] : [omitting(rule, key)])
]

const smallerCapacities = (capacity: Capacity): ReadonlyArray<Capacity> => [
  ...(["abandoned", "waiting", "slots", "speed"] as const).flatMap((key) =>
    capacity[key] === undefined ? [] : [omitting(capacity, key)]
  ),
  ...lower(capacity.concurrency, 1).map((concurrency) => ({ ...capacity, concurrency })),
  ...lower(capacity.slots ?? 0, capacity.concurrency).map((slots) => ({ ...capacity, slots })),
  ...capacity.waiting === undefined || capacity.waiting === 0
    ? []
    : [0, ...lower(capacity.waiting, 1)].map((waiting) => ({ ...capacity, waiting }))
]

/** A latency that varies becomes one that does not. */
const shorterLatencies = (latency: NonNullable<ProviderPhase["latency"]>): ReadonlyArray<number> => {
  const isVaried = Predicate.hasProperty(latency, "_tag")
  const millis = isVaried ? typicalOf(latency as Latency) : Duration.toMillis(latency as Duration.Input)
  return [...lower(millis, 100), ...isVaried ? [millis] : []]
}

const typicalOf = (latency: Latency): number => {
  switch (latency._tag) {
    case "Constant":
      return Duration.toMillis(latency.duration)
    case "Uniform":
      return Duration.toMillis(latency.max)
    case "LogNormal":
      return Duration.toMillis(latency.median)
    case "Exponential":
      return Duration.toMillis(latency.mean)
    case "Empirical":
      return Math.max(...latency.durations.map((duration) => Duration.toMillis(duration)))
    case "Mix":
      return Math.max(...latency.shares.map(([, part]) => typicalOf(part)))
  }
}

const omitting = <A extends object>(one: A, key: string): A =>
  Object.fromEntries(Object.entries(one).filter(([name]) => name !== key)) as A

/** Durations in milliseconds, down to a second. */
const shorter = (duration: Duration.Input): ReadonlyArray<number> => lower(Duration.toMillis(duration), 1000)

/** Lower values, down to one step: nearly as low as possible, a half, three quarters, and one step. */
const lower = (value: number, step: number): ReadonlyArray<number> => {
  if (!(value > step) || value === Infinity) return []
  const floors = [step, value / 2, value * 0.75, value - step].map((one) =>
    Math.max(step, Math.floor(one / step) * step)
  )
  return [...new Set(floors)].filter((one) => one < value)
}
