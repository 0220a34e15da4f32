// Documentation that runs: each fenced ```ts block of a JSDoc comment or a Markdown page becomes one real module under
// build/docs, type-checked like any source and run as a test named `file:line`. A trailing `// => value` is asserted.
// Line numbers of a generated module are those of the page, so an error found in it points at the page.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { type ESTree, parseSync } from "vite"

interface Fence {
  readonly file: string
  /** Of the first line of code, counted from 1. */
  readonly line: number
  /** "no-run": only type-checked. */
  readonly mode: "run" | "no-run"
  readonly code: string
}

/** A fence that cannot be turned into a test; `message` begins with `file:line`. */
class DocsError extends Error {}

const pages = [
  "README.md",
  "README.zh-CN.md",
  "docs/**/*.md",
  "packages/*/README.md",
  "packages/*/src/**/*.ts"
]

const fencesIn = (file: string, text: string, firstLine: number): ReadonlyArray<Fence> => {
  const found: Array<Fence> = []
  const lines = text.split("\n")
  for (let start = 0; start < lines.length; start++) {
    const opening = /^(\s*)(`{3,})(.*)$/.exec(lines[start]!)
    if (opening === null) continue
    const [, indent = "", ticks = "", info = ""] = opening
    const closing = lines.findIndex((line, index) => index > start && line.trim() === ticks)
    if (closing < 0) throw new DocsError(`${file}:${firstLine + start}: this fence is never closed`)
    const [language, mode] = info.trim().split(/\s+/)
    if (language === "ts") {
      if (mode !== undefined && mode !== "no-run") {
        throw new DocsError(
          `${file}:${firstLine + start}: "${mode}" after \`\`\`ts means nothing; use no-run or nothing`
        )
      }
      const code = lines.slice(start + 1, closing).map((line) =>
        line.startsWith(indent) ? line.slice(indent.length) : line
      )
      found.push({ file, line: firstLine + start + 1, mode: mode ?? "run", code: code.join("\n") })
    }
    start = closing
  }
  return found
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

const fencesInComments = (file: string, source: string): ReadonlyArray<Fence> => {
  const { comments, errors } = parseSync(file, source)
  if (errors[0] !== undefined) throw new DocsError(`${file}: ${errors[0].message}`)
  return comments.filter(({ type, value }) => type === "Block" && value.startsWith("*")).flatMap((comment) => {
    const lines = comment.value.split("\n").map((line) => line.replace(/^\s*\* ?/, ""))
    return fencesIn(file, lines.join("\n"), lineAt(source, comment.start))
  })
}

/** The fences of one page: a Markdown page is read as it is, of a source file the JSDoc comments. */
export const fences = (file: string, text: string): ReadonlyArray<Fence> =>
  file.endsWith(".md") ? fencesIn(file, text, 1) : fencesInComments(file, text)

type Statement = ESTree.ExpressionStatement | ESTree.VariableDeclaration

/** At any depth: a value yielded inside a generator is asserted where it stands. */
const statements = (value: unknown): ReadonlyArray<Statement> => {
  if (Array.isArray(value)) return value.flatMap(statements)
  if (typeof value !== "object" || value === null || !("type" in value)) return []
  const own = value.type === "ExpressionStatement" || value.type === "VariableDeclaration" ? [value as Statement] : []
  return [...own, ...Object.values(value).flatMap(statements)]
}

const withoutSemicolon = (code: string): string => code.trimEnd().replace(/;$/, "")

