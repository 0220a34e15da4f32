import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { untagged } from "../tags.ts"

const root = join(import.meta.dirname, "../..")

const modules = (name: "core" | "http"): ReadonlyArray<string> =>
  globSync(`packages/${name}/src/{*,testing/*}.ts`, { cwd: root }).map((file) => file.replaceAll("\\", "/")).filter((
    file
  ) => !file.endsWith("index.ts") && !internal.has(file))

/** Files beside public modules that no one can import. */
const internal = new Set(["packages/core/src/testing/words.ts"])

describe("exports", () => {
  it("of every public module of http have a version and a category", () => {
    assert.isAbove(modules("http").length, 12)
    assert.deepEqual(modules("http").flatMap((file) => untagged(root, file)), [])
  })

  it("of every public module of core have a version and a category", () => {
    assert.isAbove(modules("core").length, 24)
    assert.deepEqual(modules("core").flatMap((file) => untagged(root, file)), [])
  })

  it("without a tag are found, also those declared in another file", () => {
    const doc = (...tags: ReadonlyArray<string>) => ["/**", " * A thing.", ...tags.map((tag) => ` * ${tag}`), " */"]
    const tags = ["@category models", "@since 0.1.0"]
    const directory = mkdtempSync(join(tmpdir(), "switchgear-tags-"))
    const write = (file: string, ...lines: ReadonlyArray<string>) =>
      writeFileSync(join(directory, file), lines.join("\n"))
    write("model.ts", ...doc(...tags), "export interface A {}", ...doc(), "export interface B {}")
    write(
      "Face.ts",
      "import { type B } from \"./model.ts\"",
      "export type { A } from \"./model.ts\"",
      "export type { B }",
      ...doc(...tags),
      "export const c = 1",
      ...doc("@category things", "@since 0.1.0"),
      "export const d = 1",
      ...doc(...tags),
      "export const e = 1",
      "export type e = number",
      ...doc(...tags),
      "",
      "const f = 1",
      "export { f }"
    )
    const found = untagged(directory, "Face.ts")
    rmSync(directory, { recursive: true })
    assert.deepEqual(found, ["Face.ts: B", "Face.ts: d", "Face.ts: e"])
  })
})
