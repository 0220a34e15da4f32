/** `switchgear check`: says whether a file is right, and everything that is wrong with it. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as GatewayConfig from "../GatewayConfig.ts"
import { type FileUnreadable, parse, readText } from "./file.ts"

export const check = (
  path: string
): Effect.Effect<void, FileUnreadable | GatewayConfig.ConfigInvalid, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const config = yield* parse(yield* readText(path), { port: undefined, adminPort: undefined })
    const count = (things: object, one: string) => {
      const { length } = Object.keys(things)
      return `${length} ${length === 1 ? one : `${one}s`}`
    }
    yield* Console.log(
      `${path} is right: ${
        [
          count(config.providers, "provider"),
          count(config.models, "model"),
          count(config.cascades, "cascade"),
          count(config.clients, "client")
        ].join(", ")
      }.`
    )
  })
