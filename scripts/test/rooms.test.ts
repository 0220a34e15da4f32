// CONTRIBUTING.md shows the house as it is: every public module and every folder has its line in the tree.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const tree = /```text\n([\s\S]*?)```/.exec(readFileSync(join(root, "CONTRIBUTING.md"), "utf8"))?.[1] ?? ""

/** Modules and folders that the tree names below a folder of sources, in the columns before the words. */
const drawn = (sources: string): ReadonlyArray<string> => {
  const [, lines = ""] = tree.split(`${sources}/\n`)
  const [own = ""] = lines.split(/^packages/m)
  return own.split("\n").flatMap((line) => line.slice(0, 38).match(/[\w]+(?:\.ts|\/)/g) ?? []).sort()
}

const built = (sources: string): ReadonlyArray<string> => {
  const inside = (folder: string) =>
    readdirSync(join(root, folder), { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? `${entry.name}/` : entry.name
    )
  const rooms = inside(sources)
  const inner = rooms.includes("internal/") ? inside(`${sources}/internal`) : []
  // The store of the stale cache stands with it, and `index.ts` lists the others.
  return [...rooms, ...inner].filter((name) => name !== "index.ts" && name !== "StaleCacheStore.ts").sort()
}

describe("the tree in CONTRIBUTING.md", () => {
  it.each(["packages/core/src", "packages/http/src"])("has every module and folder of %s, and no other", (sources) => {
    assert.isAbove(built(sources).length, 10)
    assert.deepStrictEqual(drawn(sources), built(sources))
  })
})
