/** The kinds of values in a file, as JSON schemas. Wherever a number, a flag or a choice is expected, a variable may stand. */

export type JsonSchema = { readonly [keyword: string]: unknown }

/** What an option is, and its default where the code has one. */
export const option = (schema: JsonSchema, description: string, otherwise?: unknown): JsonSchema => ({
  description,
  ...otherwise !== undefined && { default: otherwise },
  ...schema
})

const name = "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}"

/** One variable and nothing else. */
const variable: JsonSchema = { type: "string", pattern: `^${name}$` }

/** A text with a variable in it. */
const withVariable: JsonSchema = { type: "string", pattern: name }

export const anyOf = (...schemas: ReadonlyArray<JsonSchema>): JsonSchema => ({ anyOf: schemas })

export const orVariable = (...schemas: ReadonlyArray<JsonSchema>): JsonSchema => anyOf(...schemas, variable)

export const integer = (minimum: number, maximum?: number): JsonSchema =>
  orVariable({ type: "integer", minimum, ...maximum !== undefined && { maximum } })

export const numberAbove = (exclusiveMinimum: number, maximum?: number): JsonSchema =>
  orVariable({ type: "number", exclusiveMinimum, ...maximum !== undefined && { maximum } })

export const numberFrom = (minimum: number, maximum?: number): JsonSchema =>
  orVariable({ type: "number", minimum, ...maximum !== undefined && { maximum } })

export const choice = (...values: ReadonlyArray<string>): JsonSchema => orVariable({ enum: values })

export const text: JsonSchema = { type: "string", minLength: 1 }

export const secret: JsonSchema = { type: "string", minLength: 1 }

const oneOrMore = (item: JsonSchema): JsonSchema => anyOf(item, { type: "array", items: item, minItems: 1 })

/** One, or several of which any will do. */
export const secrets: JsonSchema = oneOrMore(secret)

/** A day, or a time with its zone. */
const time: JsonSchema = {
  type: "string",
  pattern: "^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d))?$|\\$\\{"
}

/** Each may have an end. */
export const clientTokens = (): JsonSchema =>
  oneOrMore(anyOf(
    secret,
    group({
      token: option(secret, "The token, or sha256: and the digest of it."),
      expires: option(time, "From when on it is refused: a day, which begins in UTC, or a time with its zone.")
    }, ["token", "expires"])
  ))

export const flag: JsonSchema = orVariable({ type: "boolean" }, { enum: ["true", "false"] })

const written = "^\\d+(\\.\\d+)?\\s+(nanos?|micros?|millis?|seconds?|minutes?|hours?|days?|weeks?)$"

const durations = (millis: JsonSchema, ...more: ReadonlyArray<JsonSchema>): JsonSchema =>
  anyOf({ type: "number", ...millis }, { type: "string", pattern: written }, withVariable, ...more)

/** A text such as `"30 seconds"`, or a number of milliseconds. */
export const duration: JsonSchema = durations({ exclusiveMinimum: 0 })

const endless: JsonSchema = { const: "Infinity" }

export const durationOrEndless: JsonSchema = durations({ exclusiveMinimum: 0 }, endless)

/** Of zero or more, with an end. */
export const delay: JsonSchema = durations({ minimum: 0 })

/** Of zero or more. */
export const wait: JsonSchema = durations({ minimum: 0 }, endless)

export const list = (items: JsonSchema, minItems = 0): JsonSchema => ({
  type: "array",
  items,
  ...minItems > 0 && { minItems }
})

/** Named options, none else. */
export const group = (
  properties: { readonly [name: string]: JsonSchema },
  required: ReadonlyArray<string> = []
): JsonSchema => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...required.length > 0 && { required }
})

/** Entries by names that the file chooses. */
export const entries = (entry: JsonSchema, minProperties = 0): JsonSchema => ({
  type: "object",
  additionalProperties: entry,
  ...minProperties > 0 && { minProperties }
})

/** A section that may be left empty. */
export const orNothing = (schema: JsonSchema): JsonSchema => anyOf(schema, { type: "null" })
