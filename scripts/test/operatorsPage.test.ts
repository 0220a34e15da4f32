import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { builtModule, moduleOf, operatorsPage } from "../operatorsPage.ts"

const root = join(import.meta.dirname, "../..")

describe("the operators' page", () => {
  it("is what its sources give: otherwise run `node scripts/run.cjs page`", async () => {
    const html = await operatorsPage(root)
    assert.isTrue(moduleOf(html) === readFileSync(join(root, builtModule), "utf8"), "it was built of other sources")
    assert.isTrue(await operatorsPage(root) === html, "another build gives other bytes")
  }, 60_000)

  it("has the notices of what is in it", async () => {
    const html = await operatorsPage(root)
    for (const holder of ["Google LLC", "Leon Sorokin"])
      assert.match(html, new RegExp(`Copyright \\(c\\) \\d+ ${holder}`))
  }, 60_000)

  it("is one file that names no address but that of SVG", async () => {
    const html = await operatorsPage(root)
    assert.lengthOf(html.match(/<script/g)!, 1)
    assert.lengthOf(html.match(/<style/g)!, 1)
    assert.notMatch(html, /\ssrc=|@import|\surl\(/)
    const addresses = new Set(html.match(/https?:\/\/[^\s"'`]+/g))
    assert.deepStrictEqual([...addresses].filter((address) => !address.startsWith("http://www.w3.org/")), [])
    assert.notMatch(html, /localStorage|indexedDB|document\.cookie/)
    assert.isBelow(html.length, 200_000)
  }, 60_000)
})
