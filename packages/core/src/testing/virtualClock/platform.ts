/** Replaces the functions of the platform that give what is of no seed and of no virtual clock. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/**
 * What can be trapped in a run. `"Date.now"` also finds `new Date()`, `"performance.now"` also `process.hrtime` and
 * `process.uptime`, `"setTimeout"` also `setInterval`, and `"crypto"` the random numbers of the platform, such as
 * `randomUUID`. `"Clock"` is the live clock of Effect.
 *
 * @since 0.1.0
 * @category options
 */
export type Trap = "Math.random" | "Date.now" | "performance.now" | "setTimeout" | "crypto" | "Clock"

/** All that there are. */
export const traps: ReadonlyArray<Trap> = [
  "Math.random",
  "Date.now",
  "performance.now",
  "setTimeout",
  "crypto",
  "Clock"
]

/** Called in place of a function. `called` is what was called, and `original` does it. */
export type Instead = <A>(trap: Trap, called: string, original: () => A) => A

type AnyFunction = (this: unknown, ...args: ReadonlyArray<any>) => any

type Owner = Record<string, AnyFunction>

interface Host {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown; readonly hrtime?: unknown }
  readonly performance?: unknown
  readonly crypto?: unknown
}

const host = globalThis as Host

const builtin = (id: string): unknown => host.process?.getBuiltinModule?.(id)

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** What is replaced: the trap, the owner of the functions, how it is written in a program, and their names. */
const functions: ReadonlyArray<readonly [Trap, owner: unknown, written: string, names: ReadonlyArray<string>]> = [
  ["Math.random", Math, "Math.", ["random"]],
  ["Date.now", Date, "Date.", ["now"]],
  ["performance.now", host.performance, "performance.", ["now"]],
  // Before the function that has it, which is copied with all it has.
  ["performance.now", host.process?.hrtime, "process.hrtime.", ["bigint"]],
  ["performance.now", host.process, "process.", ["hrtime", "uptime"]],
  ["setTimeout", globalThis, "", ["setTimeout", "setInterval"]],
  ["crypto", host.crypto, "crypto.", ["randomUUID", "getRandomValues"]],
  ["crypto", builtin("node:crypto"), "", ["randomUUID", "randomBytes", "randomInt", "randomFillSync"]],
  ["Clock", liveClock, "Clock.", [
    "currentTimeMillisUnsafe",
    "currentTimeNanosUnsafe",
    "monotonicTimeNanosUnsafe",
    "sleep"
  ]]
]

/** Replaces them all. Returns how to put them back. */
export const replacePlatform = (instead: Instead): () => void => {
  const back = [
    ...functions.flatMap(([trap, owner, written, names]) =>
      typeof owner === "object" || typeof owner === "function"
        ? names.flatMap((name) => replaced(owner as Owner, name, trap, written, instead))
        : []
    ),
    replacedDate(instead)
  ]
  syncImports()
  return () => {
    for (const undo of back) undo()
    syncImports()
  }
}

const replaced = (
  owner: Owner,
  name: string,
  trap: Trap,
  written: string,
  instead: Instead
): ReadonlyArray<() => void> => {
  const original = owner[name]
  if (typeof original !== "function") return []
  const called = trap === "Clock" ? "Clock" : `${written}${name}`
  const isOwn = Object.hasOwn(owner, name)
  owner[name] = Object.assign(function(this: unknown, ...args: Array<unknown>) {
    return instead(trap, called, () => original.apply(this, args))
  }, original)
  return [() => {
    if (isOwn) owner[name] = original
    else delete owner[name]
  }]
}

/** `new Date()` and `Date()` read the time as `Date.now` does. */
const replacedDate = (instead: Instead): () => void => {
  const original = Date
  const date: DateConstructor = new Proxy(original, {
    construct: (target, args, newTarget) => {
      const make = () => Reflect.construct(target, args, newTarget === date ? target : newTarget) as Date
      return args.length === 0 ? instead("Date.now", "new Date()", make) : make()
    },
    apply: (target) => instead("Date.now", "Date()", () => target())
  })
  globalThis.Date = date
  original.prototype.constructor = date
  return () => {
    globalThis.Date = original
    original.prototype.constructor = original
  }
}

/** What a program has imported by name from a module of the platform follows the module only when told to. */
const syncImports = (): void =>
  (builtin("node:module") as { readonly syncBuiltinESMExports?: () => void } | undefined)?.syncBuiltinESMExports?.()
