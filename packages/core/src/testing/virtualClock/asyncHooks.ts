/**
 * What a program does outside of its fibers, as far as Node shows it: promises, work of the thread pool, immediates and
 * timers without a delay. Elsewhere nothing can be seen.
 */
import { PendingWork, type Piece } from "./pendingWork.ts"
import { StackTrace, type Trace } from "./trace.ts"

/** Runs a function, whose asynchronous work is that of this program from then on. */
export const inWork = <A>(work: PendingWork, f: () => A): A => {
  const { storage } = sight()
  return storage === undefined ? f() : storage.run(work, f)
}

/** Counts what the current fiber begins from now on as work of this program. */
export const enterWork = (work: PendingWork): void => sight().storage?.enterWith(work)

/** Runs what virtual time itself schedules, which is no work of the program. */
export const unseen = <A>(schedule: () => A): A => {
  isUnseen = true
  try {
    return schedule()
  } finally {
    isUnseen = false
  }
}
let isUnseen = false

/** Watches the work of a program until it is told to stop. */
export const watchWork = (work: PendingWork): () => void => {
  const { hook } = sight()
  if (hook === undefined) return () => {}
  watched.add(work)
  if (watched.size === 1) hook.enable()
  return () => {
    if (watched.delete(work) && watched.size === 0) {
      hook.disable()
      running.clear()
      ports.clear()
    }
  }
}
const watched = new Set<PendingWork>()

/** Watches the work of a program that is expected to wait for none: what wakes one of its fibers is its `waking`. */
export const watchStrictly = (work: PendingWork): () => void => {
  const stopWork = watchWork(work)
  const { promiseHooks, storage } = sight()
  if (promiseHooks === undefined || storage === undefined) return stopWork
  strict.add(work)
  const traces = new WeakMap<object, Trace>()
  const stopPromises = promiseHooks.createHook({
    init: (promise, parent) => {
      if (!belongs(storage.getStore(), work)) return
      traces.set(promise, new StackTrace(parent && traces.get(parent)))
      work.expectTurn()
    },
    before: (promise) => {
      const begun = traces.get(promise)
      work.waking = begun && { what: "a promise", begun }
    },
    after: () => {
      work.waking = undefined
    }
  })
  return () => {
    strict.delete(work)
    stopPromises()
    stopWork()
  }
}
const strict = new Set<PendingWork>()

const belongs = (store: PendingWork | undefined, work: PendingWork): boolean => {
  for (let one = store; one !== undefined; one = one.around) if (one === work) return true
  return false
}

/** What has begun and is told of when it ends, by the number of its resource. */
const running = new Map<number, Running>()
const ports = new Map<number, ReadonlyArray<PendingWork>>()

interface Running {
  readonly piece: Piece
  readonly works: ReadonlyArray<PendingWork>
}

const begin = (id: number, piece: Piece, works: ReadonlyArray<PendingWork>): void => {
  running.set(id, { piece, works })
  for (const work of works) work.begin(piece)
}

/** Begins what tells its end. */
const beginUntilEnd = (id: number, what: string): void =>
  begin(id, { what, begun: new StackTrace(), wait: "end", races: true, isOver: never }, ofProcess())

const end = (id: number): void => {
  const one = running.get(id)
  if (one === undefined) return
  running.delete(id)
  for (const work of one.works) work.end(one.piece)
}

const init = (id: number, type: string, _trigger: number, resource: Resource): void => {
  // By far the most frequent: the fibers of Effect themselves.
  if (type === "effect/Fiber" || isUnseen) return
  switch (type) {
    case "Microtask":
      return strict.size === 0 ? undefined : beginCancellable(id, "queueMicrotask", "turns", resource)
    case "Immediate":
      return beginCancellable(id, "setImmediate", "turns", resource)
    case "Timeout": {
      const { _idleTimeout: millis, _repeat: repeats } = resource
      if (repeats !== null) return beginCancellable(id, `setInterval of ${millis} ms`, "none", resource)
      // `setTimeout` takes no delay for one millisecond.
      return beginCancellable(id, `setTimeout of ${millis} ms`, millis <= 1 ? "turns" : "none", resource)
    }
    case "MESSAGEPORT": {
      const works = ofProgram()
      if (works.length > 0) ports.set(id, works)
      return
    }
    case "ZLIB":
      return watchZlib(id, resource)
    default:
      if (requests.has(type)) beginUntilEnd(id, type)
      else if (isJob(type)) watchJob(id, type, resource)
  }
}

const beginCancellable = (id: number, what: string, wait: Piece["wait"], resource: Resource): void => {
  const works = ofProgram()
  if (works.length === 0) return
  // Timers come when the machine likes, and all else in its order.
  const races = what.startsWith("setTimeout")
  begin(id, { what, begun: new StackTrace(), wait, races, isOver: () => resource._destroyed }, works)
}

