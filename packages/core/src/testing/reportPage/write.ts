/** Reports on disk: whole or not at all. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"

/**
 * Makes the folder of a report if it is not there.
 *
 * @since 0.1.0
 * @category testing
 */
export const prepare = (folder: string): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((files) => files.makeDirectory(folder, { recursive: true }))

/**
 * Writes the files of a report by their names into a folder that is there; answers their paths. Where that fails, older files
 * of these names stay as they were.
 *
 * @since 0.1.0
 * @category testing
 */
export const write: (
  folder: string,
  report: Readonly<Record<string, string>>
) => Effect.Effect<ReadonlyArray<string>, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> = Effect
  .fnUntraced(function*(folder, report) {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const parts = Object.entries(report).map(([name, text]) => {
      const target = path.join(folder, name)
      return { target, text, part: `${target}.part` }
    })
    // All are there before the first takes the place of an older one.
    return yield* Effect.forEach(parts, ({ part, text }) => files.writeFileString(part, text)).pipe(
      Effect.andThen(Effect.forEach(parts, ({ part, target }) => files.rename(part, target))),
      Effect.onError(() => Effect.forEach(parts, ({ part }) => Effect.ignore(files.remove(part, { force: true })))),
      Effect.as(parts.map(({ target }) => target)),
      Effect.uninterruptible
    )
  })
