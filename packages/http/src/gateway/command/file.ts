/** The file that a command is given, read with the variables of the environment. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as GatewayConfig from "../GatewayConfig.ts"

/** The file is not there, or cannot be read. */
export class FileUnreadable extends Schema.TaggedError<FileUnreadable>("@switchgear/http/gateway/FileUnreadable")(
  "FileUnreadable",
  { path: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `Cannot read ${this.path}: ${this.problem}`
  }
}

export const readText = (path: string): Effect.Effect<string, FileUnreadable, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (files) =>
    Effect.mapError(
      files.readFileString(path),
      ({ message }) => new FileUnreadable({ path, problem: message })
    ))

/** Other ports than those of the file. */
export interface Ports {
  readonly port: number | undefined
  readonly adminPort: number | undefined
}

export const parse = (
  text: string,
  { adminPort, port }: Ports
): Effect.Effect<GatewayConfig.Config, GatewayConfig.ConfigInvalid> =>
  Effect.map(GatewayConfig.parse(text, process.env), (config) => ({
    ...config,
    listen: { ...config.listen, port: port ?? config.listen.port },
    admin: config.admin && { ...config.admin, port: adminPort ?? config.admin.port }
  }))
