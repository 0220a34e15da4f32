/**
 * Finds what a run takes from outside of its seed and its clock: random numbers, times and timers of the platform. What
 * is called is told apart by its asynchronous context, which fibers, promises and timers pass on.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { StackTrace } from "./trace.ts"
import { replacePlatform, type Trap } from "./platform.ts"

interface Storage {
  readonly run: <A>(traps: Traps | undefined, body: () => A) => A
  readonly getStore: () => Traps | undefined
}

interface Platform {
  readonly process?: {
    readonly getBuiltinModule?: (name: "node:async_hooks") => { readonly AsyncLocalStorage: new() => Storage }
  }
}

const hooks = (globalThis as Platform).process?.getBuiltinModule?.("node:async_hooks")
const storage: Storage | undefined = hooks === undefined ? undefined : new hooks.AsyncLocalStorage()

/** What has been caught in one run. */
class Traps {
  /** What was called, and where, each once. */
  readonly places = new Set<string>()
  private readonly set: ReadonlySet<Trap>

  constructor(set: ReadonlyArray<Trap>) {
    this.set = new Set(set)
  }

  caught(trap: Trap, called: string): void {
    if (!this.set.has(trap)) return
    const place = placeIn(new StackTrace().lines)
    if (place !== undefined) this.places.add(`${called} at ${place}`)
  }
}

// The frames of the kit itself, of Effect and of the platform say nothing about the program.
const notOurs =
  /[/\\](testing[/\\](scenario|virtualClock|load|chaos)[/\\]|node_modules[/\\]effect[/\\]|core[/\\](src|dist)[/\\](internal|testing))|node:/

/** The first frame that is the program's; undefined if the kit called for itself. */
const placeIn = (lines: ReadonlyArray<string>): string | undefined => {
  const frames = lines.map((line) => line.trim().replace(/^at /, ""))
  const own = frames.find((frame) => !notOurs.test(frame))
  if (own !== undefined) return own
  return frames.some((frame) => /virtualClock|stuck/.test(frame)) ? undefined : "a place that only Effect is in"
}

let using = 0
let restore = (): void => {}

/** Replaces the functions until the last run with traps has ended. */
const install = (): void => {
  if (using++ > 0) return
  restore = replacePlatform((trap, called, original) => {
    const traps = storage!.getStore()
    if (traps === undefined) return original()
    traps.caught(trap, called)
    // What it calls itself, such as the live clock the date, is the same call.
    return storage!.run(trap === "Clock" ? undefined : traps, original)
  })
}

const uninstall = (): void => {
  if (--using === 0) restore()
}

/** Runs the effect with the traps, and returns what was caught: what was called, and where. */
export const trapping = <A, E, R>(
  set: ReadonlyArray<Trap>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, caught: ReadonlyArray<string>], E, R> =>
  Effect.suspend(() => {
    if (set.length === 0) return Effect.map(effect, (result) => [result, []] as const)
    if (storage === undefined)
      return Effect.die(new Error("The option trap needs AsyncLocalStorage of Node"))
    const traps = new Traps(set)
    return Effect.acquireUseRelease(
      Effect.sync(install),
      () => Effect.map(inside(traps, effect), (result) => [result, [...traps.places]] as const),
      () => Effect.sync(uninstall)
    )
  })

/** A fiber of its own, whose asynchronous context has the traps. */
const inside = <A, E, R>(traps: Traps, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((outer) =>
    Effect.callback<A, E>((resume) => {
      const fiber = storage!.run(traps, () => Effect.runForkWith(outer.context as Context.Context<R>)(effect))
      fiber.addObserver(resume)
      return Effect.callback<void>((done) => {
        fiber.interruptUnsafe(outer.id)
        fiber.addObserver(() => done(Effect.void))
      })
    })
  )
