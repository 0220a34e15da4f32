/** When the faults of a script begin and end. */
import type { OptionsOf } from "../../internal/config/checks.ts"
import type { Fault, Names, Script, TimedFault } from "./model.ts"
import { inOrder, lasts, listOf } from "./rules.ts"
import { sentence } from "./sentence.ts"

/**
 * A part of a script, in milliseconds since the start of the world; the end is exclusive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Span {
  /** The name of the fault, or else the fault in words; with a number if there are several of these words. */
  readonly name: string
  readonly from: number
  /**
   * When the fault ends by itself, or another one ends it: the restart of all its nodes, their resume, a heal. Infinite
   * if nothing does. That of a restart, a resume or a heal is the time at which it happens.
   */
  readonly to: number
}

/** The spans of a script in the order in which they begin. */
export const spansOf = (of: OptionsOf, script: Script): ReadonlyArray<Span> => {
  const faults = inOrder(of, script)
  const words = new Map<string, number>()
  const inWords = (fault: Fault): string => {
    const told = sentence(fault)
    const times = (words.get(told) ?? 0) + 1
    words.set(told, times)
    return times === 1 ? told : `${told} #${times}`
  }
  return faults.map(({ at, fault }, index) => ({
    name: fault.name ?? inWords(fault),
    from: at,
    to: Math.min(at + lasts(fault), endedBy(fault, at, faults.slice(index + 1)))
  }))
}

type Timed = { readonly at: number; readonly fault: TimedFault }

/** When faults that come later have ended this one; infinite if they do not. */
const endedBy = (fault: Fault, at: number, later: ReadonlyArray<Timed>): number => {
  if ("restart" in fault || "resume" in fault || "heal" in fault) return at
  if ("crash" in fault) return whenAll(fault.crash, later, ["restart"])
  if ("stop" in fault) return whenAll(fault.stop, later, ["restart"])
  if ("pause" in fault) return whenAll(fault.pause, later, ["resume", "crash", "restart"])
  if (!("partition" in fault)) return Infinity
  const sides = fault.from === undefined ? undefined : [...listOf(fault.partition), ...listOf(fault.from)]
  return timeOf(
    later.find(({ fault }) =>
      "heal" in fault && listOf(fault.heal).some((node) => sides === undefined || sides.includes(node))
    )
  )
}

/** When something of these kinds has happened to each of the nodes. */
const whenAll = (names: Names, later: ReadonlyArray<Timed>, kinds: ReadonlyArray<string>): number =>
  Math.max(
    ...listOf(names).map((node) =>
      timeOf(later.find(({ fault }) =>
        Object.entries(fault).some(([kind, names]) => kinds.includes(kind) && listOf(names as Names).includes(node))
      ))
    )
  )

const timeOf = (one: Timed | undefined): number => one?.at ?? Infinity
