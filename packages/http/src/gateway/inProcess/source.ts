/** Reads what a gateway is opened with. */
import { readFile } from "node:fs/promises"
import type { Config } from "../config/model.ts"
import * as GatewayConfig from "../GatewayConfig.ts"
import { OpenGatewayError } from "./error.ts"
import { placeOf } from "../config/problem.ts"

export type Source = string | URL | GatewayConfig.File

export const configOf = async (source: Source, environment: GatewayConfig.Environment): Promise<Config> => {
  const file = typeof source === "string" || source instanceof URL ? await textOf(source) : source
  const checked = GatewayConfig.check(file, environment)
  if (checked.config !== undefined) return checked.config
  throw new OpenGatewayError(
    GatewayConfig.report(checked),
    "config-invalid",
    checked.problems.map(({ message, path }) => ({ place: placeOf(path), problem: message }))
  )
}

const textOf = async (path: string | URL): Promise<string> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException
    throw new OpenGatewayError(`Cannot read ${path}: ${whys.get(code) ?? message}`, "file-unreadable")
  }
}

const whys: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file."],
  ["EACCES", "it may not be read by this user."],
  ["EISDIR", "it is a folder."]
])
