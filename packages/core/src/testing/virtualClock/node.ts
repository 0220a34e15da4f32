/** What is used of Node. Elsewhere there is none of it. */

/** The fields of asynchronous resources that are read. */
export interface Resource {
  readonly _idleTimeout: number
  readonly _repeat: number | null
  readonly _destroyed: boolean
  run: (...args: Array<unknown>) => unknown
  write: (...args: Array<unknown>) => unknown
  close: (...args: Array<unknown>) => unknown
  pull: (onPart: (...part: Array<unknown>) => unknown) => unknown
}

export interface Callbacks {
  readonly init: (id: number, type: string, trigger: number, resource: Resource) => void
  readonly before: (id: number) => void
  readonly after: () => void
  /** Promises need no look: those of one turn settle in it. */
  readonly trackPromises: false
}

export interface Hook {
  readonly enable: () => void
  readonly disable: () => void
}

export interface Storage<A> {
  readonly getStore: () => A | undefined
  readonly run: <B>(store: A, f: () => B) => B
  readonly enterWith: (store: A) => void
}

interface AsyncHooks {
  readonly AsyncLocalStorage: new() => Storage<any>
  readonly executionAsyncResource: () => object
  readonly createHook: (callbacks: Partial<Callbacks> & Pick<Callbacks, "trackPromises">) => Hook
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

interface Channels {
  readonly subscribe: (name: string, listener: (message: unknown) => void) => void
  readonly unsubscribe: (name: string, listener: (message: unknown) => void) => void
}

interface Host {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

// An import would keep the library from loading where there is no Node.
const builtin = <A>(id: string): A | undefined => {
  try {
    return (globalThis as unknown as Host).process?.getBuiltinModule?.(id) as A | undefined
  } catch {
    return undefined
  }
}

let hooks: AsyncHooks | undefined

export const asyncHooks = (): AsyncHooks | undefined => hooks ??= builtin<AsyncHooks>("node:async_hooks")

export const diagnosticsChannels = (): Channels | undefined => builtin<Channels>("node:diagnostics_channel")

/** The resource that calls back at the moment. */
export const currentResource = (): object | undefined => hooks?.executionAsyncResource()

export const promiseHooks = (): V8["promiseHooks"] => builtin<V8>("node:v8")?.promiseHooks
