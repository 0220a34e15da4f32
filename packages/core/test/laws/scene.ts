/** What happened in one run of a program, in order, and which laws were broken. */
import type { CircuitBreaker } from "@switchgear/core"
import { Cause, Effect, Exit, Fiber, Scope, Semaphore } from "effect"
import type { BlockedClock } from "./blockedClock.ts"
import type { Guards } from "./guards.ts"
import type { Cast } from "./program.ts"

/** A defect that the program itself contains. */
export class OwnDefect {}

/** One call through a chain of guards that stand directly around each other. */
export interface Call {
  readonly id: number
  /** The guards from outside in. */
  readonly names: ReadonlyArray<string>
  readonly askedAt: number
  readonly askedNumber: number
  begunNumber: number | undefined
  endedNumber: number | undefined
  result: Exit.Exit<unknown, unknown> | undefined
}

export class Scene {
  readonly cast: Cast
  readonly guards: Guards
  readonly clock: BlockedClock
  readonly broken: Array<string> = []
  readonly log: Array<string> = []
  readonly fibers: Array<{ readonly name: string; readonly fiber: Fiber.Fiber<unknown, unknown> }> = []
  /** Work that was begun directly inside of each guard. */
  readonly begun: Record<string, number> = {}
  /** Calls through each guard that were cut short before the first step of their work. */
  readonly cutShort: Record<string, number> = {}
  /** The state in which circuits were put by hand. */
  readonly commanded: Record<"breaker" | "familyA", CircuitBreaker.State | undefined> = {
    breaker: undefined,
    familyA: undefined
  }
  /** Calls through each guard that were told what their work came to. */
  readonly finished: Record<string, number> = {}
  /** Calls whose work has ended and whose caller has not been told. */
  readonly untold = new Set<Call>()
  /** A scope that lives as long as the app, around every root. */
  readonly appScope = Scope.makeUnsafe()
  /** The platform's own, which knows nothing of the guards. */
  readonly semaphore = Semaphore.makeUnsafe(1)
  /** For each key of the cache, the number of the last invalidation. */
  readonly invalidated: Record<string, number> = {}
  private readonly held: Array<() => void> = []
  /** Roots that were started, where they are counted. */
  roots = 0
  /** Whether a root is interrupted at a step of its own. */
  yieldsAnywhere = false
  private isReleased = false
  private calls = 0
  private number = 0

  constructor(cast: Cast, guards: Guards, clock: BlockedClock) {
    this.cast = cast
    this.guards = guards
    this.clock = clock
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** The number of the next thing that happens. */
  next(what: string): number {
    this.log.push(`${this.now} ${what}`)
    return ++this.number
  }

  breaks(law: string, how: string): void {
    this.broken.push(`${law}: ${how} (at ${this.now} ms)`)
  }

  call(names: ReadonlyArray<string>): Call {
    const id = ++this.calls
    return {
      id,
      names,
      askedAt: this.now,
      askedNumber: this.next(`call ${id} asks ${names.join()}`),
      begunNumber: undefined,
      endedNumber: undefined,
      result: undefined
    }
  }

  keep(name: string, fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.push({ name, fiber })
  }

  /** Hangs until everything that hangs is released. */
  readonly hang: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const release = () => resume(Effect.void)
    if (this.isReleased) release()
    else this.held.push(release)
  })

  release(): void {
    this.isReleased = true
    for (const release of this.held) release()
  }

  /** No exit has a defect that the program did not contain. */
  judge(who: string, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success") return
    for (const reason of exit.cause.reasons) {
      if (Cause.isDieReason(reason) && !isOwn(reason.defect)) {
        this.breaks("no defect", `${who} died of ${reason.defect}`)
      }
    }
  }
}

// A race of the platform, when one side dies, makes a defect of the other side's error.
const isOwn = (defect: unknown): boolean =>
  defect instanceof OwnDefect || (typeof defect === "object" && defect !== null && "_tag" in defect)

/** An exit in a word or two. */
export const told = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? "answered"
    : exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? `failed with ${(reason.error as { readonly _tag?: string })._tag ?? reason.error}`
        : Cause.isDieReason(reason)
        ? "died"
        : "was interrupted"
    ).join(" and ")
