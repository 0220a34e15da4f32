/** `Atomics.waitAsync` waits for another thread, which no hook of Node tells of: it is seen where it is called. */
import { ofProgram } from "./owners.ts"
import { outside } from "./running.ts"

type WaitAsync = (...args: ReadonlyArray<unknown>) => { readonly async: boolean; readonly value: unknown }

/** Replaces the function. Returns how to put it back. */
export const watchAtomics = (): () => void => {
  const owner = (globalThis as unknown as { readonly Atomics?: { waitAsync?: WaitAsync } }).Atomics
  const original = owner?.waitAsync
  if (owner === undefined || original === undefined) return () => {}
  owner.waitAsync = (...args) => {
    const result = original(...args)
    const works = result.async ? ofProgram() : []
    if (works.length === 0) return result
    const piece = outside("Atomics.waitAsync")
    for (const work of works) work.begin(piece)
    const end = () => {
      for (const work of works) work.end(piece)
    }
    ;(result.value as Promise<unknown>).then(end, end)
    return result
  }
  return () => {
    owner.waitAsync = original
  }
}
