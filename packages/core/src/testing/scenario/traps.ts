/**
 * Finds what a run takes from outside of its seed and its clock: random numbers, times and timers of the platform. What
 * is called is told apart by its asynchronous context, which fibers, promises and timers pass on.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * What can be trapped in a run. `"Clock"` is the live clock of Effect.
 *
 * @since 0.1.0
 * @category options
 */
export type Trap = "Math.random" | "Date.now" | "setTimeout" | "Clock"

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
export class Traps {
  /** The places of the calls, each with what was called there. */
  readonly places = new Map<string, Trap>()
  readonly set: ReadonlySet<Trap>

  constructor(set: ReadonlyArray<Trap>) {
    this.set = new Set(set)
  }

  caught(what: Trap, stack: string | undefined): void {
    if (!this.set.has(what)) return
    const place = placeIn(stack)
    if (place !== undefined) this.places.set(`${what} at ${place}`, what)
  }
}

// The frames of the kit itself, of Effect and of the platform say nothing about the program.
const notOurs =
  /[/\\](testing[/\\](scenario|virtualClock|load|chaos)[/\\]|node_modules[/\\]effect[/\\]|core[/\\](src|dist)[/\\](internal|testing))|node:/

/** The first frame that is the program's; undefined if the kit called for itself. */
const placeIn = (stack = ""): string | undefined => {
  const frames = stack.split("\n").slice(1).map((frame) => frame.trim().replace(/^at /, ""))
  const own = frames.find((frame) => !notOurs.test(frame))
  if (own !== undefined) return own
  return frames.some((frame) => /virtualClock|stuck/.test(frame)) ? undefined : "a place that only Effect is in"
}

let using = 0
let restore = (): void => {}

/** Replaces the functions until the last run with traps has ended. */
const install = (): void => {
  if (using++ > 0) return
  const undo: Array<() => void> = []
  const patch = <K extends string>(owner: { [P in K]: (...args: any) => any }, name: K, what: Trap): void => {
    const original = owner[name]
    const replaced = function(this: unknown, ...args: ReadonlyArray<unknown>) {
      const traps = storage!.getStore()
      if (traps === undefined) return original.apply(this, args as never)
      traps.caught(what, new Error().stack)
      // What it calls itself, such as the live clock the date, is the same call.
      return storage!.run(what === "Clock" ? undefined : traps, () => original.apply(this, args as never))
    }
    const isOwn = Object.hasOwn(owner, name)
    owner[name] = Object.assign(replaced, original)
    undo.push(() => {
      if (isOwn) owner[name] = original
      else delete (owner as Partial<typeof owner>)[name]
    })
  }
  patch(Math, "random", "Math.random")
  patch(Date, "now", "Date.now")
  patch(globalThis as never, "setTimeout", "setTimeout")
  const live = liveClock as unknown as Record<"currentTimeMillisUnsafe" | "sleep", (...args: any) => any>
  patch(live, "currentTimeMillisUnsafe", "Clock")
  patch(live, "sleep", "Clock")
  restore = () => undo.forEach((back) => back())
}

const liveClock = Context.get(Context.empty(), Clock.Clock)

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
      return Effect.die(new Error("Scenario.run: the option trap needs AsyncLocalStorage of Node"))
    const traps = new Traps(set)
    return Effect.acquireUseRelease(
      Effect.sync(install),
      () => Effect.map(inside(traps, effect), (result) => [result, [...traps.places.keys()]] as const),
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
