/** The section `resilience4j`, with every spelling of its keys. What stands under a key with dots is not described. */
import { sections } from "../resilience4j.ts"
import { spellingsOf } from "../resilience4j/names.ts"
import type { Section } from "../resilience4j/section.ts"
import { anyOf, group, type JsonSchema, orNothing, orVariable } from "./parts.ts"

/** One key: what it is, for editors, and what it may be, which is defined once for all of its spellings. */
interface Described {
  readonly schema: JsonSchema
  readonly description: string
  readonly otherwise?: unknown
}

const definitions: Record<string, JsonSchema> = {}

const define = (name: string, schema: JsonSchema): JsonSchema => {
  definitions[name] = schema
  return { $ref: `#/$defs/${name}` }
}

const dotted = "[.[]"

/** The keys in the spelling of the documentation, described, and in all others. */
const relaxed = (place: string, keys: { readonly [key: string]: Described }): JsonSchema => {
  const defined = Object.entries(keys).map(([key, described]) =>
    [key, described, define(`${place}.${key}`, described.schema)] as const
  )
  return {
    ...group(Object.fromEntries(
      defined.map(([key, { description, otherwise }, schema]) => [
        key,
        { description, ...otherwise !== undefined && { default: otherwise }, ...schema }
      ])
    )),
    patternProperties: {
      ...Object.fromEntries(defined.map(([key, , schema]) => [`^${spellingsOf(key)}$`, schema])),
      [dotted]: {}
    }
  }
}

const withoutEffect: Described = { schema: {}, description: "Without effect here." }

const instanceOf = ({ keys, name }: Section): JsonSchema =>
  define(
    `${name}.instance`,
    relaxed(name, {
      baseConfig: { schema: { type: "string", minLength: 1 }, description: "The config that it is based on." },
      ...Object.fromEntries(
        Object.entries(keys).map(([key, { ignored, is, otherwise }]): [string, Described] => [key, {
          schema: orVariable(is.json),
          description: ignored === undefined ? sentence(is.range) : `Without effect here: ${ignored}.`,
          otherwise
        }])
      )
    })
  )

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

const scalar: JsonSchema = { type: ["string", "number", "boolean", "null", "array"] }

const sectionOf = (section: Section): JsonSchema => {
  const instance = instanceOf(section)
  const named = define(
    `${section.name}.instances`,
    orNothing({
      type: "object",
      additionalProperties: orNothing(instance),
      // A name with dots, or a name and a key.
      patternProperties: { [dotted]: anyOf(instance, scalar) }
    })
  )
  return orNothing(relaxed(`${section.name}.section`, {
    configs: { schema: named, description: "What instances can be based on, by name." },
    ...Object.fromEntries(
      section.holders.map((holder) => [holder, { schema: named, description: "What models name, by name." }])
    ),
    tags: withoutEffect,
    [section.aspectOrder]: { ...withoutEffect, schema: { type: ["integer", "string"] } },
    metrics: withoutEffect
  }))
}

const own = define(
  "resilience4j",
  orNothing(relaxed("resilience4j", {
    ...Object.fromEntries(
      sections.map((section) => [section.name, { schema: sectionOf(section), description: "As in Spring Boot." }])
    ),
    micrometer: withoutEffect,
    scheduled: withoutEffect,
    thread: withoutEffect
  }))
)

/** The keys of the file that belong here. */
export const resilience4j = {
  properties: { resilience4j: { description: "The configuration of resilience4j, as of Spring Boot.", ...own } },
  patternProperties: { [`^${spellingsOf("resilience4j")}$`]: own, [`^${spellingsOf("resilience4j")}[.[]`]: {} },
  definitions
}
