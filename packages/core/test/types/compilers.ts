/** Programs of a user, compiled against the declarations as they are packed: by TypeScript 5.9 and by the newest. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import ts from "typescript-5.9"

const root = join(import.meta.dirname, "..", "..", "..", "..")
const core = join(root, "packages", "core")
const tsc = join(root, "node_modules", ".bin", "tsc")

const options = {
  target: "ES2024",
  lib: ["ES2024", "ESNext.Disposable"],
  module: "NodeNext",
  strict: true,
  types: [],
  skipLibCheck: true,
  declaration: true,
  emitDeclarationOnly: true,
  outDir: "out"
}

/** What a compiler makes of the programs, by the name of the file. */
export interface Compiled {
  readonly declarations: (name: string) => string
  /** By the line, counted from 1: the message and the lines that explain it. */
  readonly problems: (name: string) => ReadonlyMap<number, ReadonlyArray<string>>
}

export interface Compilers {
  readonly "5.9": Compiled
  readonly newest: Compiled
  /** What an editor shows where `at` begins in a file, by TypeScript 5.9. */
  readonly hover: (name: string, at: string) => string
  readonly close: () => void
}

/** What the newest compiler prints; that it finds something is no failure of it. */
const run = (cwd: string, ...args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) =>
    execFile(tsc, args, { cwd, encoding: "utf8" }, (error, stdout) => {
      if (error && typeof error.code !== "number") reject(error)
      else resolve(stdout)
    })
  )

const pack = async (home: string): Promise<void> => {
  const target = join(home, "node_modules", "@switchgear", "core")
  mkdirSync(target, { recursive: true })
  const built = ["--outDir", join(target, "dist"), "--tsBuildInfoFile", join(home, "core.tsbuildinfo")]
  const complaint = await run(core, "-p", ".", "--emitDeclarationOnly", "--declarationMap", "false", ...built)
  if (complaint !== "") throw new Error(complaint)
  const { name, publishConfig, version } = JSON.parse(readFileSync(join(core, "package.json"), "utf8"))
  const manifest = { name, version, type: "module", exports: publishConfig.exports }
  writeFileSync(join(target, "package.json"), JSON.stringify(manifest))
  symlinkSync(realpathSync(join(core, "node_modules", "effect")), join(home, "node_modules", "effect"), "junction")
}

// Both print `file.ts(line,column): error TS1234: message`, and below it, indented, why.
const parse = (printed: string, name: string): ReadonlyMap<number, ReadonlyArray<string>> => {
  const problems = new Map<number, Array<string>>()
  let current: Array<string> = []
  for (const line of printed.split(/\r?\n/).filter((line) => line !== "")) {
    const [, file, at, message] = /^(\S+?)\((\d+),\d+\): error TS\d+: (.*)$/.exec(line) ?? []
    if (message === undefined) current.push(line.trim())
    else {
      current = file === name ? problems.get(Number(at)) ?? [] : []
      current.push(message)
      if (file === name) problems.set(Number(at), current)
    }
  }
  return problems
}

const fivePointNine = (home: string, names: ReadonlyArray<string>) => {
  const config = ts.parseJsonConfigFileContent({ compilerOptions: options, files: names }, ts.sys, home)
  const files = new Map<string, string>()
  const service = ts.createLanguageService({
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getCompilationSettings: () => config.options,
    getCurrentDirectory: () => home,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    getScriptFileNames: () => config.fileNames,
    getScriptVersion: () => "1",
    getScriptSnapshot: (file) => {
      const text = files.get(file) ?? ts.sys.readFile(file)
      if (text === undefined) return undefined
      files.set(file, text)
      return ts.ScriptSnapshot.fromString(text)
    }
  })
  const place = (name: string) => join(home, name)
  const format: ts.FormatDiagnosticsHost = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => home,
    getNewLine: () => "\n"
  }
  const program = service.getProgram()!
  const found = names.map((name) => program.getSourceFile(place(name))!).flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
    ...program.getDeclarationDiagnostics(file)
  ])
  const printed = ts.formatDiagnostics(found, format)
  const declarations = new Map(
    names.map((name) => [name, service.getEmitOutput(place(name), true, true).outputFiles[0]?.text ?? ""])
  )
  const compiled: Compiled = {
    declarations: (name) => declarations.get(name)!,
    problems: (name) => parse(printed, name)
  }
  const hover = (name: string, at: string) => {
    const position = readFileSync(place(name), "utf8").indexOf(at)
    return ts.displayPartsToString(service.getQuickInfoAtPosition(place(name), position)?.displayParts)
  }
  return { compiled, hover }
}

const newest = async (home: string, names: ReadonlyArray<string>): Promise<Compiled> => {
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: names }))
  const printed = await run(home, "-p", ".", "--pretty", "false")
  return {
    declarations: (name) => readFileSync(join(home, "out", name.replace(/\.ts$/, ".d.ts")), "utf8"),
    problems: (name) => parse(printed, name)
  }
}

/** Compiles the programs, which import the package as users do. One program of each compiler serves all questions. */
export const compile = async (programs: Readonly<Record<string, string>>): Promise<Compilers> => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "switchgear-types-")))
  await pack(home)
  writeFileSync(join(home, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const names = Object.keys(programs)
  for (const name of names) writeFileSync(join(home, name), programs[name]!)
  const byNewest = newest(home, names)
  const { compiled, hover } = fivePointNine(home, names)
  return { "5.9": compiled, newest: await byNewest, hover, close: () => rmSync(home, { recursive: true, force: true }) }
}
