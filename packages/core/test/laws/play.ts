/** Plays a program in virtual time, and answers which laws it broke. */
import { Registry } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Effect, Scope } from "effect"
import { BlockedClock } from "./blockedClock.ts"
import { changeByHand, commanded, makeGuards } from "./guards.ts"
import { interpret } from "./interpret.ts"
import { atTheEnd, meanwhile, noCircuitOpened } from "./laws.ts"
import type { ByHand, Program, Step, Tree } from "./program.ts"
import { Scene } from "./scene.ts"
import type { Strike } from "./strike.ts"

export interface Played {
  readonly broken: ReadonlyArray<string>
  readonly log: ReadonlyArray<string>
}

export interface PlayOptions {
  /** Strikes the second root. */
  readonly strike?: Strike | undefined
  /** All work is that of a healthy provider: no circuit may open. */
  readonly isHealthy?: boolean | undefined
  /** The order of fibers that are ready at once. */
  readonly order?: VirtualClock.Options["order"]
}

export const play = (
  { cast, steps }: Program,
  { isHealthy, order, strike }: PlayOptions = {}
): Effect.Effect<Played> => {
  const playing = (clock: BlockedClock, broken: Array<string>) =>
    Effect.gen(function*() {
      const registry = yield* Registry.make()
      const heard = { before: 0, after: 0 }
      registry.observe({ happened: () => heard.before++ })
      registry.observe({ happened: throws })
      registry.observe({ happened: () => heard.after++ })
      const guards = yield* Effect.provideService(makeGuards, Registry.CurrentRegistry, registry)
      const scene = new Scene(cast, guards, clock)
      scene.yieldsAnywhere = strike !== undefined || typeof order === "object"
      for (const step of steps) {
        yield* perform(scene, step, strike)
        yield* meanwhile(scene)
      }
      if (isHealthy) yield* noCircuitOpened(scene)
      yield* atTheEnd(scene)
      if (heard.before !== heard.after)
        scene.breaks("all observers are told", `${heard.before} and ${heard.after} times`)
      broken.push(...scene.broken)
      return scene.log
    }).pipe(Effect.scoped)

  return watched((broken) =>
    VirtualClock.play(
      Effect.flatMap(Clock.Clock, (time) => {
        const clock = new BlockedClock(time)
        return Effect.provideService(playing(clock, broken), Clock.Clock, clock)
      }),
      { promises: "none", order }
    )
  )
}

const perform = (scene: Scene, step: Step, strike: Strike | undefined): Effect.Effect<unknown> => {
  scene.next(step._tag === "ByHand" ? step.change : step._tag)
  switch (step._tag) {
    case "Start":
      return Effect.repeat(root(scene, step.tree, strike), { times: step.times - 1 })
    case "Advance":
      return Effect.sleep(step.millis)
    case "Interrupt":
      return Effect.sync(() => {
        const running = scene.fibers.filter(({ fiber }) => fiber.pollUnsafe() === undefined)
        running[step.index % running.length]?.fiber.interruptUnsafe()
      })
    case "ByHand":
      return byHand(scene, step.change)
  }
}

const root = (scene: Scene, tree: Tree, strike: Strike | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    const work = Effect.provideService(interpret(scene, tree), Scope.Scope, scene.appScope)
    const struck = strike !== undefined && ++scene.roots === 2 ? strike.at(work) : work
    return Effect.map(Effect.forkDetach(struck, { startImmediately: true }), (fiber) => {
      scene.keep("a root", fiber)
      fiber.addObserver((exit) => scene.judge("a root", exit))
    })
  })

const byHand = (scene: Scene, change: ByHand): Effect.Effect<unknown> => {
  const { cache } = scene.guards
  switch (change) {
    case "cache.invalidate a":
      scene.invalidated.a = scene.next("a is invalid")
      return cache.invalidate("a")
    case "cache.clear":
      scene.invalidated.a = scene.invalidated.b = scene.next("a and b are invalid")
      return cache.clear
    case "cache.set a": {
      const readAt = scene.invalidated.a = scene.next("a is set")
      return cache.set("a", { readAt })
    }
    default: {
      const circuit = change.split(".")[0]
      if (circuit === "breaker" || circuit === "familyA") scene.commanded[circuit] = commanded(change)
      return changeByHand(scene.guards, change)
    }
  }
}

const thrownByObserver = "An observer throws."

// Whoever listens to the guards may throw: that must change no result, end no timer and keep nothing from the others.
const throws = ({ to }: Registry.Event) => {
  if (to === "Open") throw new Error(thrownByObserver)
}

/** What is thrown where nobody can catch it ends a process: here it ends the play, and is told. */
const watched = (
  playing: (broken: Array<string>) => Effect.Effect<ReadonlyArray<string>>
): Effect.Effect<Played> =>
  Effect.callback<Played>((resume) => {
    const broken: Array<string> = []
    const { error, log } = console
    const end = (log: ReadonlyArray<string>) => {
      process.off("uncaughtException", thrown)
      process.off("unhandledRejection", thrown)
      Object.assign(console, { error, log: logged })
      resume(Effect.succeed({ broken, log }))
    }
    const logged = log
    const thrown = (cause: unknown) => {
      broken.push(`nothing is thrown into a timer: ${cause}`)
      end([])
    }
    const listening = (...words: ReadonlyArray<unknown>) => {
      const text = words.map(String).join(" ")
      if (text.includes(thrownByObserver)) return
      if (text.includes("A callback threw")) broken.push(`nothing is thrown into a timer: ${text}`)
      else log(...words)
    }
    process.on("uncaughtException", thrown)
    process.on("unhandledRejection", thrown)
    Object.assign(console, { error: listening, log: listening })
    const fiber = Effect.runFork(playing(broken))
    fiber.addObserver((exit) => {
      if (exit._tag === "Success") return end(exit.value)
      broken.push(
        `the play itself ends: ${exit.cause.reasons.map((reason) => String((reason as any).defect ?? reason._tag))}`
      )
      end([])
    })
  })
