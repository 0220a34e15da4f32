/** The report of `switchgear rehearse` as a browser shows it: opened from disk without a network, in light and dark. */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import * as Browser from "./support/browser.ts"

const file = `
admin: { token: t, promise: { p95: 3 seconds } }
providers:
  one: { baseUrl: http://one.test/v1, apiKey: [a, b], speaks: [chat, messages] }
  two: { baseUrl: http://two.test/v1, speaks: [chat, messages] }
models:
  big: { provider: one, attemptTimeout: 8 seconds }
  small-model-with-a-long-name: { provider: two, attemptTimeout: 8 seconds }
cascades:
  assistant: { steps: [big, small-model-with-a-long-name], canned: { en: We are busy } }
prices: { big: { input: 2, output: 8 }, small-model-with-a-long-name: { input: 1, output: 2 } }
`

/** The page of a rehearsal of three nights, in a folder of its own. */
const rehearsed = Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* files.makeTempDirectoryScoped()
  yield* files.writeFileString(path.join(folder, "gateway.yaml"), file)
  const main = path.join(path.dirname(createRequire(import.meta.url).resolve("@switchgear/http/gateway")), "main.ts")
  const nights = ["spent key", "hang", "all down"].flatMap((night) => ["--night", night])
  const { stderr, status } = spawnSync(process.execPath, [main, "rehearse", "gateway.yaml", ...nights], {
    cwd: folder,
    encoding: "utf8"
  })
  assert.strictEqual(status, 1, stderr)
  return (yield* path.toFileUrl(path.join(folder, "rehearsal", "report.html"))).href
}).pipe(Effect.provide(NodeServices.layer))

const views: ReadonlyArray<Browser.View> = [
  { colorScheme: "light", width: 1280 },
  { colorScheme: "dark", width: 1280 },
  { colorScheme: "dark", width: 390 }
]

Browser.describePages("the page of a rehearsal in a browser", (it) => {
  it.effect(
    "can be read in light and dark, at a desk and on a phone, and asks for nothing",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const url = yield* rehearsed
        for (const view of views) {
          const { charts, complaints, overflow, overlaps, requests, texts } = yield* Browser.see(url, view)
          assert.deepStrictEqual(requests, [url], "the file and nothing else")
          assert.deepStrictEqual(complaints, [])
          assert.isAtMost(overflow, 0, "is no wider than the screen")
          assert.lengthOf(charts, 9, "three of each night")
          for (const { height, label, width } of charts) {
            assert.isAtLeast(width, 250, label)
            assert.isAtLeast(height, 60, label)
          }
          assert.isAbove(texts.length, 100)
          for (const { contrast, size, text } of texts) {
            assert.isAtLeast(size, 10, `the letters of: ${text}`)
            assert.isAtLeast(contrast, 4.5, `the contrast of: ${text}`)
          }
          assert.deepStrictEqual(overlaps, [])
        }
      })),
    240_000
  )
})
