/** What is claimed of every schema of options: a primitive gives its schema, its cases, and the `make` that takes them. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"

export const read = <A, E>(schema: Schema.Codec<A, E>, yaml: string) =>
  Schema.decodeUnknownEffect(schema)(Yaml.parse(yaml))

/** The message with which what is written is refused. */
export const reason = (schema: Schema.Codec<unknown, unknown>, yaml: string) =>
  Effect.map(Effect.flip(read(schema, yaml)), ({ message }) => message)

/** Each case: its name, what is written, and the same options in code. */
export const meansWhatCodeMeans = <A>(
  schema: Schema.Codec<A, unknown>,
  cases: ReadonlyArray<readonly [name: string, yaml: string, options: unknown]>
) =>
  describe("what is written is what is meant in code:", () => {
    for (const [name, yaml, options] of cases) {
      it.effect(name, () => Effect.map(read(schema, yaml), (decoded) => assert.deepStrictEqual(decoded, options as A)))
    }
  })

export const leavesDefaultsToMake = (name: string, schema: Schema.Codec<unknown, unknown>, required: object) =>
  describe("nothing but what must be given leaves every default to make", () => {
    it.effect(name, () =>
      Effect.map(
        Schema.decodeUnknownEffect(schema)(required),
        (decoded) => assert.deepStrictEqual(decoded, required)
      ))
  })

/** Each case: what is written, why it is refused, and the path that is told. */
export const refusesNonsense = (
  schema: Schema.Codec<unknown, unknown>,
  cases: ReadonlyArray<readonly [yaml: string, message: string, path: string]>
) =>
  describe("nonsense is refused with field, value and range:", () => {
    for (const [yaml, message, path] of cases) {
      it.effect(
        message,
        () => Effect.map(reason(schema, yaml), (told) => assert.strictEqual(told, `${message}\n  at ${path}`))
      )
    }
  })

/** Each case: what is written, the path of the unknown field, and the fields that there are. */
export const refusesUnknownFields = (
  schema: Schema.Codec<unknown, unknown>,
  cases: ReadonlyArray<readonly [yaml: string, path: string, known: string]>
) =>
  describe("unknown fields are refused with those that there are:", () => {
    for (const [yaml, path, known] of cases) {
      it.effect(path, () =>
        Effect.map(
          reason(schema, yaml),
          (told) => assert.strictEqual(told, `There is no such option. There are: ${known}\n  at ${path}`)
        ))
    }
  })

const nonsense = [NaN, Infinity, -Infinity, -1, -0.5, 0, 0.5, 1, 1.5, 2 ** 53]

/** Puts each of many numbers into each of `fields`: the schema refuses it exactly where `make` does, in the same words. */
export const refusesWhatMakeRefuses = <A>(
  name: string,
  schema: Schema.Codec<A, unknown>,
  make: (options: A) => Effect.Effect<unknown>,
  valid: object,
  fields: ReadonlyArray<string>
) =>
  describe("and where make refuses, so does the schema:", () => {
    it.effect(name, () =>
      Effect.gen(function*() {
        for (const field of fields) {
          for (const value of nonsense) {
            const options = { ...valid, [field]: value }
            const made = yield* Effect.exit(make(options as A))
            const decoded = yield* Effect.exit(Schema.decodeUnknownEffect(schema)(options))
            assert.strictEqual(Exit.isSuccess(decoded), Exit.isSuccess(made), `${field}: ${value}`)
            if (Exit.isSuccess(made) || Exit.isSuccess(decoded)) continue
            const defect = (Cause.squash(made.cause) as Error).message
            const failure = (Cause.squash(decoded.cause) as Error).message
            assert.strictEqual(failure, `${defect.slice(defect.indexOf(": ") + 2)}\n  at ["${field}"]`)
          }
        }
      }))
  })
