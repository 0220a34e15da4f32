/**
 * Reads options that are written in YAML, JSON or the environment. They are checked by the same rules as options in
 * code; a failure names field, value and range.
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { readConfig } from "./configTree.ts"
import { OptionsOf, render } from "./checks.ts"

/**
 * A number or a duration, which is a number of milliseconds or a text such as `"30 seconds"`.
 *
 * @since 0.1.0
 * @category options
 */
export const NumberOrDuration = Schema.Union([Schema.Number, Schema.String]).annotate({
  expected: "a number or a text"
})

type Secrets = Redacted.Redacted | ReadonlyArray<Redacted.Redacted>

const isSecrets = (given: unknown): given is Secrets =>
  Redacted.isRedacted(given) || Array.isArray(given) && given.length > 0 && given.every(Redacted.isRedacted)

const redacted = Schema.declare(isSecrets, { expected: "a text or a list of texts" })

const writtenSecret = Schema.optionalKey(
  Schema.Union([Schema.String, Schema.Array(Schema.String)]).annotate({ expected: "a text or a list of texts" })
)

/**
 * An optional text, or a list of texts, that no error shows: it is redacted before anything else is read.
 *
 * @since 0.1.0
 * @category options
 */
export const Secret = Schema.optionalKey(redacted) as unknown as Schema.optionalKey<
  Schema.Codec<Secrets, string | ReadonlyArray<string>>
>

/** The fields as they are looked for in a configuration, where a secret is a text. */
const shapeOf = (fields: Schema.Struct.Fields): Schema.Struct.Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, isSecret(field) ? writtenSecret : field]))

const isSecret = (field: unknown): boolean => field === Secret

const hide = (fields: Schema.Struct.Fields, input: unknown): unknown => {
  if (!Predicate.isObject(input) || Array.isArray(input)) return input
  const hidden: Record<string, unknown> = { ...input }
  for (const name of Object.keys(fields)) {
    if (isSecret(fields[name]) && hidden[name] !== undefined) hidden[name] = asSecrets(hidden[name])
  }
  return hidden
}

// What is no secret, such as a number, may be one that was written wrongly, and is not shown either.
const asSecrets = (given: unknown): unknown => {
  if (isSecrets(given)) return given
  if (typeof given === "string") return Redacted.make(given)
  return Array.isArray(given) && given.every((one) => typeof one === "string")
    ? given.map((one: string) => Redacted.make(one))
    : "(not shown)"
}

/**
 * A group of optional fields. Any other field is rejected.
 *
 * @since 0.1.0
 * @category options
 */
export const group = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields).annotate({
    message: `Expected { ${Object.keys(fields).join(", ")} }`,
    messageUnexpectedKey: `There is no such option. There are: ${Object.keys(fields).join(", ")}`
  })

/**
 * How written options become options, and which ones are valid.
 *
 * @since 0.1.0
 * @category options
 */
export interface CodecSpec<Options, Written> {
  /** The options that are written. The others come from `defaults`. */
  readonly read: (written: Written, check: OptionsOf, defaults: Partial<Options>) => Partial<Options>
  /** The check that `make` does. */
  readonly check: (options: Options, check: OptionsOf) => unknown
  /** The written place of a field that `check` names, if it has another name there. */
  readonly pathOf?: ((field: string, options: Partial<Options>) => ConfigProvider.Path | undefined) | undefined
}

/**
 * Two ways to read written options: as a schema and from the configuration.
 *
 * @since 0.1.0
 * @category options
 */
export interface OptionsCodec<Options, Encoded> {
  readonly schema: Schema.Codec<Options, Encoded>
  /** The options under a path of the configuration. Missing ones come from `defaults`. */
  readonly config: (
    path: string | ConfigProvider.Path,
    defaults: Partial<Options>
  ) => Effect.Effect<Options, Config.ConfigError>
}

/**
 * The two ways to read options that are written with these fields.
 *
 * @since 0.1.0
 * @category options
 */
export const optionsCodec = <Options extends object>() =>
<const Fields extends Schema.Struct.Fields>(
  fields: Fields,
  form: CodecSpec<Options, Schema.Struct<Fields>["Type"]>
): OptionsCodec<Options, Schema.Struct<Fields>["Encoded"]> => {
  type Written = Schema.Struct<Fields>["Type"]
  const struct = group(fields)
  const parse = SchemaParser.decodeUnknownEffect(struct as unknown as Schema.Codec<Written>)
  const strictly = (input: unknown) =>
    parse(hide(fields, input), { errors: "all", onExcessProperty: "error", reportInput: true })
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
  specs.set(schema, { fields, form })
  const shape = group(shapeOf(fields)).ast
  return {
    schema,
    config: (path, defaults) =>
      readConfig(shape, path, (tree) => Effect.flatMap(strictly(tree), (written) => decide(written, defaults)))
  }
}

/** The fields and the rules of each schema of options. */
const specs = new WeakMap<object, { readonly fields: Schema.Struct.Fields; readonly form: CodecSpec<any, any> }>()

/**
 * Options that stand in a field of other options, such as those of a circuit in those of a model.
 *
 * @since 0.1.0
 * @category options
 */
export interface OptionsPart<Options, Written extends object> {
  /** The field as it is written. */
  readonly schema: Schema.optionalKey<Schema.Codec<Written>>
  /** What is written, with the options of the code for the rest; those alone where nothing is written. */
  readonly read: <Given extends Partial<Options>>(
    written: Written | undefined,
    check: OptionsOf,
    defaults: Given | undefined
  ) => Given | undefined
  /** The check that `make` of the part does. */
  readonly check: (options: Options, check: OptionsOf) => void
  /** The written place of a field of the part, below the field that it stands in. */
  readonly pathOf: (field: string, options: Partial<Options> | undefined) => ConfigProvider.Path
}

/**
 * Options with an `OptionsSchema` of this library as a part of others, without the fields that are given elsewhere, and
 * with further fields, which are taken as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export const optionsPart = <
  Options extends object,
  Written extends object,
  const Left extends keyof Written & string,
  const More extends Schema.Struct.Fields = {}
>(
  schema: Schema.Codec<Options, Written>,
  left: ReadonlyArray<Left>,
  more?: More | undefined
): OptionsPart<Options, Omit<Written, Left> & Schema.Struct<More>["Encoded"]> => {
  const { fields, form } = specs.get(schema)!
  const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !left.includes(name as Left)))
  return {
    schema: Schema.optionalKey(group({ ...kept, ...more })) as never,
    // Further fields pass through the rules of the part, which do not know them.
    read: (written, check, defaults) =>
      written === undefined
        ? defaults
        : { ...defaults, ...form.read(written, check, defaults ?? {}) } as typeof defaults,
    check: (options, check) => void form.check(options, check),
    pathOf: (field, options) => form.pathOf?.(field, options ?? {}) ?? field.split(".")
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
    const hint = range.includes("duration") && isUnreadable(value)
      ? ". A duration is written as \"30 seconds\" or as a number of milliseconds"
      : ""
    return this.end(field, range, value === undefined ? "but it is missing" : `got ${render(value)}${hint}`)
  }

  override withhold(field: string, range: string, got: string): never {
    return this.end(field, range, `got ${got}`)
  }

  private end(field: string, range: string, got: string): never {
    const path = this.pathOf(field)
    const name = path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`).join("")
    throw new Refusal(path, `${name} must be ${range}, ${got}`)
  }
}

const isUnreadable = (value: unknown): boolean =>
  typeof value === "string" && Duration.fromInput(value as Duration.Input)._tag === "None"
