// What each npm verb does, once scripts/run.cjs has set the workspace up. Runs on the pinned Node, from the root.
import { spawn } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { writeDocs } from "./docs.ts"
import { importProblems } from "./imports.ts"
import { writeOperatorsPage } from "./operatorsPage.ts"

const root = join(import.meta.dirname, "..")
process.chdir(root)

const run = (command: string, ...args: ReadonlyArray<string>): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit" })
    const forward = (signal: NodeJS.Signals) => child.kill(signal)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
    for (const signal of signals) process.on(signal, forward)
    child.on("error", (error) => {
      console.error(`Could not start ${command}: ${error.message}`)
      resolve(false)
    })
    child.on("close", (code, signal) => {
      for (const name of signals) process.off(name, forward)
      if (signal !== null) process.kill(process.pid, signal)
      else if (code !== 0) process.exitCode = code ?? 1
      resolve(code === 0)
    })
  })

const report = (problems: ReadonlyArray<string>): boolean => {
  for (const problem of problems) console.error(problem)
  return problems.length === 0
}

type Step = readonly [name: string, go: () => boolean | Promise<boolean>]

/** Every step runs, so that one misplaced comma does not hide a failing test. */
const all = async (steps: ReadonlyArray<Step>): Promise<boolean> => {
  const failed: Array<string> = []
  for (const [name, go] of steps) if (!(await go())) failed.push(name)
  if (failed.length > 0) console.error(`Failed: ${failed.join(", ")}`)
  return failed.length === 0
}

const check = () =>
  all([
    ["documentation", () => report(writeDocs(root))],
    ["types", () => run("tsc", "-b", "tsconfig.json")]
  ])

const lint = () =>
  all([
    ["oxlint", () => run("oxlint", "--deny-warnings")],
    ["imports", () => report(importProblems(root))],
    ["format (npm run fix)", () => run("dprint", "check")]
  ])

const fix = () =>
  all([
    ["oxlint", () => run("oxlint", "--fix")],
    ["dprint", () => run("dprint", "fmt")]
  ])

/** A module that was renamed or removed must not live on in a package. */
const clear = () => {
  for (const name of ["core", "http"]) rmSync(join("packages", name, "dist"), { recursive: true, force: true })
}

const build = () => {
  clear()
  return run("tsc", "-b", "packages/core", "packages/http")
}

/** The check builds the packages, too: they are compiled once. */
const checkAndBuild = () => {
  clear()
  return check()
}

const vitest = (args: ReadonlyArray<string>) => run("vitest", "run", ...args)

const test = (args: ReadonlyArray<string>) =>
  args.length > 0
    ? vitest(args)
    : all([["check", checkAndBuild], ["lint", lint], ["tests", () => vitest([])]])

const bench = (args: ReadonlyArray<string>) => {
  if (existsSync("bench/main.ts")) return run("node", "bench/main.ts", ...args)
  console.log("There is no benchmark yet: bench/main.ts does not exist.")
  return true
}

const demo = (args: ReadonlyArray<string>) => run("node", "packages/examples/double-eleven/main.ts", ...args)

// All who wait are looked at whenever the space of young objects is full; a larger one saves a tenth of the time.
const night = (program: string, ...args: ReadonlyArray<string>) =>
  run(
    "node",
    "--min-semi-space-size=256",
    "--max-semi-space-size=256",
    `packages/examples/double-eleven/${program}`,
    ...args
  )

const replay = (args: ReadonlyArray<string>) => night("replay/main.ts", ...args)

const fleet = (args: ReadonlyArray<string>) => run("node", "packages/examples/fleet/main.ts", ...args)

// Without a command of its own it serves.
const gateway = (args: ReadonlyArray<string>) =>
  run("node", "packages/http/src/gateway/main.ts", ...args[0]?.startsWith("-") ?? true ? ["start"] : [], ...args)

const page = () => writeOperatorsPage(root).then(() => true)

const picture = async () => await night("page/main.ts") && run("node", "packages/examples/fleet/pictures.ts")

const verbs: Record<string, (args: ReadonlyArray<string>) => boolean | Promise<boolean>> = {
  check,
  lint,
  fix,
  test,
  build,
  bench,
  demo,
  replay,
  fleet,
  picture,
  page,
  gateway
}

const [verb = "", ...args] = process.argv.slice(2)
const go = verbs[verb]
const passed = go === undefined
  ? report([`Unknown verb "${verb}"; there are: ${Object.keys(verbs).join(", ")}.`])
  : await go(args)
if (!passed) process.exitCode ||= 1
else if (verb === "check" || verb === "lint" || verb === "build") console.log(`${verb}: nothing to complain about`)
