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
  const texts = { "report.json": json(data), "report.html": html(data) }
  const targets = Object.keys(texts).map((name) => path.join(folder, name))
  const part = (target: string) => `${target}.part`
  // Both are there before the first takes the place of an older one.
  return yield* Effect.forEach(Object.values(texts), (text, i) => files.writeFileString(part(targets[i]!), text)).pipe(
    Effect.andThen(Effect.forEach(targets, (target) => files.rename(part(target), target))),
    Effect.onError(() =>
      Effect.forEach(targets, (target) => Effect.ignore(files.remove(part(target), { force: true })))
    ),
    Effect.as(targets),
    Effect.uninterruptible
  )
})

export const json = (data: ReportData): string => `${JSON.stringify(data)}\n`
