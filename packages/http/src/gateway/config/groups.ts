/** Groups of a file: what they have by which names. */
import type { Problem } from "./problem.ts"
import { isGroup, type Reader } from "./reader.ts"

export type Group = Readonly<Record<string, unknown>>

/** What a group makes of its entries, without those that cannot be read. */
export const entriesOf = <A>(
  value: unknown,
  section: string,
  reader: Reader,
  of: (value: unknown, name: string, path: Problem["path"]) => A | undefined
): { readonly [name: string]: A } => {
  const entries: Array<readonly [string, A]> = []
  for (const [name, written] of Object.entries(reader.group(value, [section]))) {
    const made = of(written, name, [section, name])
    if (made !== undefined) entries.push([name, made])
  }
  // Any name may be looked up in it, and some are names of what every object has.
  return Object.assign(Object.create(null), Object.fromEntries(entries))
}

/** The entries whose keys do not hold, and those whose keys do. */
export const parted = (group: Group, holds: (key: string) => boolean): readonly [Group, Group] => {
  const entries = Object.entries(group)
  return [
    Object.fromEntries(entries.filter(([key]) => !holds(key))),
    Object.fromEntries(entries.filter(([key]) => holds(key)))
  ]
}

export const asGroup = (value: unknown): Group => isGroup(value) ? value : {}

export const isIn = (group: unknown, name: string): boolean => Object.hasOwn(asGroup(group), name)

export const oneOf = (group: unknown): string => {
  const names = Object.keys(asGroup(group))
  return names.length === 0 ? "a name of nothing, because there is none" : `one of ${names.join(", ")}`
}