/** The test module of a fence, laid out so that its line numbers are those of the page. */
export const render = (fence: Fence, assertions: string): string => {
  const { code, file, line, mode } = fence
  const at = (offset: number) => line + lineAt(code, offset) - 1
  const { comments, errors, program } = parseSync("fence.ts", code)
  if (errors[0] !== undefined)
    throw new DocsError(`${file}:${line}: ${errors[0].message}\n${errors[0].codeframe ?? ""}`)
  if (mode === "no-run") return "\n".repeat(line - 1) + code

  const edits: Array<readonly [offset: number, text: string, removed?: number]> = []
  const expected = comments.filter((comment) => comment.type === "Line" && /^\s*=>/.test(comment.value))
  for (const comment of expected) {
    const end = withoutSemicolon(code.slice(0, comment.start)).length
    const statement = statements(program).find((node) => withoutSemicolon(code.slice(0, node.end)).length === end)
    const sameLine = !code.slice(end, comment.start).includes("\n")
    const value = comment.value.replace(/^\s*=>/, "").trim()
    const check = (actual: string) => `__doc.equal(${at(comment.start)}, ${actual}, (${value}))`
    if (sameLine && statement?.type === "ExpressionStatement") {
      edits.push([statement.start, `__doc.equal(${at(comment.start)}, `], [end, `, (${value}))`])
    } else if (
      sameLine && statement?.type === "VariableDeclaration" && statement.declarations.length === 1
      && statement.declarations[0]!.id.type === "Identifier"
    ) {
      edits.push([end, `; ${check(statement.declarations[0]!.id.name)}`])
    } else {
      throw new DocsError(
        `${file}:${at(comment.start)}: // => must stand at the end of an expression or of \`const name = …\``
      )
    }
  }

  let bodyStart = -1
  let bodyEnd = 0
  for (const node of program.body) {
    if (node.type === "ImportDeclaration") {
      if (bodyStart >= 0) throw new DocsError(`${file}:${at(node.start)}: imports come first`)
      continue
    }
    if (bodyStart < 0) bodyStart = node.start
    bodyEnd = node.end
    if (node.type === "ExportNamedDeclaration" && node.declaration !== null) {
      edits.push([node.start, "", node.declaration.start - node.start])
    }
  }
  const lines = expected.map((comment) => at(comment.start))
  const open = `__test(${JSON.stringify(`${file}:${line}`)}, async () => { const __doc = __expectations(${
    JSON.stringify(file)
  }, ${JSON.stringify(lines)}); `
  const close = "; __doc.done() })"
  if (bodyStart < 0) bodyStart = bodyEnd = code.length + 1
  const wrapped = apply(code + "\n", [[bodyStart, open], ...edits, [bodyEnd, close]])
  const module = header(assertions) + "\n".repeat(line - 1) + wrapped
  const broken = parseSync("fence.ts", module).errors[0]
  if (broken !== undefined)
    throw new DocsError(`${file}:${line}: ${broken.message}; is a value after // => no expression?`)
  return module
}

const header = (assertions: string) =>
  `import { test as __test } from "vitest"; import { expectations as __expectations } from ${
    JSON.stringify(assertions)
  }`

/** Edits at one offset keep the order in which they were made. */
const apply = (
  code: string,
  edits: ReadonlyArray<readonly [offset: number, text: string, removed?: number]>
): string => {
  let result = ""
  let from = 0
  for (const [offset, text, removed = 0] of edits.toSorted((a, b) => a[0] - b[0])) {
    result += code.slice(from, offset) + text
    from = offset + removed
  }
  return result + code.slice(from)
}

/**
 * Brings build/docs up to date and tells what is wrong with the pages. A page that is wrong keeps no module, and files
 * that would not change are left alone, so that several commands may do this at the same time.
 */
export const writeDocs = (root: string): ReadonlyArray<string> => {
  const output = join(root, "build", "docs")
  const assertions = join(root, "scripts", "expectation.ts")
  const modules = new Map<string, string>()
  const problems: Array<string> = []
  for (const page of globSync(pages, { cwd: root }).sort()) {
    const file = page.replaceAll("\\", "/")
    const attempt = (build: () => void) => {
      try {
        build()
      } catch (error) {
        if (!(error instanceof DocsError)) throw error
        problems.push(error.message)
      }
    }
    attempt(() => {
      for (const fence of fences(file, readFileSync(join(root, page), "utf8"))) {
        attempt(() => {
          const target = join(output, `${file}.${fence.line}${fence.mode === "run" ? ".test" : ""}.ts`)
          modules.set(target, render(fence, relative(dirname(target), assertions).replaceAll("\\", "/")))
        })
      }
    })
  }
  for (const stale of globSync("**/*.ts", { cwd: output }).map((path) => join(output, path))) {
    if (!modules.has(stale)) rmSync(stale, { force: true })
  }
  for (const [target, module] of modules) {
    mkdirSync(dirname(target), { recursive: true })
    if (!existsSync(target) || readFileSync(target, "utf8") !== module) writeFileSync(target, module)
  }
  return problems
}
