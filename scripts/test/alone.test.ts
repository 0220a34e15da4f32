import { assert, it } from "vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

// Other files share a process, and with it the modules and the heap.
it("test files that replace modules, set options of the runner or weigh the heap have a process of their own", () => {
  const files = globSync("{packages/*,scripts}/test/**/*.test.ts", { cwd: root })
  const needing = files.filter((file) =>
    /\bvi\.(mock|doMock|resetModules|setConfig)\(|setFlagsFromString\(|\.prototype\.\w+ = /.test(
      readFileSync(join(root, file), "utf8")
    )
  )
  assert.isAbove(needing.length, 5)
  assert.deepStrictEqual(needing.filter((file) => !file.endsWith(".alone.test.ts")), [])
})
