/** WebAssembly compiles in threads that no hook of Node tells of: it is seen where it is called. */
import { ofProcess } from "./owners.ts"
import { untilEnd } from "./running.ts"

type Compiler = (...args: ReadonlyArray<never>) => Promise<unknown>

const names = ["compile", "compileStreaming", "instantiate", "instantiateStreaming"] as const

/** Replaces the functions that compile. Returns how to put them back. */
export const watchWebAssembly = (): () => void => {
  const owner = (globalThis as { readonly WebAssembly?: Record<string, Compiler> }).WebAssembly
  const back = names.flatMap((name) => {
    const original = owner?.[name]
    if (owner === undefined || original === undefined) return []
    owner[name] = (...args) => {
      const piece = untilEnd(`WebAssembly.${name}`)
      const works = ofProcess()
      for (const work of works) work.begin(piece)
      const compiled = original(...args)
      const end = () => {
        for (const work of works) work.end(piece)
      }
      compiled.then(end, end)
      return compiled
    }
    return [() => {
      owner[name] = original
    }]
  })
  return () => {
    for (const undo of back) undo()
  }
}
