/** Programs as they are shipped to where there is no Node. */
import { join } from "node:path"
import { build, type Rollup } from "vite"

const root = join(import.meta.dirname, "..", "..")

/** What a browser or a worker gets of a program, what it may load later included. */
export const bundledForWeb = async (program: string, format: "iife" | "es" = "iife") => {
  const id = "\0program"
  const built = await build({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: [{
      name: "program",
      resolveId: (source) => source === "program" ? id : undefined,
      load: (given) => given === id ? program : undefined
    }],
    resolve: {
      alias: [
        { find: /^@switchgear\/http\/testing$/, replacement: join(root, "src/testing/index.ts") },
        { find: "@switchgear/http/fetch", replacement: join(root, "src/fetch/index.ts") },
        { find: /^@switchgear\/http\/(.*)$/, replacement: join(root, "src/$1.ts") },
        { find: "@switchgear/http", replacement: join(root, "src/index.ts") }
      ]
    },
    build: {
      write: false,
      minify: false,
      target: "esnext",
      modulePreload: false,
      rolldownOptions: {
        input: "program",
        preserveEntrySignatures: "strict",
        external: /^node:/,
        // What may be loaded later is looked at, too.
        output: { format, ...format === "iife" && { name: "program" }, codeSplitting: false }
      }
    }
  })
  const { output } = built as Rollup.RollupOutput
  const chunks = output.filter((each) => each.type === "chunk")
  const entry = chunks.find(({ isEntry }) => isEntry)!
  return { entry, chunks }
}
