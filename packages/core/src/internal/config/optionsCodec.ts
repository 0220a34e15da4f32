/**
 * Reads options that are written in YAML, JSON or the environment. They are checked by the same rules as options in
 * code; a failure names field, value and range.
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { readConfig } from "./configTree.ts"
import { OptionsOf, render } from "./checks.ts"

/** A number or a duration, which is a number of milliseconds or a text such as `"30 seconds"`. */
export const NumberOrDuration = Schema.Union([Schema.Number, Schema.String]).annotate({
  expected: "a number or a text"
})

/** A group of optional fields. Any other field is rejected. */
export const group = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields).annotate({
    message: `Expected { ${Object.keys(fields).join(", ")} }`,
    messageUnexpectedKey: `There is no such option. There are: ${Object.keys(fields).join(", ")}`
  })

/** How written options become options, and which ones are valid. */
export interface CodecSpec<Options, Written> {
  /** The options that are written. The others come from `defaults`. */
  readonly read: (written: Written, check: OptionsOf, defaults: Partial<Options>) => Partial<Options>
  /** The check that `make` does. */
  readonly check: (options: Options, check: OptionsOf) => unknown
  /** The written place of a field that `check` names, if it has another name there. */
  readonly pathOf?: ((field: string, options: Partial<Options>) => ConfigProvider.Path | undefined) | undefined
}

/** Two ways to read written options: as a schema and from the configuration. */
export interface OptionsCodec<Options, Encoded> {
  readonly schema: Schema.Codec<Options, Encoded>
  /** The options under a path of the configuration. Missing ones come from `defaults`. */
  readonly config: (
    path: string | ConfigProvider.Path,
    defaults: Partial<Options>
  ) => Effect.Effect<Options, Config.ConfigError>
}

export const optionsCodec = <Options extends object>() =>
<const Fields extends Schema.Struct.Fields>(
  fields: Fields,
  form: CodecSpec<Options, Schema.Struct<Fields>["Type"]>
): OptionsCodec<Options, Schema.Struct<Fields>["Encoded"]> => {
  type Written = Schema.Struct<Fields>["Type"]
  const struct = group(fields)
  const parse = SchemaParser.decodeUnknownEffect(struct as unknown as Schema.Codec<Written>)
  const strictly = (input: unknown) => parse(input, { errors: "all", onExcessProperty: "error", reportInput: true })
  const decide = (written: Written, defaults: Partial<Options>) => decideBy(form, written, defaults)
  const written = Schema.declareConstructor<Written, Schema.Struct<Fields>["Encoded"]>()([], () => strictly, {
    expected: "options",
    toCodecJson: () =>
      Schema.link<Written>()(struct as unknown as Schema.Codec<Written>, {
        decode: SchemaGetter.passthrough(),
        encode: SchemaGetter.passthrough()
      })
  })
  const schema = written.pipe(
    Schema.decodeTo(Schema.declare((value): value is Options => Predicate.isObject(value)), {
      decode: SchemaGetter.transformEffect((written: Written) => decide(written, {})),
      encode: SchemaGetter.forbidden<Written, Options>(() => "Options are read from what is written, not written")
    })
  )
  return {
    schema,
    config: (path, defaults) =>
      readConfig(struct.ast, path, (tree) => Effect.flatMap(strictly(tree), (written) => decide(written, defaults)))
  }
}

const decideBy = <Options, Written>(
  { check, pathOf: place, read }: CodecSpec<Options, Written>,
  written: Written,
  defaults: Partial<Options>
): Effect.Effect<Options, SchemaIssue.Issue> => {
  let options = defaults
  const pathOf = (field: string) => place?.(field, options) ?? field.split(".")
  const rules = new Rules(pathOf)
  try {
    options = { ...defaults, ...read(written, rules, defaults) }
    check(options as Options, rules)
    return Effect.succeed(options as Options)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return Effect.fail(new SchemaIssue.Pointer(error.path, new SchemaIssue.InvalidValue({ message: error.message })))
  }
}

// A check ends by throwing this; `decideBy` turns it into an issue.
class Refusal extends RangeError {
  readonly path: ConfigProvider.Path

  constructor(path: ConfigProvider.Path, message: string) {
    super(message)
    this.path = path
  }
}

class Rules extends OptionsOf {
  private readonly pathOf: (field: string) => ConfigProvider.Path

  constructor(pathOf: (field: string) => ConfigProvider.Path) {
    super("")
    this.pathOf = pathOf
  }

  override refuse(field: string, range: string, value: unknown): never {
    const path = this.pathOf(field)
    const name = path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`).join("")
    const got = value === undefined ? "but it is missing" : `got ${render(value)}`
    const hint = range.includes("duration") && isUnreadable(value)
      ? ". A duration is written as \"30 seconds\" or as a number of milliseconds"
      : ""
    throw new Refusal(path, `${name} must be ${range}, ${got}${hint}`)
  }
}

const isUnreadable = (value: unknown): boolean =>
  typeof value === "string" && Duration.fromInput(value as Duration.Input)._tag === "None"
