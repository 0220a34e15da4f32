/**
 * Reads a part of the configuration as one plain value, in the shape of a schema.
 *
 * Names are read as they are written and, with precedence, as environment variables: `["model", "halfOpen"]` is
 * `model.halfOpen` in a file and `MODEL_HALF_OPEN` in the environment. `ConfigProvider.constantCase` is not enough: it
 * does not find the names inside a name of two words.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Str from "effect/String"

/** Reads what is under the path; an empty object if there is nothing. */
export const readConfig = <A>(
  shape: SchemaAST.AST,
  path: string | ConfigProvider.Path,
  decode: (tree: unknown) => Effect.Effect<A, SchemaIssue.Issue>
): Effect.Effect<A, Config.ConfigError> =>
  Effect.gen(function*() {
    const provider = yield* ConfigProvider.ConfigProvider
    const at = typeof path === "string" ? [path] : path
    const tree = yield* Effect.mapError(
      Effect.zipWith(fromEnvironment(provider)(shape, at), asWritten(provider)(shape, at), merge),
      (error) => new Config.ConfigError(error)
    )
    return yield* Effect.mapError(
      decode(tree ?? {}),
      (issue) => new Config.ConfigError(new Schema.SchemaError(new SchemaIssue.Pointer(at, issue)))
    )
  })

type Reader = (shape: SchemaAST.AST, path: ConfigProvider.Path) => Effect.Effect<unknown, ConfigProvider.SourceError>

const asWritten = (provider: ConfigProvider.ConfigProvider): Reader => reader(provider, isTypo, misfit, "names")

// An environment has variables of other programs, so unknown names are ignored there.
const fromEnvironment = (provider: ConfigProvider.ConfigProvider): Reader =>
  reader(provider.mapInput((path) => path.flatMap(words)), () => false, ({ value }) => value, "words")

const words = (part: string | number): ReadonlyArray<string | number> =>
  typeof part === "number" ? [part] : Str.configCase(part).split("_")

// A name in capitals comes from an environment that the application has put in its provider.
const isTypo = (key: string): boolean => key !== key.toUpperCase()

// The value is kept, so that the schema rejects it.
const misfit = (node: ConfigProvider.Node): unknown => node.value ?? (node._tag === "Array" ? [] : {})

const reader = (
  provider: ConfigProvider.ConfigProvider,
  tells: (unknownKey: string) => boolean,
  otherwise: (node: ConfigProvider.Node) => unknown,
  /** Any names, as those of headers, cannot be put together from words in capitals. */
  keys: "names" | "words"
): Reader => {
  const read: Reader = Effect.fnUntraced(function*(shape, path) {
    const node = yield* provider.load(path)
    if (node === undefined) return undefined
    switch (shape._tag) {
      case "Objects": {
        if (node._tag !== "Record") return otherwise(node)
        const object: Record<string, unknown> = {}
        for (const { name, type } of shape.propertySignatures) {
          const value = yield* read(type, [...path, name as string])
          if (value !== undefined) object[name as string] = value
        }
        const known = new Set(shape.propertySignatures.map(({ name }) => name))
        const [record] = shape.indexSignatures
        for (const key of node.keys) {
          if (known.has(key)) continue
          if (record === undefined) {
            if (tells(key)) object[key] = null
          } else if (keys === "names") {
            object[key] = yield* read(record.type, [...path, key])
          }
        }
        return Object.keys(object).length > 0 ? object : otherwise(node)
      }
      case "Arrays":
        return node._tag === "Array"
          ? yield* Effect.forEach(Array.from({ length: node.length }).keys(), (i) => read(shape.rest[0]!, [...path, i]))
          : otherwise(node)
      case "Union": {
        const structure = shape.types.find(({ _tag }) => _tag === "Objects" || _tag === "Arrays")
        if (structure !== undefined && node.value === undefined) return yield* read(structure, path)
      }
    }
    return node.value === undefined ? otherwise(node) : isNumeric(shape) ? toNumber(node.value) : node.value
  })
  return read
}

const isNumeric = (shape: SchemaAST.AST): boolean =>
  shape._tag === "Number" || (shape._tag === "Union" && shape.types.some(isNumeric))

const toNumber = (text: string): number | string => {
  const number = Number(text)
  return text.trim() === "" || (Number.isNaN(number) && text !== "NaN") ? text : number
}

const merge = (over: unknown, under: unknown): unknown => {
  if (over === undefined) return under
  if (!isPlain(over) || !isPlain(under)) return over
  const merged = { ...under }
  for (const key of Object.keys(over)) merged[key] = merge(over[key], under[key])
  return merged
}

const isPlain = (value: unknown): value is Record<string, unknown> => Predicate.isObject(value) && !Array.isArray(value)
