/** The options of a client as they are written in YAML, JSON or an environment. */
import { NumberOrDuration, optionsCodec, type OptionsOf, Secret } from "@switchgear/core/runtime"
import * as Schema from "effect/Schema"
import type { Options } from "./options.ts"
import * as Settings from "./settings.ts"

export const fields = {
  provider: Schema.optionalKey(Schema.String),
  baseUrl: Schema.optionalKey(Schema.String),
  apiKey: Secret,
  parkFor: Schema.optionalKey(NumberOrDuration),
  maxRetryAfter: Schema.optionalKey(NumberOrDuration),
  accountHost: Schema.optionalKey(Schema.String),
  timeout: Schema.optionalKey(NumberOrDuration),
  firstContentTimeout: Schema.optionalKey(NumberOrDuration),
  idleTimeout: Schema.optionalKey(NumberOrDuration),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ message: "Expected values by name, such as { x-team }" })
  )
}

export const check = (options: Options, check: OptionsOf): void => {
  // Dialects are given in code: the client that is made of the options refuses them.
  Settings.validated({ ...options, dialects: undefined }, check)
}

export const codec = optionsCodec<Options>()(fields, { read: (given) => given as Partial<Options>, check })
