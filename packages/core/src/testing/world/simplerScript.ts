/** Simpler versions of a script that fails, the simplest first. Effect's `Arbitrary` continues from one that fails. */
import type { Script, TimedFault } from "./model.ts"

/** The values of each field, the simplest first. Times ascend. */
export type Choices = Readonly<Record<string, ReadonlyArray<unknown>>> & { readonly at: ReadonlyArray<number> }

/** Fewer faults, or one fault that is simpler. */
export const simpler = (choices: Choices, script: Script): ReadonlyArray<Script> => {
  const fewer = script.map((_, i) => script.toSpliced(i, 1))
  return [
    ...script.length > 2 ? [script.slice(script.length >> 1), script.slice(0, script.length >> 1)] : [],
    ...fewer,
    ...earlier(choices, script),
    ...script.flatMap((fault, i) => simplerFaults(choices, fault).map((other) => script.with(i, other))),
    ...inOrder(script),
    ...script.length > 3 ? [] : fewer.flatMap((rest) => moved(choices, rest))
  ]
}

/** All faults earlier by the same time, so that the first one begins at a rounder time. */
const earlier = ({ at: times }: Choices, script: Script): ReadonlyArray<Script> => {
  const at = (fault: TimedFault): number => fault.at as number
  const first = Math.min(...script.map(at))
  return script.length < 2 ?
    [] :
    rounder(times, first).map((time) => script.map((fault) => ({ ...fault, at: at(fault) - first + time })))
}

/** The same faults in the order in which they begin, which is that of a reader. */
const inOrder = (script: Script): ReadonlyArray<Script> => {
  const sorted = script.toSorted((one, other) => (one.at as number) - (other.at as number))
  return sorted.every((fault, i) => fault === script[i]) ? [] : [sorted]
}

const rounder = (times: ReadonlyArray<number>, at: number): ReadonlyArray<number> =>
  [...new Set([0, ...[10_000, 1000].map((grain) => Math.floor(at / grain) * grain)])]
    .filter((time) => time < at && times.includes(time))

/**
 * The same faults, one of them somewhat earlier or later: a fault that only moved everything else in time is not needed
 * when the others move.
 */
const moved = ({ at: times }: Choices, script: Script): ReadonlyArray<Script> =>
  script.flatMap((fault, i) => {
    const at = times.indexOf(fault.at as number)
    return times.slice(Math.max(0, at - nearby), at + nearby + 1).map((time) => script.with(i, { ...fault, at: time }))
  })

const nearby = 15

/** Without a field that it can do without; shorter; with a simpler value; at a rounder time. */
const simplerFaults = (choices: Choices, fault: TimedFault): ReadonlyArray<TimedFault> => {
  const fields = Object.entries(fault)
  const before = (field: string, value: unknown): ReadonlyArray<unknown> => {
    const list = choices[field] ?? []
    return list.slice(0, Math.max(0, list.indexOf(value)))
  }
  const at = fault.at as number
  return [
    ...fields.filter(([field]) => optional.includes(field)).map(([field]) =>
      Object.fromEntries(fields.filter(([other]) => other !== field))
    ),
    ...fields.flatMap(([field, value]) => {
      if (field === "at") return []
      if (field === "for") return before(field, value).flatMap((millis) => shorter(choices, fault, millis as number))
      return before(field, value).map((other) => ({ ...fault, [field]: other }))
    }),
    ...rounder(choices.at, at).map((at) => ({ ...fault, at }))
  ] as ReadonlyArray<TimedFault>
}

const optional = ["from", "to", "direction", "inFlight", "drift"]

/** A fault that lasts for a shorter time: at the beginning, in the middle and at the end of what it was. */
const shorter = ({ at: times }: Choices, fault: TimedFault, millis: number): ReadonlyArray<TimedFault> => {
  const at = fault.at as number
  const spare = Math.max(0, (fault as { readonly for: number }).for - millis)
  const starts = [at, at + spare, at + spare / 2].flatMap((start) => times.findLast((time) => time <= start) ?? [])
  return [...new Set(starts)].map((at) => ({ ...fault, at, for: millis }) as TimedFault)
}
