import { defineConfig } from "vitest/config"
import { writeDocs } from "./scripts/docs.ts"

// Vitest looks for test files once, when it starts, so the documentation has to be on disk by then. What is wrong with
// a page is reported by `npm run check`.
writeDocs(import.meta.dirname)

const project = (name: string) => ({
  test: { name, root: `packages/${name}`, include: ["test/**/*.test.ts"] }
})

export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: "build/test-report.json" },
    projects: [
      project("core"),
      project("http"),
      project("examples"),
      { test: { name: "scripts", root: "scripts", include: ["test/**/*.test.ts"] } },
      // Hundreds of small modules: they share one module graph, which is a tenth of the time.
      { test: { name: "docs", include: ["build/docs/**/*.test.ts"], isolate: false } }
    ]
  }
})
