/**
 * Variables of the environment in a file of YAML or an object: `${NAME}`, and `${NAME:-default}` for one that may be missing or empty.
 *
 * The file is parsed before anything is put in: a value is always one scalar, whatever characters it has, and can add no
 * key. What stands in a comment is not looked up. A scalar that is one variable and looks like a number, `true` or `false`
 * is one, as if it had been written there; secrets and texts are read as they are.
 */
import * as Yaml from "effect/encoding/Yaml"
import * as Redacted from "effect/Redacted"
import { plainOf } from "./plain.ts"
import type { Problem } from "./problem.ts"

/** The variables of an environment. */
export type Environment = { readonly [name: string]: string | undefined }

/** A file with its variables put in, and what was wrong with it. */
export interface Substituted {
  readonly tree: unknown
  readonly problems: ReadonlyArray<Problem>
  /** The scalars that have variables, as they are written. */
  readonly written: ReadonlyArray<Written>
  /** The keys that have variables, as they are written, each by the place that it became. */
  readonly writtenKeys: ReadonlyArray<Written>
}

export interface Written {
  readonly path: Problem["path"]
  readonly text: string
}

/** Tells of a field by its place. */
type Tells = (path: Problem["path"]) => boolean

/**
 * Of the text of a file, or of an object that says the same. A value that `isSecret` becomes redacted; one that `isText` is no
 * number, whatever it looks like.
 */
export const substitute = (
  source: string | object,
  environment: Environment,
  isSecret: Tells,
  isText: Tells
): Substituted => {
  const variables: Array<Variable> = []
  const problems: Array<Problem> = []
  const given = typeof source === "string" ? source : plainOf(source, problems)
  const text = typeof given === "string" ? given : JSON.stringify(given ?? {})
  // No text of the file is like a mark by chance.
  const mark = `switchgear-${Math.max(0, ...[...text.matchAll(/switchgear-(\d+)/g)].map(([, n]) => Number(n))) + 1}-`
  const marked = (text: string): string =>
    text.replace(variable, (source: string, name: string, fallback?: string) => {
      variables.push({ source, name, fallback })
      return `${mark}${variables.length - 1}-`
    })
  const written: Array<Written> = []
  const writtenKeys: Array<Written> = []
  const marks = new RegExp(`${mark}(\\d+)-`, "g")
  const valueOf = (index: string, path: Problem["path"]): string => {
    const { fallback, name } = variables[Number(index)]!
    const value = environment[name]
    if (value !== undefined && (value !== "" || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    problems.push({
      path,
      message: `The environment has no ${name}. Set it, or write \${${name}:-default} where it may be missing`
    })
    return ""
  }
  const asWritten = (marked: string): string =>
    marked.replace(marks, (_, index: string) => variables[Number(index)]!.source)
  const replaced = (scalar: string, path: Problem["path"], secret: boolean): unknown => {
    refuseOthers(scalar, path)
    if (!scalar.includes(mark)) return scalar
    written.push({ path, text: asWritten(scalar) })
    const whole = new RegExp(`^${marks.source}$`).exec(scalar)
    if (whole === null) return scalar.replace(marks, (_, index: string) => valueOf(index, path))
    const value = valueOf(whole[1]!, path)
    return secret || isText(path) ? value : plain(value)
  }
  /** What is meant to be a variable and is none would be a value by itself: a secret that everybody can read here. */
  const refuseOthers = (scalar: string, path: Problem["path"]): void => {
    const nested = scalar.includes(mark) &&
      [...scalar.matchAll(marks)].some(([, index]) => variables[Number(index)]!.fallback?.includes("${"))
    if (nested || scalar.includes("${") || /^\$[A-Za-z_]\w*$/.test(scalar)) problems.push({ path, message: noVariable })
  }
  let values = 0
  const walk = (node: unknown, path: Problem["path"], secret: boolean): unknown => {
    if (++values > mostValues) throw new Error(`its aliases make more than ${mostValues} values of it`)
    if (typeof node === "string") {
      const value = replaced(node, path, secret)
      return secret && typeof value === "string" ? Redacted.make(value) : value
    }
    if (Array.isArray(node)) return node.map((item, i) => walk(item, [...path, i], secret))
    if (typeof node !== "object" || node === null) {
      if (!secret || node === null || node === undefined) return node
      problems.push({ path, message: "Expected a text. Put it in quotes: a number may lose digits" })
      return Redacted.make(String(node))
    }
    const names = new Set<string>()
    const entries = Object.entries(node).map(([key, value]) => {
      refuseOthers(key, path)
      const name = key.includes(mark) ? key.replace(marks, (_, index: string) => valueOf(index, path)) : key
      const place = [...path, name]
      if (name !== key) writtenKeys.push({ path: place, text: asWritten(key) })
      if (names.has(name))
        problems.push({ path: place, message: "Expected a name of its own: variables give it twice" })
      names.add(name)
      return [name, walk(value, place, isSecret(place))] as const
    })
    return Object.fromEntries(entries)
  }
  try {
    const tree = typeof given === "string" ? Yaml.parse(marked(given)) : withTexts(given, marked)
    return { tree: walk(tree, [], false), problems, written, writtenKeys }
  } catch (error) {
    const told = String(error instanceof Error ? error.message : error)
    const message = told.replace(marks, (_, index: string) => `\${${variables[Number(index)]!.name}}`)
    const problems = [{ path: [], message: `The file is no YAML: ${message}` }]
    return { tree: undefined, problems, written: [], writtenKeys: [] }
  }
}

/** The same with other texts and keys. */
const withTexts = (node: unknown, other: (text: string) => string): unknown =>
  typeof node === "string"
    ? other(node)
    : Array.isArray(node)
    ? node.map((item) => withTexts(item, other))
    : typeof node === "object" && node !== null
    ? Object.fromEntries(Object.entries(node).map(([key, value]) => [other(key), withTexts(value, other)]))
    : node

/** More than any file has. A few lines of aliases of aliases are as many values as there is memory for. */
const mostValues = 1_000_000

interface Variable {
  /** As it is written. */
  readonly source: string
  readonly name: string
  readonly fallback: string | undefined
}

const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

const noVariable =
  "Expected a variable as ${NAME} or ${NAME:-default}, without another one in it. A text with ${ can come from a variable"

const plain = (value: string): string | number | boolean =>
  value === "true" || value === "false"
    ? value === "true"
    : /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(value)
    ? Number(value)
    : value
