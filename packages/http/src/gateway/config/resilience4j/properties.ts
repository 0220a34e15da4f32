/** The keys of a tree with their values, one by one, however many names each key of the tree has. */
import type { Problem } from "../problem.ts"
import { isGroup } from "../reader.ts"
import { type Name, namesOf } from "./names.ts"

export interface Property {
  readonly names: ReadonlyArray<Name>
  readonly path: Problem["path"]
  /** No group with entries. */
  readonly value: unknown
}

export const propertiesOf = (
  tree: unknown,
  names: ReadonlyArray<Name> = [],
  path: Problem["path"] = []
): ReadonlyArray<Property> =>
  isGroup(tree) && Object.keys(tree).length > 0
    ? Object.entries(tree).flatMap(([key, value]) => propertiesOf(value, [...names, ...namesOf(key)], [...path, key]))
    : [{ names, path, value: tree }]

/** Whether nothing is written there. */
export const isEmpty = (value: unknown): boolean => value === undefined || value === null || isGroup(value)
