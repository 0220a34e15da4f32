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
  const report = [["report.json", json(data)], ["report.html", html(data)]].map(([name = "", text = ""]) => {
    const target = path.join(folder, name)
    return { target, text, part: `${target}.part` }
  })
  // Both are there before the first takes the place of an older one.
  return yield* Effect.forEach(report, ({ part, text }) => files.writeFileString(part, text)).pipe(
    Effect.andThen(Effect.forEach(report, ({ part, target }) => files.rename(part, target))),
    Effect.onError(() => Effect.forEach(report, ({ part }) => Effect.ignore(files.remove(part, { force: true })))),
    Effect.as(report.map(({ target }) => target)),
    Effect.uninterruptible
  )
})

export const json = (data: ReportData): string => `${JSON.stringify(data)}\n`
