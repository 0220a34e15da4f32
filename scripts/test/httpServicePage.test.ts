// The page for a first application has the files of an example, so that what a reader copies is what runs.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { page } from "./support/service.ts"

const example = join(import.meta.dirname, "..", "..", "packages", "examples", "07_http_service")
const read = (name: string) => readFileSync(join(example, name), "utf8")

describe("docs/http-service.md", () => {
  it("has the server of the example, but for its first comment", () => {
    assert.strictEqual(page.server, read("server.ts").replace(/^\/\*\*.*?\*\/\n/s, ""))
  })

  it("has the configuration of the example", () => {
    assert.strictEqual(page.configuration, read("switchgear.yaml"))
  })
})
