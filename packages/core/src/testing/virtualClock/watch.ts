/** Watches, in real time, whether virtual time gets on, and tells what it waits for when it does not. */
import * as Console from "effect/Console"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import { unseen } from "./asyncHooks.ts"
import { describe } from "./describe.ts"
import type { Piece } from "./pendingWork.ts"
import { startReal, stopReal } from "./realTimers.ts"
import { withPlace } from "./trace.ts"
import type { VirtualTime } from "./virtualTime.ts"

// It is looked at this often in `stuckAfter`, and a warning is logged at the fourth look without a change.
const looks = 40
const looksUntilWarning = 4

export interface WatchOptions {
  readonly time: VirtualTime
  /** In milliseconds of real time. */
  readonly stuckAfter: number
  /** That of the program, for its loggers. */
  readonly context: Context.Context<never>
  /** The fibers at the root of the program, as far as they are known. */
  readonly roots: () => ReadonlyArray<Fiber.Fiber<unknown, unknown>>
  readonly giveUp: (error: Error) => void
}

export class Watch {
  private readonly options: WatchOptions
  /** Milliseconds. */
  private readonly tick: number
  private timer: unknown
  private moved = 0
  /** For how many looks time has stood still. */
  private still = 0
  /** For how many looks time has moved, and what it moves for has waited. */
  private waits = 0
  private isForgotten = false
  private readonly toldOf = new Set<string>()

  constructor(options: WatchOptions) {
    this.options = options
    options.time.work.onUntimely = (piece) => this.tellUntimely(piece)
    this.tick = options.stuckAfter / looks
  }

  /** Starts to watch, unless it does. It ends by itself when nobody sleeps and nobody wants time to move. */
  start(): void {
    if (this.timer !== undefined || this.isForgotten || this.options.stuckAfter === Infinity) return
    this.moved = this.options.time.moved
    this.still = 0
    this.waits = 0
    this.wait()
  }

  stop(): void {
    stopReal(this.timer)
    this.timer = undefined
  }

  private wait(): void {
    // Not a fiber: fibers have numbers, which programs log, and real time must not change them.
    this.timer = unseen(() => startReal(() => this.look(), this.tick))
  }

  private look(): void {
    const { giveUp, time } = this.options
    this.timer = undefined
    if (!time.isWanted && time.sleepingCount === 0) return
    this.still = time.moved === this.moved ? this.still + 1 : 0
    this.moved = time.moved
    const isToldFirst = this.still === looksUntilWarning
    if (isToldFirst) this.warn(this.message)
    this.waits = time.hasGoneOn() || this.still > 0 ? 0 : this.waits + 1
    if (this.waits === looks) this.warn(this.waitingMessage)
    // Nobody waits for time, so nothing can be given up.
    this.isForgotten = isToldFirst && !time.isWanted
    if (!this.isForgotten) this.wait()
    // What is interrupted may have finalizers that do not end either: then it is given up again.
    if (time.isWanted && this.still > 0 && this.still % looks === 0) giveUp(new Error(this.message))
  }

  private warn(message: string): void {
    // On the real console: a test has replaced the other one.
    Effect.runForkWith(this.options.context)(
      Effect.provideService(Effect.logWarning(message), Console.Console, Console.Console.defaultValue())
    )
  }

  private tellUntimely({ begun, millis, what }: Piece): void {
    const { place } = begun
    const isTimer = millis !== undefined && millis > 0
    // A timer of the platform itself is none of the program.
    if (this.options.stuckAfter === Infinity || (place === undefined && isTimer)) return
    if (this.toldOf.has(place ?? what)) return
    this.toldOf.add(place ?? what)
    const { time } = this.options
    const instead = isTimer ? "Sleep in virtual time instead, or put" : "Put"
    this.warn(
      `${time.where}: virtual time does not wait for ${
        withPlace(what, begun)
      }. It runs in real time, so that what comes of ` +
        `it depends on the machine. ${instead} the effect that waits for it in VirtualClock.hold.`
    )
  }

  private get waitingMessage(): string {
    const { roots, time } = this.options
    const what = roots().length > 0 ? "the effect" : "TestClock.adjust"
    return `${time.where}: ${what} has waited for ${
      formatDuration(Duration.millis(this.tick * looks))
    } of real time, ` +
      `while time has moved on to ${time.currentTimeMillisUnsafe()} ms.\n${
        describe(time, roots(), "It may wait for ever: what sleeps again and again lets time move without an end.")
      }`
  }

  private get message(): string {
    const { roots, time } = this.options
    const since = formatDuration(Duration.millis(this.tick * this.still))
    const what = time.isWanted ? "time stands still" : "a fiber sleeps, and nobody moves the clock,"
    return `${time.where}: ${what} for ${since} of real time, at ${time.currentTimeMillisUnsafe()} ms.\n${
      describe(time, roots())
    }`
  }
}
