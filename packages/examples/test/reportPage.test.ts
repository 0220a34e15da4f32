/** The page as a browser shows it: opened from disk without a network, in light and dark, at a desk and on a phone. */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { html } from "../double-eleven/page/html.ts"
import * as Browser from "./support/browser.ts"
import { reportData } from "./support/reportData.ts"

const views: ReadonlyArray<readonly [name: string, view: Browser.View]> = [
  ["light, at a desk", { colorScheme: "light", width: 1280 }],
  ["dark, at a desk", { colorScheme: "dark", width: 1280 }],
  ["light, on a tablet", { colorScheme: "light", width: 800 }],
  ["light, on a phone", { colorScheme: "light", width: 390 }],
  ["dark, on a small phone", { colorScheme: "dark", width: 360 }]
]

/** Opens the page from a folder of its own. */
const open = Effect.fnUntraced(function*(view: Browser.View, page = html(reportData())) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* fs.makeTempDirectoryScoped(), "report.html")
  yield* fs.writeFileString(file, page)
  const url = yield* path.toFileUrl(file)
  return { url: url.href, seen: yield* Browser.see(url.href, view) }
}, Effect.provide(NodeServices.layer))

/** 29 charts: the answers, waits, crowd and calls of six lanes, the circuits of three of them, the arrivals, the cost. */
const shown = 4 * 6 + 3 + 1 + 1

Browser.describePages("the page in a browser", (it) => {
  for (const [name, view] of views) {
    it.effect(`can be read ${name}`, () =>
      Effect.gen(function*() {
        const { seen, url } = yield* open(view)
        assert.deepStrictEqual(seen.requests, [url], "the file and nothing else")
        assert.deepStrictEqual(seen.complaints, [])
        assert.isAtMost(seen.overflow, 0, "is no wider than the screen")
        assert.strictEqual(seen.charts.length, shown)
        for (const { height, label, width } of seen.charts) {
          assert.isAtLeast(width, 250, label)
          assert.isAtLeast(height, 60, label)
        }
        assert.isAbove(seen.texts.length, 300)
        for (const { contrast, size, text } of seen.texts) {
          assert.isAtLeast(size, 10, `the letters of: ${text}`)
          assert.isAtLeast(contrast, 4.5, `the contrast of: ${text}`)
        }
        assert.deepStrictEqual(seen.overlaps, [])
      }), 240_000)
  }

  it.effect(
    "would not pass with a foreign file, a wide table, small letters and pale ones",
    () =>
      Effect.gen(function*() {
        const { seen } = yield* open(
          { colorScheme: "light", width: 390 },
          html(reportData()).replace(
            "</main>",
            "<img src=\"file:///nowhere.png\"><p style=\"width:900px;max-width:none;font-size:8px;color:#ccc\">small print</p></main>"
          )
        )
        assert.lengthOf(seen.requests, 2)
        assert.isNotEmpty(seen.complaints)
        assert.isAbove(seen.overflow, 0)
        const print = seen.texts.find(({ text }) => text === "small print")
        assert.isBelow(print!.size, 10)
        assert.isBelow(print!.contrast, 4.5)
      }),
    240_000
  )
})
