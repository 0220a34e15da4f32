import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

const file = join(import.meta.dirname, "..", "formatCounts.cjs")
const { formatCounts } = createRequire(import.meta.url)(file) as {
  readonly formatCounts: (report: object, status: number) => string
}

const testFile = (status: string, ...tests: ReadonlyArray<string>) => ({
  status,
  assertionResults: tests.map((status) => ({ status }))
})

describe("formatCounts", () => {
  it("counts passed and failed tests, and leaves out skipped ones", () => {
    const testResults = [testFile("passed", "passed", "skipped"), testFile("failed", "failed", "passed", "failed")]
    assert.strictEqual(formatCounts({ testResults }, 1), "2 passed, 2 failed")
  })

  it("counts a file that could not be loaded as one failure", () => {
    const testResults = [testFile("passed", "passed"), testFile("failed")]
    assert.strictEqual(formatCounts({ testResults }, 1), "1 passed, 1 failed")
  })

  it("is not all green when types, lint or the build failed", () => {
    assert.strictEqual(formatCounts({ testResults: [testFile("passed", "passed")] }, 2), "1 passed, 1 failed")
    assert.strictEqual(formatCounts({ testResults: [testFile("passed", "passed")] }, 0), "1 passed, 0 failed")
  })

  it("is one failure when there is no report", () => {
    const { stdout } = spawnSync(process.execPath, [file, join(import.meta.dirname, "no-report.json"), "0"], {
      encoding: "utf8"
    })
    assert.strictEqual(stdout, "0 passed, 1 failed\n")
  })
})
