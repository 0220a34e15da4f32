import * as Equal from "effect/Equal"
import * as Formatter from "effect/Formatter"

/** The differences between two values, one line per part; empty when they are equal. A missing field is undefined. */
export const differences = (seen: unknown, expected: unknown, path = ""): ReadonlyArray<string> => {
  const [parts, others] = [partsOf(seen), partsOf(expected)]
  if (parts === undefined || others === undefined || parts.kind !== others.kind) {
    if (seen === expected || Equal.equals(seen, expected)) return []
    return [`${path === "" ? "it" : path} is ${Formatter.format(seen)}, and should be ${Formatter.format(expected)}`]
  }
  const keys = new Set([...parts.entries.keys(), ...others.entries.keys()])
  return [...keys].flatMap((key) => {
    const name = path === "" ? String(key) : `${path}.${String(key)}`
    return differences(parts.entries.get(key), others.entries.get(key), name)
  })
}

interface Parts {
  readonly kind: "list" | "map" | "record"
  readonly entries: ReadonlyMap<unknown, unknown>
}

// Compared part by part each time: `Equal.equals` caches what it has compared, and a model changes later.
const partsOf = (data: unknown): Parts | undefined => {
  if (Array.isArray(data))
    return { kind: "list", entries: new Map<unknown, unknown>(data.entries()).set("length", data.length) }
  if (data instanceof Map) return { kind: "map", entries: data }
  return typeof data === "object" && data !== null && Object.getPrototypeOf(data) === Object.prototype
    ? { kind: "record", entries: new Map(Object.entries(data)) }
    : undefined
}
