/** Smaller versions of the night of a scenario: fewer phases, shorter ones, fewer calls, fewer faults. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type { Arrivals } from "../load/model.ts"
import type { LoadPhase, ProviderPhase, Script } from "./plan.ts"

type Parts = Pick<Script, "load" | "providers">

/** The next smaller nights, the smallest first. Each is nearer to one call and no fault than the one it is made from. */
export const smaller = ({ load, providers }: Parts): ReadonlyArray<Parts> => [
  ...without(load).map((load) => ({ load, providers })),
  ...Object.entries(providers).flatMap(([name, phases]) =>
    [...without(phases), ...unlimited(phases), ...each(phases, smallerProviderPhases)].map((phases) => ({
      load,
      providers: { ...providers, [name]: phases }
    }))
  ),
  ...each(load, smallerLoadPhases).map((load) => ({ load, providers }))
]

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
  const { latency, rules = [], ...rest } = phase
  const others = Object.keys(rest).filter((key) => key !== "name" && key !== "for")
  return [
    ...others.map((key) => omitting(phase, key)),
    ...rules.map((_, index) => ({ ...phase, rules: rules.toSpliced(index, 1) })),
    ...latency === undefined ? [] : [rules.length === 0 ? rest : { ...rest, rules }],
    ...phase.for === undefined ? [] : shorter(phase.for).map((millis) => ({ ...phase, for: millis })),
    ...latency === undefined || Predicate.hasProperty(latency, "_tag")
      ? []
      : lower(Duration.toMillis(latency), 100).map((millis) => ({ ...phase, latency: millis })),
    ...rules.flatMap((rule, index) =>
      rule.rate === undefined || rule.rate === 1 || rule.rate === 0
        ? []
        : [{ ...phase, rules: rules.with(index, { ...rule, rate: 1 }) }]
    )
  ]
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
