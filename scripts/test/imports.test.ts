import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { importProblem, importProblems } from "../imports.ts"

describe("imports", () => {
  it.each([
    ["packages/core/src/CircuitBreaker.ts", "effect/Effect"],
    ["packages/core/src/CircuitBreaker.ts", "./Outcome.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./internal/runtime/guard.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./circuitBreaker/fam.ts"],
    ["packages/core/src/circuitBreaker/fam.ts", "../CircuitBreaker.ts"],
    ["packages/core/src/StaleCache.ts", "./StaleCacheStore.ts"],
    ["packages/core/src/staleCache/harmlessStore.ts", "../StaleCacheStore.ts"],
    ["packages/core/src/Cascade.ts", "./StaleCache.ts"],
    ["packages/core/src/Pipeline.ts", "./CircuitBreaker.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./Registry.ts"],
    ["packages/core/src/Telemetry.ts", "./Bulkhead.ts"],
    ["packages/core/src/testing/Load.ts", "../CircuitBreaker.ts"],
    ["packages/core/src/testing/load/run.ts", "../../internal/data/heap.ts"],
    ["packages/core/src/testing/Scenario.ts", "./VirtualClock.ts"],
    ["packages/core/src/internal/runtime/guard.ts", "../data/slidingWindow.ts"],
    ["packages/core/src/internal/config/checks.ts", "../data/fieldOf.ts"],
    ["packages/http/src/ChatModel.ts", "@switchgear/core/CircuitBreaker"],
    ["packages/http/src/ChatModel.ts", "@effect/platform-node/Undici"],
    ["packages/http/src/testing/SimulatedProvider.ts", "../ChatSchema.ts"],
    ["packages/http/src/testing/Behaviour.ts", "@switchgear/core/testing"],
    ["packages/core/test/Pipeline.test.ts", "../src/internal/runtime/guard.ts"]
  ])("%s may import %s", (file, specifier) => {
    assert.isUndefined(importProblem(file, specifier))
  })

  it.each([
    ["packages/core/src/CircuitBreaker.ts", "./Bulkhead.ts"],
    ["packages/core/src/Bulkhead.ts", "./Pipeline.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./Telemetry.ts"],
    ["packages/core/src/Registry.ts", "./CircuitBreaker.ts"],
    ["packages/core/src/internal/config/checks.ts", "../../Registry.ts"],
    ["packages/core/src/internal/config/checks.ts", "../runtime/guard.ts"],
    ["packages/core/src/internal/data/heap.ts", "../config/checks.ts"],
    ["packages/core/src/internal/drawer.ts", "./data/heap.ts"],
    ["packages/core/src/Bulkhead.ts", "./circuitBreaker/CircuitOpen.ts"],
    ["packages/core/src/Bulkhead.ts", "./StaleCacheStore.ts"],
    ["packages/core/src/circuitBreaker/fam.ts", "../Bulkhead.ts"],
    ["packages/core/src/internal/runtime/guard.ts", "../../CircuitBreaker.ts"],
    ["packages/core/src/Pipeline.ts", "./testing/Load.ts"],
    ["packages/core/src/index.ts", "./testing/index.ts"],
    ["packages/core/src/internal/runtime/guard.ts", "../../testing/Load.ts"],
    ["packages/core/src/testing/Load.ts", "@switchgear/http"],
    ["packages/core/src/testing/Load.ts", "node:timers"],
    ["packages/core/src/CircuitBreaker.ts", "@switchgear/http"],
    ["packages/core/src/CircuitBreaker.ts", "@effect/platform-node"],
    ["packages/core/src/CircuitBreaker.ts", "node:timers"],
    ["packages/core/src/CircuitBreaker.ts", "effectful"],
    ["packages/http/src/ChatModel.ts", "@switchgear/examples"],
    ["packages/http/src/ChatModel.ts", "@switchgear/core/testing"],
    ["packages/http/src/ChatModel.ts", "./testing/Behaviour.ts"],
    ["packages/http/src/ChatModel.ts", "../../core/src/Outcome.ts"]
  ])("%s may not import %s", (file, specifier) => {
    assert.isString(importProblem(file, specifier))
  })

  it("are found however they are written, with their line", () => {
    const root = mkdtempSync(join(tmpdir(), "switchgear-imports-"))
    const file = join(root, "packages/core/src/Retry.ts")
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(
      file,
      [
        "import * as A from \"./Bulkhead.ts\"",
        "import type { B } from \"./Cascade.ts\"",
        "export * from \"./Hedge.ts\"",
        "export const c = () => import(\"./StaleCache.ts\")",
        "import * as D from \"./Deadline.ts\""
      ].join("\n")
    )
    const problems = importProblems(root).map((problem) => problem.split(": ").slice(0, 2).join(" "))
    rmSync(root, { recursive: true })
    assert.deepEqual(problems, [
      "packages/core/src/Retry.ts:1 \"./Bulkhead.ts\"",
      "packages/core/src/Retry.ts:2 \"./Cascade.ts\"",
      "packages/core/src/Retry.ts:3 \"./Hedge.ts\"",
      "packages/core/src/Retry.ts:4 \"./StaleCache.ts\""
    ])
  })
})
