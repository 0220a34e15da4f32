/** A file that is given as an object: what could stand in a file, and nothing else. */
import type { Problem } from "./problem.ts"

/** The same without what is undefined, as a copy; what cannot stand in a file is a problem, and left out. */
export const plainOf = (value: unknown, problems: Array<Problem>): unknown => {
  const around = new Set<object>()
  const refuse = (path: Problem["path"], got: string): undefined => {
    problems.push({ path, message: `Expected a text, a number, true, false, a list or a plain object, got ${got}` })
  }
  const walk = (value: unknown, path: Problem["path"]): unknown => {
    if (typeof value === "string" || typeof value === "boolean" || value === null || value === undefined) return value
    if (typeof value === "number") return Number.isFinite(value) ? value : refuse(path, String(value))
    if (typeof value !== "object") return refuse(path, `a ${typeof value}`)
    if (around.has(value)) return refuse(path, "what it stands in itself")
    around.add(value)
    const plain = Array.isArray(value)
      ? value.map((item, i) => walk(item, [...path, i]))
      : isPlain(value)
      ? Object.fromEntries(
        Object.entries(value).flatMap(([key, inner]) => {
          const plain = walk(inner, [...path, key])
          return plain === undefined ? [] : [[key, plain]]
        })
      )
      : refuse(path, `an instance of ${value.constructor?.name ?? "a class"}`)
    around.delete(value)
    return plain
  }
  return walk(value, [])
}

/** That of another realm is one as well. */
const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
