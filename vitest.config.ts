import { availableParallelism } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { writeDocs } from "./scripts/docs.ts"

// Vitest looks for test files once, when it starts, so the documentation has to be on disk by then. What is wrong with
// a page is reported by `npm run check`.
writeDocs(import.meta.dirname)

// Hundreds of processes load the same modules: those of test files, and those that tests start. What one has compiled, the others use.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "build", "compile-cache")

const limits = {
  // No claim: properties and sockets take several times as long on a machine that has other work.
  testTimeout: 30_000,
  // Half as many again as there are processors: files that talk to sockets and processes wait for half of their time.
  maxWorkers: Math.ceil(1.5 * availableParallelism())
}

// To load all modules for each file anew is a fifth of the time. Files that replace modules, set options of the runner, or weigh the memory of their
// process, say by their name that they have one of their own. None extends this file: it would be loaded, and the documentation written,
// once more for each.
const together = (name: string) => [
  {
    extends: false as const,
    test: {
      ...limits,
      name,
      root: `packages/${name}`,
      include: ["test/**/*.test.ts"],
      exclude: ["test/**/*.alone.test.ts"],
      isolate: false
    }
  },
  {
    extends: false as const,
    test: { ...limits, name: `${name}-alone`, root: `packages/${name}`, include: ["test/**/*.alone.test.ts"] }
  }
]

export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: "build/test-report.json" },
    projects: [
      ...together("core"),
      ...together("http"),
      // Nothing in them needs a process of its own.
      {
        extends: false,
        test: { ...limits, name: "examples", root: "packages/examples", include: ["test/**/*.test.ts"], isolate: false }
      },
      {
        extends: false,
        test: { ...limits, name: "scripts", root: "scripts", include: ["test/**/*.test.ts"], isolate: false }
      },
      // Hundreds of small modules: they share one module graph, which is a tenth of the time. Node loads them as those of a
      // reader, which costs less than to transform each.
      {
        extends: false,
        test: {
          ...limits,
          name: "docs",
          include: ["build/docs/**/*.test.ts"],
          isolate: false,
          experimental: { viteModuleRunner: false }
        }
      }
    ]
  }
})
