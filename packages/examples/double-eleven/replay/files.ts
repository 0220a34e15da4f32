/** The report on disk: whole or not at all. */
import { Effect, FileSystem, Path } from "effect"
import { html } from "../page/html.ts"
import type { ReportData } from "./reportData.ts"

/** Makes the folder if it is not there. */
export const prepare = (folder: string) =>
  FileSystem.FileSystem.use((files) => files.makeDirectory(folder, { recursive: true }))

/** Writes `report.json` and `report.html` into the folder; answers their paths. */
export const write = Effect.fnUntraced(function*(folder: string, data: ReportData) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const put = Effect.fnUntraced(function*(name: string, text: string) {
    const target = path.join(folder, name)
    yield* files.writeFileString(`${target}.part`, text)
    yield* files.rename(`${target}.part`, target)
    return target
  })
  return yield* Effect.uninterruptible(Effect.all([put("report.json", json(data)), put("report.html", html(data))]))
})

export const json = (data: ReportData): string => `${JSON.stringify(data)}\n`
