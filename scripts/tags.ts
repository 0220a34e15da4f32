// Every export of a public module has the tags `@since` and `@category`. A name that is declared in another file has its
// tags there.
import { readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { type ESTree, parseSync } from "vite"

/** The values of `@category`. */
export const categories = [
  "combinators",
  "constructors",
  "conversions",
  "errors",
  "guards",
  "layers",
  "metrics",
  "models",
  "options",
  "predicates",
  "references",
  "runtime",
  "schemas",
  "services",
  "snapshots",
  "testing"
]

interface Module {
  readonly file: string
  readonly program: ESTree.Program
  /** The JSDoc that ends on the line before an offset, or "". */
  readonly docAt: (offset: number) => string
}

const open = (file: string): Module => {
  const source = readFileSync(file, "utf8")
  const { comments, program } = parseSync(file, source)
  const docs = comments.filter(({ type, value }) => type === "Block" && value.startsWith("*"))
  return {
    file,
    program,
    docAt: (offset) =>
      docs.find(({ end, start }) => start < offset && source.slice(end, offset).trim() === "")?.value ?? ""
  }
}

const namesIn = (declaration: ESTree.Declaration): ReadonlyArray<string> =>
  declaration.type === "VariableDeclaration"
    ? declaration.declarations.flatMap(({ id }) => id.type === "Identifier" ? [id.name] : [])
    : "id" in declaration && declaration.id?.type === "Identifier"
    ? [declaration.id.name]
    : []

const nameOf = (name: ESTree.ModuleExportName): string => name.type === "Literal" ? name.value : name.name

/** The JSDoc of each declaration of a name: a schema and the type of what it decodes to are two of one name. */
const docsOf = (module: Module, name: string): ReadonlyArray<string> =>
  module.program.body.flatMap((node) => {
    const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node
    if (declaration !== null && "type" in declaration && namesIn(declaration as ESTree.Declaration).includes(name)) {
      return [module.docAt(node.start)]
    }
    // A name that comes from another file, to be exported here.
    const [source, from] = node.type === "ImportDeclaration"
      ? [node.source.value, node.specifiers.find(({ local }) => local.name === name)]
      : node.type === "ExportNamedDeclaration" && node.source !== null
      ? [node.source.value, node.specifiers.find(({ exported }) => nameOf(exported) === name)]
      : []
    if (source === undefined || from === undefined || !source.startsWith(".")) return []
    const original = from.type === "ImportSpecifier"
      ? nameOf(from.imported)
      : from.type === "ExportSpecifier"
      ? nameOf(from.local)
      : undefined
    return original === undefined ? [] : docsOf(open(join(dirname(module.file), source)), original)
  })

const exportsOf = (module: Module): ReadonlyArray<string> =>
  module.program.body.flatMap((node) =>
    node.type !== "ExportNamedDeclaration"
      ? []
      : node.declaration !== null
      ? namesIn(node.declaration)
      : node.specifiers.map(({ exported }) => nameOf(exported))
  )

const isTagged = (doc: string): boolean =>
  /^\s*\* @since \d+\.\d+\.\d+$/m.test(doc) &&
  categories.includes(/^\s*\* @category (.*)$/m.exec(doc)?.[1] ?? "")

/** The exports of a module, given by its file below `root`, that lack a tag, as `file: name`. */
export const untagged = (root: string, file: string): ReadonlyArray<string> => {
  const module = open(join(root, file))
  const where = relative(root, module.file).replaceAll("\\", "/")
  return [...new Set(exportsOf(module))].flatMap((name) => {
    const docs = docsOf(module, name)
    return docs.length > 0 && docs.every(isTagged) ? [] : [`${where}: ${name}`]
  })
}
