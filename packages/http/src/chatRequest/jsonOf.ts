/**
 * A value as `JSON.parse(JSON.stringify(value))` would give it. Texts are the same and not copied, so that a long prompt
 * costs nothing. Each field is read once.
 */
export const jsonOf = (field: string, given: unknown): unknown => {
  const value = written(field, given)
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      // JSON has one zero, and no number that is none.
      return Number.isFinite(value) ? value + 0 : null
    case "object":
      return value === null
        ? null
        : Array.isArray(value)
        ? listOf(value)
        : isBoxed(value)
        ? value.valueOf()
        : fieldsAsJson(value)
    case "bigint":
      throw new TypeError("a BigInt is no JSON")
    default:
      return undefined
  }
}

/** The fields of an object as JSON. */
export const fieldsAsJson = (object: object): { [field: string]: unknown } => {
  const fields: { [field: string]: unknown } = {}
  for (const field of Object.keys(object)) {
    const value = jsonOf(field, (object as { readonly [field: string]: unknown })[field])
    if (value === undefined) continue
    if (field === "__proto__") Object.defineProperty(fields, field, { value, enumerable: true })
    else fields[field] = value
  }
  return fields
}

/** What stands for a value: what its `toJSON` gives, if it has one. */
const written = (field: string, value: any): unknown =>
  value !== null && (typeof value === "object" || typeof value === "function" || typeof value === "bigint") &&
    typeof value.toJSON === "function"
    ? value.toJSON(field)
    : value

const listOf = (list: ReadonlyArray<unknown>): unknown => {
  const copy: Array<unknown> = []
  for (let i = 0; i < list.length; i++) copy.push(jsonOf(String(i), list[i]) ?? null)
  return copy
}

/** Freezes JSON through and through. */
export const freeze = (json: unknown): void => {
  if (typeof json !== "object" || json === null) return
  if (Array.isArray(json)) { for (let i = 0; i < json.length; i++) freeze(json[i]) }
  else { for (const inner of Object.values(json)) freeze(inner) }
  Object.freeze(json)
}

const isBoxed = (value: object): boolean =>
  value instanceof String || value instanceof Number || value instanceof Boolean
