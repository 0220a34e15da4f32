/** Reads the options of a ledger from configuration. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as Pricing from "../Pricing.ts"
import type { Options } from "./options.ts"
import { rulesOf } from "./rules.ts"

const NumberOrDuration = Schema.Union([Schema.Number, Schema.String]).annotate({ expected: "a number or a text" })

const EncodedOptions = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  prices: Pricing.CatalogueSchema,
  primary: Schema.String,
  aliases: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  models: Schema.optionalKey(Schema.Array(Schema.String)),
  budgets: Schema.optionalKey(
    Schema.Array(Schema.Struct({
      per: Schema.String,
      dollars: Schema.Number,
      window: NumberOrDuration,
      shared: Schema.optionalKey(Schema.Boolean)
    }))
  ),
  assumedOutput: Schema.optionalKey(Schema.Number),
  tenants: Schema.optionalKey(Schema.Number),
  idleTimeToLive: Schema.optionalKey(NumberOrDuration)
})

const parse = SchemaParser.decodeUnknownEffect(EncodedOptions)

/** Options as they are written down, checked as those of code. */
export const optionsCodec: Schema.Codec<Options, unknown> = Schema.Unknown.pipe(
  Schema.decodeTo(Schema.declare((value): value is Options => typeof value === "object" && value !== null), {
    decode: SchemaGetter.transformEffect((input: unknown) =>
      Effect.flatMap(parse(input, { errors: "all", onExcessProperty: "error" }), (given) => {
        // Whether the texts are what they must be is what the rules tell.
        const options = given as unknown as Options
        return Effect.mapBoth(rulesOf(options), {
          onSuccess: () => options,
          onFailure: ({ message }) => new SchemaIssue.InvalidValue({ message })
        })
      })
    ),
    encode: SchemaGetter.forbidden<unknown, Options>(() => "Options are read from what is written, not written")
  })
)
