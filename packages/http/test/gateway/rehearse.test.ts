/** `switchgear rehearse`, as an operator runs it. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const home = mkdtempSync(join(tmpdir(), "switchgear-rehearse-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const main = join(import.meta.dirname, "..", "..", "src", "gateway", "main.ts")

const rehearse = (file: string, ...flags: ReadonlyArray<string>) => {
  writeFileSync(join(home, "gateway.yaml"), file)
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, "rehearse", "gateway.yaml", ...flags], {
    cwd: home,
    encoding: "utf8"
  })
  return { status, printed: stdout, complained: stderr }
}

const models = `
providers:
  one: { baseUrl: http://one.test/v1 }
  two: { baseUrl: http://two.test/v1 }
models:
  big: { provider: one, attemptTimeout: 8 seconds }
  small: { provider: two, attemptTimeout: 8 seconds }
prices: { big: { input: 2, output: 8 }, small: { input: 1, output: 2 } }
`

describe("a rehearsal", () => {
  it("finds the promise that a file breaks, names the option that mends it, and passes with that option", () => {
    const alone = rehearse(models, "--model", "big", "--night", "all down", "--promise", "errors<=1%")
    assert.strictEqual(alone.status, 1)
    assert.match(alone.printed, /✗ all down: .*\n +\d+ customers: .*% error/)
    assert.match(alone.printed, /Broken: errors<=1%, was .*To mend it: A cascade with a second model in cascades/)

    const cascade = `${models}cascades: { assistant: { steps: [big, small] } }\n`
    const two = rehearse(cascade, "--night", "all down", "--promise", "errors<=1%")
    assert.strictEqual(two.status, 1)
    assert.match(two.printed, /To mend it: Sentences in cascades\.assistant\.canned\./)

    const polite = cascade.replace("small] }", "small], canned: { en: We are busy } }")
    const kept = rehearse(polite, "--night", "all down", "--promise", "errors<=1%")
    assert.strictEqual(kept.status, 0, kept.printed)
    assert.match(kept.printed, /✓ all down/)
    assert.match(kept.printed, /% sentence/)
  }, 120_000)

  it("of one seed prints the same each time, and of another something else", () => {
    const file = `${models}cascades: { assistant: { steps: [big, small], canned: { en: We are busy } } }\n`
    const first = rehearse(file, "--night", "hang").printed
    assert.strictEqual(rehearse(file, "--night", "hang").printed, first)
    assert.notStrictEqual(rehearse(file, "--night", "hang", "--seed", "2").printed, first)
    assert.match(first, /big: \d+ calls, at most \d+ at once, \d+ while it could not answer/)
    assert.match(first, /Cost: \$0\.\d\d/)
  }, 120_000)

  it("says what is no promise, no night and no model", () => {
    for (
      const [flags, told] of [
        [["--promise", "p95<=ten"], "Expected one of answered, asked-for, errors, left, p95, cost, calls-while-down"],
        [["--promise", "p95<=10%"], "Expected p95 in s or ms"],
        [
          ["--night", "party"],
          "There is no night \"party\". There are: surge, spent key, hang, flood, all down, slow recovery"
        ],
        [["--model", "huge"], "There is no \"huge\". There are: big, small"]
      ] as const
    ) {
      const { complained, status } = rehearse(models, ...flags)
      assert.strictEqual(status, 1)
      assert.include(complained, told)
    }
  }, 120_000)
})
