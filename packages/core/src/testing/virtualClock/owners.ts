/** To which program work belongs: known by the asynchronous context in which it is begun. */
import { asyncHooks, type Storage } from "./node.ts"
import type { PendingWork } from "./pendingWork.ts"

let made: { readonly storage: Storage<PendingWork> | undefined } | undefined

/** Made by the first program, so that a process without virtual time has none of it. */
const storage = (): Storage<PendingWork> | undefined => {
  if (made === undefined) {
    const hooks = asyncHooks()
    made = { storage: hooks && new hooks.AsyncLocalStorage() }
  }
  return made.storage
}

/** The programs whose work is watched. */
export const watched = new Set<PendingWork>()

/** Those that are expected to wait for none. */
export const strict = new Set<PendingWork>()

/** Runs a function, whose asynchronous work is that of this program from then on. */
export const inWork = <A>(work: PendingWork, f: () => A): A => {
  const store = storage()
  return store === undefined ? f() : store.run(work, f)
}

/** Counts what the current fiber begins from now on as work of this program. */
export const enterWork = (work: PendingWork): void => storage()?.enterWith(work)

/** Whether what is begun now belongs to this program. */
export const isOf = (work: PendingWork): boolean => belongs(storage()?.getStore(), work)

export const belongs = (store: PendingWork | undefined, work: PendingWork): boolean => {
  for (let one = store; one !== undefined; one = one.around) if (one === work) return true
  return false
}

/** The program that begins something now. */
export const ofProgram = (): ReadonlyArray<PendingWork> => {
  let work = storage()?.getStore()
  // What outlives a play belongs to the one around it.
  while (work !== undefined && !watched.has(work)) work = work.around
  return work === undefined ? [] : [work]
}

/** Who has begun it is not always known, such as of a queue that was made before: then all wait for it. */
export const ofProcess = (): ReadonlyArray<PendingWork> => {
  const works = ofProgram()
  return works.length > 0 ? works : [...watched]
}
