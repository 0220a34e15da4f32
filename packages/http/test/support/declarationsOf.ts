/** What a user's compiler reads of a module. */
import { dirname, join } from "node:path"
import ts from "typescript-5.9"
import { assert } from "vitest"

/** The declarations of a module and of all that it names, by their files. */
export const declarationsOf = (module: string): ReadonlyMap<string, string> => {
  const program = ts.createProgram([module], {
    declaration: true,
    emitDeclarationOnly: true,
    skipLibCheck: true,
    strict: true,
    noEmit: false,
    types: ["node"],
    target: ts.ScriptTarget.ES2024,
    lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true
  })
  const all = new Map<string, string>()
  program.emit(undefined, (file, text) => all.set(file, text.replaceAll(/\/\*[^]*?\*\//g, "")))
  const reached = new Map<string, string>()
  const reach = (file: string) => {
    const text = all.get(file)
    assert.isDefined(text, file)
    if (reached.has(file)) return
    reached.set(file, text!)
    for (const [, to] of text!.matchAll(/(?:from|import\() *"(\.[^"]*)\.ts"/g)) reach(join(dirname(file), `${to}.d.ts`))
  }
  reach(module.replace(/\.ts$/, ".d.ts"))
  return reached
}
