/** Time that moves only when all fibers rest, from one sleeping fiber to the next. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/testing/TestClock"
import { Heap, type Heaped } from "../../internal/data/heap.ts"
import { OptionsOf } from "../../internal/config/checks.ts"
import { Readings } from "./readings.ts"
import { RunQueue } from "./runQueue.ts"

export class VirtualTime implements TestClock.TestClock {
  readonly scheduler: RunQueue
  private readonly live: Clock.Clock
  private readonly readings: Readings
  private readonly sleepers = new Heap<Sleeper>((a, b) => a.at < b.at || (a.at === b.at && a.turn < b.turn))
  private readonly moves: Array<Move> = []
  private slept = 0
  private onStill: (() => boolean) | undefined

  constructor(options: {
    readonly start: number
    readonly live: Clock.Clock
    readonly parent: Scheduler.Scheduler
    readonly stepsATurn: number
  }) {
    const { live, parent, start, stepsATurn } = options
    this.live = live
    this.readings = new Readings(start)
    this.scheduler = new RunQueue({ parent, stepsATurn, atRest: () => this.goOn() })
  }

  currentTimeMillisUnsafe(): number {
    return this.readings.millis
  }

  currentTimeNanosUnsafe(): bigint {
    return this.readings.wallNanos
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.readings.monotonicNanos
  }

  readonly currentTimeMillis = Effect.sync(() => this.readings.millis)

  readonly currentTimeNanos = Effect.sync(() => this.readings.wallNanos)

  readonly monotonicTimeNanos = Effect.sync(() => this.readings.monotonicNanos)

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    return Effect.callback((resume) => {
      const now = this.readings.millis
      const at = now + millis
      if (at <= now) return resume(Effect.void)
      const sleeper = new Sleeper(at, this.slept++, resume)
      this.sleepers.place(sleeper)
      if (this.onStill !== undefined) this.scheduler.wake()
      return Effect.sync(() => this.sleepers.remove(sleeper))
    })
  }

  adjust(input: Duration.Input): Effect.Effect<void> {
    const duration = Duration.fromInputUnsafe(input)
    const millis = Duration.toMillis(duration)
    const nanos = Number.isFinite(millis) ? Duration.toNanosUnsafe(duration) : undefined
    return this.move((now) => now + millis, nanos)
  }

  setTime(timestamp: number): Effect.Effect<void> {
    if (Number.isNaN(timestamp)) new OptionsOf("VirtualClock.setTime").refuse("timestamp", "a number", timestamp)
    return this.move(() => timestamp)
  }

  withLive<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.provideService(effect, Clock.Clock, this.live)
  }

  /**
   * Lets time move by itself. `onStill` is called when no fiber runs or sleeps. It returns whether it has made
   * something happen.
   */
  start(onStill: () => boolean): void {
    this.onStill = onStill
  }

  stop(): void {
    this.onStill = undefined
  }

  private move(to: (now: number) => number, nanos?: bigint): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const move: Move = { to, nanos, resume, begun: undefined }
      this.moves.push(move)
      this.scheduler.wake()
      return Effect.sync(() => {
        // The move may have been done, if the interrupt comes before the fiber continues.
        const at = this.moves.indexOf(move)
        if (at >= 0) this.moves.splice(at, 1)
      })
    })
  }

  /** Called when all fibers rest. Makes the next thing happen; returns false when there is none. */
  private goOn(): boolean {
    const move = this.moves[0]
    if (move !== undefined) return this.wakeBy((move.begun ??= this.begin(move)).end) || this.arrive(move, move.begun)
    if (this.onStill === undefined) return false
    return this.wakeBy(Number.MAX_VALUE) || this.onStill()
  }

  private begin({ to }: Move): Begun {
    const { millis, monotonicNanos, wallNanos } = this.readings
    return { end: to(millis), monotonicNanos, wallNanos }
  }

  private wakeBy(end: number): boolean {
    const next = this.sleepers.peek()
    if (next === undefined || next.at > end) return false
    this.sleepers.remove(next)
    this.readings.moveTo(next.at)
    next.resume(Effect.void)
    return true
  }

  private arrive({ nanos, resume }: Move, begun: Begun): boolean {
    this.moves.shift()
    this.readings.moveTo(begun.end)
    if (nanos !== undefined && Number.isFinite(begun.end)) this.readings.correct(begun, nanos)
    resume(Effect.void)
    return true
  }
}

class Sleeper implements Heaped {
  spot = -1
  readonly at: number
  readonly turn: number
  readonly resume: (effect: Effect.Effect<void>) => void

  constructor(at: number, turn: number, resume: (effect: Effect.Effect<void>) => void) {
    this.at = at
    this.turn = turn
    this.resume = resume
  }
}

/** A call of `adjust` or `setTime`. */
interface Move {
  readonly to: (now: number) => number
  /** The argument of `adjust`, exact to the nanosecond. */
  readonly nanos: bigint | undefined
  readonly resume: (effect: Effect.Effect<void>) => void
  begun: Begun | undefined
}

/** The target of a move, and the readings when it started. */
interface Begun {
  readonly end: number
  readonly monotonicNanos: bigint
  readonly wallNanos: bigint
}
