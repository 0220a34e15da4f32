/**
 * What the file of a gateway says: providers, models, cascades, prices, clients.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Environment } from "./config/environment.ts"
import type { Address, Admin, Cascade, Client, Config, Listen, Model } from "./config/model.ts"
import { placeOf } from "./config/problem.ts"
import { read } from "./config/read.ts"

export type { Address, Admin, Cascade, Client, Config, Environment, Listen, Model }

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
 * Reads a file of YAML with the variables of an environment.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string, environment: Environment): Effect.Effect<Config, ConfigInvalid> =>
  Effect.suspend(() => {
    const result = read(text, environment)
    return "config" in result
      ? Effect.succeed(result.config)
      : Effect.fail(
        new ConfigInvalid({
          problems: result.problems.map(({ message, path }) => ({ place: placeOf(path), problem: message }))
        })
      )
  })
