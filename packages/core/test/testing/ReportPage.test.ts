import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { ReportPage } from "@switchgear/core/testing"
import { Effect, FileSystem, Path } from "effect"

const { escape, html, markup, trusted } = ReportPage

describe("markup", () => {
  it("lets no text become markup, wherever it is put", () => {
    const evil = "</td><script>alert(\"1\")</script>&amp;"
    const page = markup`<p title="${evil}">${evil} ${[markup`<b>${evil}</b>`]}${undefined}</p>`
    assert.strictEqual(page.markup.match(/<script/g), null)
    assert.strictEqual(
      page.markup,
      `<p title="${escape(evil)}">${escape(evil)} <b>${escape(evil)}</b></p>`
    )
    assert.strictEqual(markup`${trusted("<hr>")}`.markup, "<hr>")
  })

  it("keeps a number and its unit on one line", () => {
    assert.strictEqual(markup`${"8 s of 10 %"}`.markup, "8\u00a0s of 10\u00a0%")
  })
})

describe("a page", () => {
  it("needs nothing else, and has the same bytes for the same parts", () => {
    const page = () => html({ title: "<night>", main: markup`<h1>A night</h1>` })
    assert.strictEqual(page(), page())
    assert.notMatch(page(), /<script|src=|@import|https?:/)
    assert.include(page(), "<title>&lt;night&gt;</title>")
  })
})

describe("a report on disk", () => {
  it.effect("is written whole, or what was there stays as it was", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = path.join(yield* files.makeTempDirectoryScoped(), "a", "b")
      yield* ReportPage.prepare(folder)
      const paths = yield* ReportPage.write(folder, { "one.html": "1", "two.json": "2" })
      assert.deepStrictEqual(paths, [path.join(folder, "one.html"), path.join(folder, "two.json")])
      // The second one cannot be written.
      yield* files.makeDirectory(path.join(folder, "two.json.part"))
      yield* Effect.flip(ReportPage.write(folder, { "one.html": "new", "two.json": "new" }))
      assert.strictEqual(yield* files.readFileString(path.join(folder, "one.html")), "1")
      assert.strictEqual(yield* files.readFileString(path.join(folder, "two.json")), "2")
      assert.isFalse(yield* files.exists(path.join(folder, "one.html.part")))
    }).pipe(Effect.scoped, Effect.provide([NodeFileSystem.layer, NodePath.layer])))
})
