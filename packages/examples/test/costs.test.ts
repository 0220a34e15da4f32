import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Ended, run } from "./support/run.ts"

const costs = "03_costs.ts"

/** Run once: what it prints without settings. */
let ran: Promise<Ended> | undefined
const printed = Effect.promise(() => ran ??= Effect.runPromise(run(costs)))

/** The columns of the line that begins so. */
const line = (stdout: string, label: string): ReadonlyArray<string> => {
  const found = stdout.split("\n").find((line) => line.startsWith(label))
  assert.isDefined(found, `no line begins with "${label}" in:\n${stdout}`)
  return found!.slice(label.length).trim().split(/ {2,}/)
}

const priceFile = (content: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "prices-"))
      const path = join(directory, "prices.json")
      writeFileSync(path, content)
      return { directory, path }
    }),
    ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )

describe.concurrent("the example of costs", () => {
  it.live("shows that the article's monthly table is of 100 million requests, not of 10", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* printed
      assert.deepStrictEqual([code, stderr], [0, ""])
      const figures = ["¥912,500.00", "¥125,000.00", "¥1,752,000.00", "¥240,000.00"]
      assert.deepStrictEqual(line(stdout, "the article prints").join(" ").split(" "), figures)
      assert.deepStrictEqual(line(stdout, "100 million requests").join(" ").split(" "), figures)
      assert.deepStrictEqual(
        line(stdout, "10 million requests").join(" ").split(" "),
        ["¥91,250.00", "¥12,500.00", "¥175,200.00", "¥24,000.00"]
      )
      assert.match(stdout, /\n10 million .*\n +the number the text names, which is not theirs/)
      assert.match(stdout, /\n100 million .*\n +these are the printed figures/)
    }), 30_000)

  it.live(
    "bills a call, a hit of the cache and a fallback, and stops a tenant at its budget",
    () =>
      Effect.gen(function*() {
        const { stdout } = yield* printed
        const [called, kept] = stdout.split("\n").filter((line) => line.startsWith("acme: Where is it?"))
        assert.deepStrictEqual(line(called!, "acme: Where is it?"), ["gpt-4.1", "$0.00285", "$0.00"])
        assert.deepStrictEqual(line(kept!, "acme: Where is it?"), ["cache", "$0.00", "$0.00285"])
        assert.deepStrictEqual(line(stdout, "zenith: And mine?"), ["deepseek-v3.2", "$0.000168", "$0.002682"])
        assert.deepStrictEqual(line(stdout, "acme: And why?"), ["not asked", "$0.003018 of", "$0.0055"])
        assert.deepStrictEqual(line(stdout, "together"), ["4 answers", "$0.003186", "$0.008214"])
      }),
    30_000
  )

  it.live("takes prices from a file", () =>
    Effect.gen(function*() {
      const price = { input: 1, cachedInput: 1, output: 1 }
      const { path } = yield* priceFile(JSON.stringify({ "gpt-4.1": price, "deepseek-v3.2": price }))
      const { code, stdout } = yield* run(costs, { env: { SWITCHGEAR_PRICES: path } })
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(line(stdout, "gpt-4.1"), ["1 answers", "$0.0008", "$0.00"])
    }), 30_000)

  it.live.each(
    [
      ["a negative price", "{ \"gpt-4.1\": { \"output\": -8 } }", "got -8"],
      ["what is not JSON", "gpt-4.1: 8", "it is not JSON"],
      ["a model that is missing", "{ \"gpt-4\": { \"input\": 1, \"output\": 8 } }", "has no model \"gpt-4.1\""],
      ["a price that is missing", "{ \"gpt-4.1\": { \"output\": 8 } }", "a price for the input of \"gpt-4.1\""]
    ] as const
  )("says what is wrong with %s in a price file", ([, content, sentence]) =>
    Effect.gen(function*() {
      const { path } = yield* priceFile(content)
      const { code, stderr } = yield* run(costs, { env: { SWITCHGEAR_PRICES: path } })
      assert.strictEqual(code, 1)
      assert.include(stderr, sentence)
      assert.notInclude(stderr, "node_modules")
    }), 30_000)

  it.live("says that a price file cannot be read", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* run(costs, { env: { SWITCHGEAR_PRICES: join("nowhere", "prices.json") } })
      assert.strictEqual(code, 1)
      assert.include(stderr, "The price file nowhere/prices.json cannot be read")
    }), 30_000)
})
