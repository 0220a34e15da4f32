import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { build, type Rollup } from "vite"

const root = join(import.meta.dirname, "..", "..", "..", "..")

/**
 * Programs as one file each, at the same places in another folder: a process reads hundreds of modules otherwise, which is most of
 * the time of one that does little. Returns where the first one is.
 */
export const bundled = async (...programs: readonly [string, ...ReadonlyArray<string>]): Promise<string> => {
  const places = await Promise.all(programs.map(async (program) => {
    const place = join(root, "build", "bundled", relative(root, program))
    mkdirSync(dirname(place), { recursive: true })
    const bundle = `${basename(program, ".ts")}.mjs`
    put(join(dirname(place), bundle), await codeOf(program))
    // Programs start each other by these names.
    put(place, `import "./${bundle}"\n`)
    return place
  }))
  return places[0]!
}

/** Another worker may read it at the moment. */
const put = (place: string, text: string) => {
  const part = `${place}.${process.pid}`
  writeFileSync(part, text)
  renameSync(part, place)
}

const codeOf = async (program: string): Promise<string> => {
  const built = await build({
    root,
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true },
    build: {
      ssr: true,
      write: false,
      minify: false,
      target: "esnext",
      rolldownOptions: { input: program, output: { codeSplitting: false } }
    }
  })
  return (built as Rollup.RollupOutput).output[0].code
}
