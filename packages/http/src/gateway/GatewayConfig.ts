/**
 * What the file of a gateway says: providers, models, cascades, prices, clients.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Environment } from "./config/environment.ts"
import type { File } from "./config/file.ts"
import * as JsonSchema from "./config/jsonSchema.ts"
import type {
  Address,
  Admin,
  Cascade,
  Client,
  Cluster,
  Config,
  InitialState,
  Listen,
  Model,
  Otlp,
  Provider,
  Signal,
  Spoken
} from "./config/model.ts"
import { placeOf, type Problem } from "./config/problem.ts"
import { read } from "./config/read.ts"
import { becameLines, problemLines } from "./config/report.ts"
import type { Became } from "./config/resilience4j.ts"

export type {
  Address,
  Admin,
  Became,
  Cascade,
  Client,
  Cluster,
  Config,
  Environment,
  File,
  InitialState,
  Listen,
  Model,
  Otlp,
  Problem,
  Provider,
  Signal,
  Spoken
}

/**
 * The file is wrong. `problems` has all of it, each with its place.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>("@switchgear/http/gateway/ConfigInvalid")(
  "ConfigInvalid",
  { problems: Schema.Array(Schema.Struct({ place: Schema.String, problem: Schema.String })) }
) {
  override get message(): string {
    return this.problems.map(({ place, problem }) => `${place === "" ? "" : `${place}: `}${problem}.`).join("\n")
  }
}

/**
 * Reads a file of YAML, or an object that says the same, with the variables of an environment.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (file: string | File, environment: Environment): Effect.Effect<Config, ConfigInvalid> =>
  Effect.suspend(() => {
    const { config, problems } = read(file, environment)
    return config === undefined
      ? Effect.fail(
        new ConfigInvalid({
          problems: problems.map(({ message, path }) => ({ place: placeOf(path), problem: message }))
        })
      )
      : Effect.succeed(config)
  })

/**
 * A file that was looked through.
 *
 * @category models
 * @since 0.1.0
 */
export interface Checked {
  /** Undefined where anything is wrong. */
  readonly config: Config | undefined
  /** Everything that is wrong, by place. */
  readonly problems: ReadonlyArray<Problem>
  /** What each key of a section `resilience4j` became, those without effect included. */
  readonly became: ReadonlyArray<Became>
}

/**
 * Looks through a file of YAML, or an object that says the same, with the variables of an environment: what it says, everything
 * that is wrong with it, and what became of each key of resilience4j.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (file: string | File, environment: Environment): Checked => read(file, environment)

/**
 * A checked file as lines of plain text: everything that is wrong, each with its place, its range and its value; then, for each
 * instance of resilience4j, a table of its keys, their values, and what they are here. Empty where there is nothing to
 * tell.
 *
 * @category conversions
 * @since 0.1.0
 */
export const report = ({ became, problems }: Checked): string =>
  [problemLines(problems), becameLines(became)]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")

/**
 * The JSON schema of a file (draft 2020-12), by which an editor completes and checks it: every section and every option with what
 * it is and its default. It refuses nothing that {@link parse} takes, but for secrets that are not texts; what it
 * cannot see, such as a name that is not there, only {@link check} tells.
 *
 * @category schemas
 * @since 0.1.0
 */
export const jsonSchema: { readonly [keyword: string]: unknown } = JsonSchema.jsonSchema
