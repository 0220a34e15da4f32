/** Draws the README's picture from the night of the default seed and size: `npm run picture`. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem, Path } from "effect"
import { replay, usual } from "../replay/replay.ts"
import { picture } from "./picture.ts"

const night = { ...usual, lanes: usual.lanes.filter(({ name }) => name === "bare" || name === "full") }

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const data = yield* replay(night, {
    begins: ({ title }) => Console.error(`${title} ...`),
    goesOn: () => {},
    ends: () => Effect.void
  })
  const folder = path.join(import.meta.dirname, "..", "..", "..", "..", "docs", "images")
  yield* fs.makeDirectory(folder, { recursive: true })
  yield* fs.writeFileString(path.join(folder, "double-eleven.svg"), picture(data))
  yield* Console.log("docs/images/double-eleven.svg")
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
