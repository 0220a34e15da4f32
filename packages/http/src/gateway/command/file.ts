/** The file that a command is given, read with the variables of the environment. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { clashOf } from "../config/addresses.ts"
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
      (error) => new FileUnreadable({ path, problem: wordsOf(error) })
    ))

const wordsOf = ({ message, reason: { _tag, cause } }: PlatformError.PlatformError): string =>
  _tag === "NotFound"
    ? "there is no such file."
    : _tag === "PermissionDenied"
    ? "it may not be read by this user."
    : (cause as NodeJS.ErrnoException | undefined)?.code === "EISDIR"
    ? "it is a folder."
    : message

/** Other ports than those of the file. */
export interface Ports {
  readonly port: number | undefined
  readonly adminPort: number | undefined
}

export const parse = (
  text: string,
  { adminPort, port }: Ports
): Effect.Effect<GatewayConfig.Config, GatewayConfig.ConfigInvalid> =>
  Effect.flatMap(GatewayConfig.parse(text, process.env), (config) => {
    const listen = { ...config.listen, port: port ?? config.listen.port }
    const admin = config.admin && { ...config.admin, port: adminPort ?? config.admin.port }
    const problem = admin && clashOf(listen, admin)
    const place = adminPort === undefined ? "--port" : "--admin-port"
    return problem === undefined
      ? Effect.succeed({ ...config, listen, admin })
      : Effect.fail(new GatewayConfig.ConfigInvalid({ problems: [{ place, problem }] }))
  })
