import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { importProblem, importProblems } from "../imports.ts"

describe("imports", () => {
  it.each([
    ["packages/core/src/CircuitBreaker.ts", "effect/Effect"],
    ["packages/core/src/internal/runtime/primitive.ts", "effect/Effectable"],
    ["packages/core/src/CircuitBreaker.ts", "./Outcome.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./internal/runtime/guard.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./circuitBreaker/fam.ts"],
    ["packages/core/src/circuitBreaker/fam.ts", "../CircuitBreaker.ts"],
    ["packages/core/src/StaleCache.ts", "./StaleCacheStore.ts"],
    ["packages/core/src/staleCache/harmlessStore.ts", "../StaleCacheStore.ts"],
    ["packages/core/src/Cascade.ts", "./StaleCache.ts"],
    ["packages/core/src/Pipeline.ts", "./CircuitBreaker.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./Registry.ts"],
    ["packages/core/src/concurrencyLimit/call.ts", "../bulkhead/call.ts"],
    ["packages/core/src/Telemetry.ts", "./Bulkhead.ts"],
    ["packages/core/src/testing/Load.ts", "../CircuitBreaker.ts"],
    ["packages/core/src/testing/load/run.ts", "../../internal/data/heap.ts"],
    ["packages/core/src/testing/Scenario.ts", "./VirtualClock.ts"],
    ["packages/core/src/internal/runtime/guard.ts", "../data/slidingWindow.ts"],
    ["packages/core/src/internal/config/checks.ts", "../data/fieldOf.ts"],
    ["packages/http/src/ChatModel.ts", "@switchgear/core/CircuitBreaker"],
    ["packages/http/src/nodeTransport/undici.ts", "@effect/platform-node/Undici"],
    ["packages/http/src/fleetRedis/client.ts", "redis"],
    ["packages/http/src/testing/simulatedProvider/server.ts", "node:http"],
    ["packages/http/src/testing/SimulatedProvider.ts", "../ChatSchema.ts"],
    ["packages/http/src/testing/Behaviour.ts", "@switchgear/core/testing"],
    ["packages/core/test/Pipeline.test.ts", "../src/internal/runtime/guard.ts"]
  ])("%s may import %s", (file, specifier) => {
    assert.isUndefined(importProblem(file, specifier))
  })

  it.each([
    ["packages/core/src/CircuitBreaker.ts", "./Bulkhead.ts"],
    ["packages/core/src/internal/runtime/guard.ts", "effect/Effectable"],
    ["packages/http/src/ChatModel.ts", "effect/Effectable"],
    ["packages/core/src/Bulkhead.ts", "./Pipeline.ts"],
    ["packages/core/src/CircuitBreaker.ts", "./Telemetry.ts"],
    ["packages/core/src/Registry.ts", "./CircuitBreaker.ts"],
    ["packages/core/src/internal/config/checks.ts", "../../Registry.ts"],
    ["packages/core/src/internal/config/checks.ts", "../runtime/guard.ts"],
    ["packages/core/src/internal/data/heap.ts", "../config/checks.ts"],
    ["packages/core/src/internal/drawer.ts", "./data/heap.ts"],
    ["packages/core/src/Bulkhead.ts", "./circuitBreaker/CircuitOpen.ts"],
    ["packages/core/src/Bulkhead.ts", "./StaleCacheStore.ts"],
    ["packages/core/src/Bulkhead.ts", "./ConcurrencyLimit.ts"],
    ["packages/core/src/ConcurrencyLimit.ts", "./CircuitBreaker.ts"],
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
    ["packages/http/src/ChatModel.ts", "@effect/platform-node/Undici"],
    ["packages/http/src/modelCascade/digest.ts", "node:crypto"],
    ["packages/http/src/ChatModel.ts", "redis"],
    ["packages/http/src/ChatModel.ts", "@switchgear/examples"],
    ["packages/http/src/ChatModel.ts", "@switchgear/core/testing"],
    ["packages/http/src/ChatModel.ts", "./testing/Behaviour.ts"],
    ["packages/http/src/ChatModel.ts", "../../core/src/Outcome.ts"]
  ])("%s may not import %s", (file, specifier) => {
    assert.isString(importProblem(file, specifier))
  })

  /** What is wrong with the sources given, by their paths. */
  const problemsOf = (sources: Readonly<Record<string, ReadonlyArray<string>>>): ReadonlyArray<string> => {
    const root = mkdtempSync(join(tmpdir(), "switchgear-imports-"))
    for (const [path, lines] of Object.entries(sources)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), lines.join("\n"))
    }
    const problems = importProblems(root)
    rmSync(root, { recursive: true })
    return problems
  }

  it("are found however they are written, with their line", () => {
    const problems = problemsOf({
      "packages/core/src/Retry.ts": [
        "import * as A from \"./Bulkhead.ts\"",
        "import type { B } from \"./Cascade.ts\"",
        "export * from \"./Hedge.ts\"",
        "export const c = () => import(\"./StaleCache.ts\")",
        "import * as D from \"./Deadline.ts\""
      ]
    })
    assert.deepEqual(problems.map((problem) => problem.split(": ").slice(0, 2).join(" ")), [
      "packages/core/src/Retry.ts:1 \"./Bulkhead.ts\"",
      "packages/core/src/Retry.ts:2 \"./Cascade.ts\"",
      "packages/core/src/Retry.ts:3 \"./Hedge.ts\"",
      "packages/core/src/Retry.ts:4 \"./StaleCache.ts\""
    ])
  })

  it("of types alone that lead from a file of http back to it are a circle", () => {
    const problems = problemsOf({
      "packages/http/src/ChatModel.ts": [
        "import * as Effect from \"effect/Effect\"",
        "import { count } from \"./chatModel/counter.ts\""
      ],
      "packages/http/src/chatModel/counter.ts": ["import type { Tried } from \"./tried.ts\""],
      "packages/http/src/chatModel/tried.ts": ["export type { Tried } from \"../ChatModel.ts\""]
    })
    assert.deepEqual(problems, [
      "packages/http/src/ChatModel.ts:2: \"./chatModel/counter.ts\": a circle of files: "
      + "ChatModel.ts → chatModel/counter.ts → chatModel/tried.ts → ChatModel.ts"
    ])
  })

  it("that lead from a room of http back to it are a circle, although no file imports itself", () => {
    const problems = problemsOf({
      "packages/http/src/ChatModel.ts": ["export {}"],
      "packages/http/src/chatModel/limit.ts": ["import { tokens } from \"../pricing/tokens.ts\""],
      "packages/http/src/pricing/price.ts": ["import type { Request } from \"../ChatModel.ts\""],
      "packages/http/src/pricing/tokens.ts": ["export const tokens = 1"]
    })
    assert.deepEqual(problems, [
      "packages/http/src/chatModel/limit.ts:1: \"../pricing/tokens.ts\": a circle of rooms: "
      + "ChatModel → Pricing → ChatModel (chatModel/limit.ts → pricing/tokens.ts, pricing/price.ts → ChatModel.ts)"
    ])
  })

  it("within a room of http, and of one room by several, are no circle", () => {
    const problems = problemsOf({
      "packages/http/src/ChatModel.ts": ["import { a } from \"./chatModel/a.ts\"", "import \"./ChatError.ts\""],
      "packages/http/src/chatModel/a.ts": ["import { b } from \"./b.ts\"", "import \"../ChatError.ts\""],
      "packages/http/src/chatModel/b.ts": ["import { p } from \"../Pricing.ts\""],
      "packages/http/src/Pricing.ts": ["import \"./ChatError.ts\""],
      "packages/http/src/ChatError.ts": ["export {}"]
    })
    assert.deepEqual(problems, [])
  })
})
