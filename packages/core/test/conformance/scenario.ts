/** Scenario files: what a library's own tests say, as data. A file is an array of scenarios; see README.md. */
import { Schema } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"

const Facts = Schema.Record(Schema.String, Schema.Json)

const Step = Schema.StructWithRest(
  Schema.Struct({ op: Schema.String, n: Schema.optionalKey(Schema.Int), expect: Schema.optionalKey(Facts) }),
  [Facts]
)

/** One operation, and what is seen after it. With `n` it is done so often. */
export type Step = typeof Step.Type

const Scenario = Schema.Struct({
  id: Schema.NonEmptyString,
  /** Repository, file and test that say so. */
  source: Schema.optionalKey(Schema.String),
  component: Schema.NonEmptyString,
  config: Schema.StructWithRest(Schema.Struct({ semantics: Schema.String }), [Facts]),
  note: Schema.optionalKey(Schema.String),
  steps: Schema.Array(Step)
})

export type Scenario = typeof Scenario.Type

const decode = Schema.decodeUnknownSync(Schema.Array(Scenario))

/** The scenarios of one text. Throws an `Error` that names the file and the place in it. */
export const parse = (text: string, file: string): ReadonlyArray<Scenario> => {
  try {
    return decode(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} is not a scenario file: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/** The scenarios of every `*.json` of a folder, in the order of the names of the files. */
export const readFolder = (folder: string): ReadonlyArray<Scenario> => {
  if (!fs.existsSync(folder)) throw new Error(`there is no folder ${folder} to read scenarios from`)
  return fs.readdirSync(folder).filter((name) => name.endsWith(".json")).sort().flatMap((name) => {
    const file = path.join(folder, name)
    return parse(fs.readFileSync(file, "utf8"), file)
  })
}

export const numberOf = (value: Schema.Json | undefined): number | undefined =>
  typeof value === "number" ? value : undefined
