import { assert, it } from "vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

// What is stripped from the declarations is there at run time without types, and what implements a published interface
// would lack it.
it("no public module hides a member from its declarations", () => {
  const modules = globSync("packages/*/src/*.ts", { cwd: root })
  const hiding = modules.filter((file) => readFileSync(join(root, file), "utf8").includes("@internal"))
  assert.isAbove(modules.length, 20)
  assert.deepStrictEqual(hiding, [])
})