const before = (id: number): void => {
  if (running.size > 0) {
    const one = running.get(id)
    if (one !== undefined) {
      wake(one.works, one.piece)
      end(id)
    }
  }
  // A message is told of when it comes, and an answer to it may come in the next turn.
  if (ports.size > 0) { for (const work of ports.get(id) ?? []) work.expectTurn() }
}

const after = (): void => {
  if (strict.size > 0) { for (const work of strict) work.waking = undefined }
}

const wake = (works: ReadonlyArray<PendingWork>, piece: Piece): void => {
  // What Effect has begun by itself is the turn of another scheduler.
  if (strict.size === 0 || piece.begun.place === undefined) return
  for (const work of strict) if (works.some((one) => belongs(one, work))) work.waking = piece
}

// A compressor lives as long as its stream: what it does is seen only where it is called.
const watchZlib = (id: number, resource: Resource): void => {
  const { close, write } = resource
  resource.write = function(...args) {
    if (watched.size > 0) beginUntilEnd(id, "ZLIB")
    return write.apply(this, args)
  }
  resource.close = function(...args) {
    end(id)
    return close.apply(this, args)
  }
}

// A job of the cryptography: run at once, it answers with its result, and otherwise with a promise or nothing.
const watchJob = (id: number, type: string, resource: Resource): void => {
  const { run } = resource
  if (typeof run !== "function") return
  resource.run = function(...args) {
    const result = run.apply(this, args)
    if (watched.size > 0 && !Array.isArray(result)) beginUntilEnd(id, type)
    return result
  }
}

const never = (): boolean => false

const isJob = (type: string): boolean => type.endsWith("REQUEST") && !type.includes("HTTP") && !type.includes("_")

/** Work of the thread pool, which ends by itself. */
const requests = new Set([
  "FSREQCALLBACK",
  "FSREQPROMISE",
  "FILEHANDLECLOSEREQ",
  "GETADDRINFOREQWRAP",
  "GETNAMEINFOREQWRAP"
])

const ofProgram = (): ReadonlyArray<PendingWork> => {
  let work = sight().storage?.getStore()
  // What outlives a play belongs to the one around it.
  while (work !== undefined && !watched.has(work)) work = work.around
  return work === undefined ? [] : [work]
}

// Who has begun it is not always known, such as of a queue that was made before: then all wait for it.
const ofProcess = (): ReadonlyArray<PendingWork> => {
  const works = ofProgram()
  return works.length > 0 ? works : [...watched]
}

/** The fields of resources that are read. */
interface Resource {
  readonly _idleTimeout: number
  readonly _repeat: number | null
  readonly _destroyed: boolean
  run: (...args: Array<unknown>) => unknown
  write: (...args: Array<unknown>) => unknown
  close: (...args: Array<unknown>) => unknown
}

interface AsyncHooks {
  readonly AsyncLocalStorage: new() => Storage
  readonly createHook: (callbacks: {
    readonly init: typeof init
    readonly before: typeof before
    readonly after: typeof after
    /** Promises need no look: those of one turn settle in it. */
    readonly trackPromises: false
  }) => { readonly enable: () => void; readonly disable: () => void }
}

interface Storage {
  readonly getStore: () => PendingWork | undefined
  readonly run: <A>(store: PendingWork, f: () => A) => A
  readonly enterWith: (store: PendingWork) => void
}

interface V8 {
  readonly promiseHooks?: {
    readonly createHook: (callbacks: {
      readonly init: (promise: object, parent: object | undefined) => void
      readonly before: (promise: object) => void
      readonly after: () => void
    }) => () => void
  }
}

interface Sight {
  readonly hook?: ReturnType<AsyncHooks["createHook"]> | undefined
  readonly storage?: Storage | undefined
  readonly promiseHooks?: V8["promiseHooks"] | undefined
}

/** Made by the first program, so that a process without virtual time has none of it. */
const sight = (): Sight => {
  if (made !== undefined) return made
  const hooks = builtin<AsyncHooks>("node:async_hooks")
  return made = {
    hook: hooks?.createHook({ init, before, after, trackPromises: false }),
    storage: hooks && new hooks.AsyncLocalStorage(),
    promiseHooks: builtin<V8>("node:v8")?.promiseHooks
  }
}
let made: Sight | undefined

// An import would keep the library from loading where there is no Node.
const builtin = <A>(id: string): A | undefined => {
  try {
    return (globalThis as unknown as Host).process?.getBuiltinModule?.(id) as A | undefined
  } catch {
    return undefined
  }
}

interface Host {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}
