/**
 * The smallest program that protects one call with each of them: the second model where the first fails, time-outs, circuits
 * where there are any, and a sentence where no model answers. Each is run, and its lines are counted as `npm run fix` has
 * written them.
 */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { started } from "../gateway/child.ts"
import { answerOf } from "./answers.ts"
import { models } from "./script.ts"

const run = promisify(execFile)

/** Lines that are neither empty nor comments. */
export const linesOf = (program: string): number =>
  program.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//")).length

/** The lines of each program. Fails where one does not print the answer of the first model. */
export const firstUse = async (files: ReadonlyArray<string>): Promise<ReadonlyMap<string, number>> => {
  const provider = await started("the models", new URL("provider.ts", import.meta.url))
  try {
    const lines = new Map<string, number>()
    const urls = [0, 1].map((place) => `http://127.0.0.1:${provider.ports.port}/${place}/v1`)
    for (const file of files) {
      const program = new URL(`firstUse/${file}`, import.meta.url)
      const { stdout } = await run(process.execPath, [fileURLToPath(program), ...urls], { timeout: 20_000 })
      if (!stdout.includes(answerOf(models[0]))) throw new Error(`${file} printed "${stdout}"`)
      lines.set(file, linesOf(await readFile(program, "utf8")))
    }
    return lines
  } finally {
    provider.end()
  }
}
