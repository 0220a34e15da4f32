/**
 * What a section `resilience4j`, as of Spring Boot, means here: each instance becomes options of the models that name it.
 *
 * An instance is what resilience4j makes of it: what is not written has the default of resilience4j, not that of this
 * library.
 */
import { isGroup, type Reader } from "./reader.ts"
import type { Became, Instance, Instances } from "./resilience4j/became.ts"
import { bulkhead } from "./resilience4j/bulkhead.ts"
import { circuitBreaker } from "./resilience4j/circuitBreaker.ts"
import { Given } from "./resilience4j/given.ts"
import { chainOf, type Groups, groupsOf } from "./resilience4j/groups.ts"
import { namesOf, uniform } from "./resilience4j/names.ts"
import { isEmpty, propertiesOf, type Property } from "./resilience4j/properties.ts"
import { rateLimiter } from "./resilience4j/rateLimiter.ts"
import { retry } from "./resilience4j/retry.ts"
import type { Section } from "./resilience4j/section.ts"
import { threadPoolBulkhead } from "./resilience4j/threadPoolBulkhead.ts"
import { timeLimiter } from "./resilience4j/timeLimiter.ts"

export type { Became, Instance, Instances }

export const sections: ReadonlyArray<Section> = [
  circuitBreaker,
  retry,
  rateLimiter,
  bulkhead,
  threadPoolBulkhead,
  timeLimiter
]

/** Sections of how resilience4j itself runs. */
const withoutEffect: { readonly [name: string]: string } = {
  micrometer: "metrics are always on",
  scheduled: "there are no threads",
  thread: "there are no threads"
}

/** Whether a key of the file belongs here: `resilience4j`, or one that begins with it, such as `resilience4j.retry`. */
export const owns = (key: string): boolean => uniform(namesOf(key)[0]?.text ?? "") === "resilience4j"

/** `tree` has the keys of the file that belong here. */
export const read = (
  tree: Readonly<Record<string, unknown>>,
  reader: Reader
): { readonly instances: Instances; readonly became: ReadonlyArray<Became> } => {
  const became: Array<Became> = []
  const bySection = new Map<Section, Array<Property>>(sections.map((section) => [section, []]))
  for (const property of Object.keys(tree).length === 0 ? [] : propertiesOf(tree)) {
    const [, name, ...names] = property.names
    const of = uniform(name?.text ?? "")
    const section = sections.find((section) => uniform(section.name) === of)
    if (section !== undefined) bySection.get(section)!.push({ ...property, names })
    else if (Object.hasOwn(withoutEffect, of)) {
      became.push({ ...property, source: "file", effect: "none", became: withoutEffect[of]! })
    } else if (name !== undefined || !isEmpty(property.value)) {
      reader.refuse(
        property.path,
        `There is no such section. There are: ${sections.map(({ name }) => name).join(", ")}`
      )
    }
  }
  const instances = new Map<string, Instance>()
  for (const [section, properties] of bySection) {
    const groups = groupsOf(section, properties, reader)
    became.push(...groups.rows, ...convert(section, groups.instances, groups.configs, instances, reader))
  }
  return { instances: Object.fromEntries(instances), became: withoutRepetition(became) }
}

const convert = (
  section: Section,
  instances: Groups,
  configs: Groups,
  into: Map<string, Instance>,
  reader: Reader
): ReadonlyArray<Became> => {
  const rows: Array<Became> = []
  const used = new Set<unknown>()
  for (const [name, group] of instances) {
    const chain = chainOf(section, name, group, configs, reader) ?? [group.keys]
    chain.forEach((keys) => used.add(keys))
    const given = new Given(section.keys, group.path, chain, reader)
    const before = into.get(name)
    const part = section.convert(given)
    into.set(name, {
      ...before,
      ...part,
      options: { ...before?.options, ...part.options },
      said: [before?.said, part.said],
      failsHealth: [...before?.failsHealth ?? [], ...part.failsHealth ?? []],
      hasTwoBulkheads: before?.hasTwoBulkheads === true ||
        before?.options.bulkhead !== undefined && part.options.bulkhead !== undefined,
      path: before?.path ?? group.path
    })
    rows.push(...given.rows)
  }
  for (const [name, config] of configs) {
    // What is wrong with a config is told although nothing is based on it.
    const chain = chainOf(section, name, config, configs, reader) ?? [config.keys]
    section.convert(new Given(section.keys, config.path, chain, reader))
    if (used.has(config.keys)) continue
    for (const { path, raw } of config.keys.values()) {
      rows.push({ path, value: raw, source: "file", effect: "none", became: "no instance is based on this config" })
    }
  }
  return rows
}

/** An instance that is based on a config has a row of its own only for what became of it otherwise. */
const withoutRepetition = (rows: ReadonlyArray<Became>): ReadonlyArray<Became> => {
  const told = new Set<string>()
  return rows.filter(({ became, path, source }) => {
    const row = JSON.stringify([path, source, became])
    return !told.has(row) && told.add(row)
  })
}

/** What is told of instances by the models that name them. */
export const named = (
  instances: Instances,
  models: Readonly<Record<string, unknown>>
): ReadonlyArray<Became> =>
  Object.entries(instances).flatMap(([name, { options, path }]): ReadonlyArray<Became> => {
    const by = Object.entries(models).filter((entry): entry is [string, Readonly<Record<string, unknown>>] =>
      isGroup(entry[1]) && entry[1].resilience4j === name
    )
    const row = { path, value: undefined, source: "file" } as const
    if (by.length === 0) return [{ ...row, effect: "none", became: "no model names this instance" }]
    const all = by.map(([model]) => model).join(", ")
    const shared: ReadonlyArray<Became> = by.length === 1 ? [] : [{
      ...row,
      effect: "changed",
      became: `each of ${all} has guards of its own (in resilience4j they share those of an instance)`
    }]
    const own = by.flatMap(([model, written]) =>
      Object.keys(options).filter((option) => Object.hasOwn(written, option)).map((option): Became => ({
        path: ["models", model, option],
        value: written[option],
        source: "file",
        effect: "changed",
        became: `stands before the ${option} of ${name}`
      }))
    )
    return [...shared, ...own]
  })
