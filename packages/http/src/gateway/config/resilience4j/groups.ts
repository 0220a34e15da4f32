/** The configs and the instances of one section, with the keys that are written in each. */
import { partedPlace, placeOf, type Problem } from "../problem.ts"
import { type Reader, shown } from "../reader.ts"
import type { Became } from "./became.ts"
import type { Keys, Written } from "./given.ts"
import { type Name, uniform } from "./names.ts"
import { isEmpty, type Property } from "./properties.ts"
import type { Section } from "./section.ts"
import { anyInteger, text, texts } from "./values.ts"

/** What is written under one name. */
export interface Group {
  /** Where it was first seen. */
  readonly path: Problem["path"]
  readonly keys: Map<string, Written>
  baseConfig: { readonly name: string; readonly path: Problem["path"] } | undefined
}

export type Groups = Map<string, Group>

export interface SectionGroups {
  readonly configs: Groups
  readonly instances: Groups
  readonly rows: ReadonlyArray<Became>
}

/** The names of the properties begin after that of the section. */
export const groupsOf = (
  section: Section,
  properties: ReadonlyArray<Property>,
  reader: Reader
): SectionGroups => {
  const configs: Groups = new Map()
  const instances: Groups = new Map()
  const rows: Array<Became> = []
  const hasNoEffect = ({ path, value }: Property, became: string) =>
    void rows.push({ path, value, source: "file", effect: "none", became })
  for (const property of properties) {
    const [first, ...rest] = property.names
    const holder = uniform(first?.text ?? "")
    if (first === undefined) {
      if (!isEmpty(property.value)) refuseMembers(section, property, reader)
    } else if (holder === "configs") {
      add(section, configs, { ...property, names: rest }, reader)
    } else if (section.holders.some((name) => uniform(name) === holder)) {
      add(section, instances, { ...property, names: rest }, reader)
    } else if (holder === uniform(section.aspectOrder) && rest.length === 0) {
      if (anyInteger.read(property.value) === undefined) refuseValue(property, anyInteger.range, reader)
      hasNoEffect(property, "the order of guards is that of ChatModel: retry, circuit, limiter, bulkhead, attempt")
    } else if (holder === "tags") {
      hasNoEffect(property, "metrics have the name of the model")
    } else if (holder === "metrics") {
      hasNoEffect(property, "metrics are always on")
    } else {
      refuseMembers(section, property, reader)
    }
  }
  return { configs, instances, rows }
}

const add = (section: Section, groups: Groups, property: Property, reader: Reader): void => {
  const { names, path, value } = property
  if (names.length === 0) {
    if (!isEmpty(value)) reader.refuse(path, `Expected entries by name, got ${shown(value)}`)
    return
  }
  const within = names.findIndex((name, i) => i > 0 && i < names.length - 1 && keyOf(section, name) !== undefined)
  if (within > 0 && !(within === names.length - 2 && isElementOf(section, names))) {
    const key = keyOf(section, names[within]!)!
    groupOf(groups, names.slice(0, within), path)
    reader.refuse(partedPlace(path)[0], `Expected ${section.keys[key]?.is.range ?? text.range}, got options`)
    return
  }
  const element = isElementOf(section, names)
  const own = element ? names.slice(0, -1) : names
  const key = own.length < 2 ? undefined : keyOf(section, own.at(-1)!)
  const group = key === undefined && isEmpty(value)
    ? groupOf(groups, own, path)
    : groupOf(groups, own.slice(0, -1), partedPlace(path)[0])
  if (key === "baseConfig") {
    const name = text.read(value)
    if (name === undefined) refuseValue(property, text.range, reader)
    else if (group !== undefined) group.baseConfig = { name, path }
  } else if (key !== undefined && group !== undefined) {
    write(section, group, key, property, element, reader)
  } else if (key === undefined && !isEmpty(value)) {
    reader.refuse(
      path,
      own.length < 2
        ? `Expected { ${keysOf(section)} }, got ${shown(value)}`
        : `There is no such option. There are: ${keysOf(section)}`
    )
  }
}

const write = (
  section: Section,
  { keys }: Group,
  key: string,
  property: Property,
  isElement: boolean,
  reader: Reader
): void => {
  const { path, value } = property
  const before = keys.get(key)
  if (before !== undefined && !isElement) {
    reader.refuse(path, `Expected it once, but it is also written as ${placeOf(before.path)}`)
    return
  }
  const { is, refused } = section.keys[key]!
  const raw = isElement ? [...before?.raw as ReadonlyArray<unknown> ?? [], value] : value
  const read = is.read(raw)
  const why = read === undefined ? undefined : refused?.(read)
  if (read === undefined) refuseValue(property, is.range, reader)
  else if (why !== undefined) reader.refuse(path, `Expected ${why}`)
  else keys.set(key, { path: isElement && before !== undefined ? before.path : path, raw, value: read })
}

const groupOf = (groups: Groups, names: ReadonlyArray<Name>, path: Problem["path"]): Group | undefined => {
  if (names.length === 0) return undefined
  const name = names.map(({ text }) => text).join(".")
  const group = groups.get(name) ?? { path, keys: new Map(), baseConfig: undefined }
  groups.set(name, group)
  return group
}

const keyOf = (section: Section, { isBracketed, text }: Name): string | undefined =>
  isBracketed
    ? undefined
    : [...Object.keys(section.keys), "baseConfig"].find((key) => uniform(key) === uniform(text))

/** Whether it is one element of a list, as in `recordExceptions[0]`. */
const isElementOf = (section: Section, names: ReadonlyArray<Name>): boolean => {
  const [list, place] = names.slice(-2)
  const key = place?.isBracketed && /^\d+$/.test(place.text) ? keyOf(section, list!) : undefined
  return key !== undefined && section.keys[key]?.is === texts
}

const keysOf = (section: Section): string => ["baseConfig", ...Object.keys(section.keys)].join(", ")

const refuseMembers = (section: Section, { path }: Property, reader: Reader): void =>
  reader.refuse(
    path,
    `There is no such option. There are: configs, ${section.holders.join(", ")}, tags, ${section.aspectOrder}, metrics`
  )

const refuseValue = ({ path, value }: Property, range: string, reader: Reader): void =>
  reader.refuse(path, `Expected ${range}, got ${shown(value)}`)

/** The keys of a group and of what it is based on, the nearest first; undefined where a base is missing or goes in circles. */
export const chainOf = (
  section: Section,
  name: string,
  group: Group,
  configs: Groups,
  reader: Reader
): ReadonlyArray<Keys> | undefined => {
  const chain: Array<Keys> = [group.keys]
  const seen: Array<Group> = [group]
  let current = group
  while (current.baseConfig !== undefined) {
    const { name: base, path } = current.baseConfig
    const next = configs.get(base)
    if (next === undefined) {
      const known = [...configs.keys()]
      return reader.refuse(
        path,
        `Expected ${known.length === 0 ? "a config, but there is none" : `one of ${known.join(", ")}`}, got "${base}"`
      )
    }
    if (seen.includes(next)) {
      return reader.refuse(path, `Expected a config that is not based on itself, got "${base}"`)
    }
    chain.push(next.keys)
    seen.push(next)
    current = next
  }
  const root = section.base === "default"
    ? configs.get("default")
    : group.baseConfig !== undefined
    ? undefined
    : configs.get(name) ?? configs.get("default")
  return root === undefined || seen.includes(root) ? chain : [...chain, root.keys]
}
