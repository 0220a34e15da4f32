/** `switchgear check`: says whether a file is right, everything that is wrong with it, and what each key of resilience4j became. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as GatewayConfig from "../GatewayConfig.ts"
import { type FileUnreadable, readText } from "./file.ts"

/** Whether the file is right. */
export const check = (path: string): Effect.Effect<boolean, FileUnreadable, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const checked = GatewayConfig.check(yield* readText(path), process.env)
    const { config } = checked
    const report = GatewayConfig.report(checked)
    if (report !== "") yield* config === undefined ? Console.error(report) : Console.log(`${report}\n`)
    if (config !== undefined) yield* Console.log(`${path} is right: ${summaryOf(config)}.`)
    return config !== undefined
  })

const summaryOf = ({ cascades, clients, models, otlp, providers }: GatewayConfig.Config): string =>
  [
    count(providers, "provider"),
    count(models, "model"),
    count(cascades, "cascade"),
    count(clients, "client"),
    ...otlp === undefined ? [] : [`${otlp.signals.join(" and ")} to ${otlp.endpoint}`]
  ].join(", ")

const count = (things: object, one: string): string => {
  const { length } = Object.keys(things)
  return `${length} ${length === 1 ? one : `${one}s`}`
}
