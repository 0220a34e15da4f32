/** Time that moves only when all fibers rest, from one sleeping fiber to the next. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/testing/TestClock"
import { Heap, type Heaped } from "../../internal/data/heap.ts"
import { OptionsOf } from "../../internal/config/checks.ts"
import type { Line } from "./line.ts"
import { withPlace } from "./trace.ts"
import type { PendingWork } from "./pendingWork.ts"
import { nextReading, Readings } from "./readings.ts"
import { type Rest, RunQueue } from "./runQueue.ts"

export class VirtualTime implements TestClock.TestClock {
  readonly scheduler: RunQueue
  readonly work: PendingWork
  readonly live: Clock.Clock
  /** `VirtualClock.play` or `VirtualClock.layer`. */
  readonly where: string
  /** How often time has moved. */
  moved = 0
  /** Whether the effect for which it moved by itself has ended. */
  hasEnded = false
  /** Called when a fiber sleeps, and when a move begins. */
  onUse: () => void = () => {}
  /** Called when the program does what its options exclude. */
  onFault: (error: Error) => void = (error) => this.fail(error)
  private readonly readings: Readings
  private readonly sleepers = new Heap<Sleeper>((a, b) => a.at < b.at || (a.at === b.at && a.rank < b.rank))
  private readonly line: Line
  private readonly moves: Array<Move> = []
  private onStill: (() => boolean) | undefined
  private fault: Error | undefined
  private seenMove: Move | undefined

  constructor(options: {
    readonly start: number
    readonly live: Clock.Clock
    readonly parent: Scheduler.Scheduler
    readonly stepsATurn: number
    readonly work: PendingWork
    readonly where: string
    readonly line: Line
  }) {
    const { line, live, parent, start, stepsATurn, where, work } = options
    this.live = live
    this.where = where
    this.line = line
    this.work = work
    this.readings = new Readings(start)
    this.scheduler = new RunQueue({
      parent,
      stepsATurn,
      work,
      line,
      atRest: () => this.goOn(),
      onWoken: (by) => this.onFault(awaited(where, by))
    })
    work.onIdle = () => this.scheduler.wake()
    work.movedTo(start)
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
      let at = now + millis
      // A sleep too short to be seen in the reading takes its smallest step, so that a loop of such sleeps moves time.
      if (at === now && millis > 0) at = nextReading(now)
      if (at <= now) return resume(Effect.void)
      const sleeper = new Sleeper(at, this.line.rank(), resume, Fiber.getCurrent())
      this.sleepers.place(sleeper)
      this.onUse()
      if (this.onStill !== undefined) this.scheduler.wake()
      return Effect.sync(() => this.sleepers.remove(sleeper))
    })
  }

  /** Calls it at this time, after all that is due at it. */
  afterAllDue(call: () => void): void {
    this.sleepers.place(new Sleeper(this.readings.millis, last, call, undefined))
    if (this.onStill !== undefined) this.scheduler.wake()
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
    this.hasEnded = true
  }

  /** Whether time should move. */
  get isWanted(): boolean {
    return this.onStill !== undefined || this.moves.length > 0
  }

  /** Whether what time moves for has gone on since the last look: the effect at the root, or another call of `adjust`. */
  hasGoneOn(): boolean {
    const move = this.moves[0]
    const isSame = move !== undefined && move === this.seenMove
    this.seenMove = move
    return this.scheduler.hasRootRun() || (this.onStill === undefined && !isSame)
  }

  /** The fibers that sleep, with the times at which they wake, earliest first; at most so many. */
  sleeping(most: number): ReadonlyArray<Sleeping> {
    return this.sleepers.all.toSorted((a, b) => a.at - b.at || a.rank - b.rank).slice(0, most)
  }

  get sleepingCount(): number {
    return this.sleepers.size
  }

  /** Ends all moves, or the next one, with a defect. */
  fail(error: Error): void {
    if (this.moves.length > 0) this.giveUp(error)
    else this.fault = error
  }

  private move(to: (now: number) => number, nanos?: bigint): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const move: Move = { to, nanos, resume, begun: undefined }
      this.moves.push(move)
      this.onUse()
      this.scheduler.wake()
      return Effect.sync(() => {
        // The move may have been done, if the interrupt comes before the fiber continues.
        const at = this.moves.indexOf(move)
        if (at >= 0) this.moves.splice(at, 1)
      })
    })
  }

  /** Called when all fibers rest. Makes the next thing happen. */
  private goOn(): Rest {
    const move = this.moves[0]
    if (this.fault !== undefined && move !== undefined) return this.giveUp(this.fault)
    switch (this.work.next()) {
      case "turn":
        return "turn"
      case "work":
        return "wait"
      case "release":
        return this.scheduler.release() ? "more" : this.goOn()
    }
    if (move === undefined && this.onStill === undefined) return "wait"
    if (move !== undefined) {
      return this.wakeBy((move.begun ??= this.begin(move)).end) ? "more" : this.arrive(move, move.begun)
    }
    return this.wakeBy(Number.MAX_VALUE) || this.onStill?.() ? "more" : "wait"
  }

  private giveUp(error: Error): Rest {
    this.fault = undefined
    for (const { resume } of this.moves.splice(0)) resume(Effect.die(error))
    return "more"
  }

  private begin({ to }: Move): Begun {
    const { millis, monotonicNanos, wallNanos } = this.readings
    return { end: to(millis), monotonicNanos, wallNanos }
  }

  private wakeBy(end: number): boolean {
    const next = this.sleepers.peek()
    if (next === undefined || next.at > end) return false
    this.moved++
    this.moveTo(next.at)
    let due: Sleeper | undefined = next
    do {
      this.sleepers.remove(due)
      due.resume(Effect.void)
      due = this.sleepers.peek()
    } while (due?.at === next.at && due.rank !== last && this.line.wakesTogether())
    return true
  }

  private moveTo(millis: number): void {
    this.readings.moveTo(millis)
    this.work.movedTo(millis)
  }

  private arrive({ nanos, resume }: Move, begun: Begun): Rest {
    this.moves.shift()
    this.moved++
    this.moveTo(begun.end)
    if (nanos !== undefined && Number.isFinite(begun.end)) this.readings.correct(begun, nanos)
    resume(Effect.void)
    return "more"
  }
}

/** The rank of what comes after all else that is due at the same time. */
const last = Infinity

const awaited = (where: string, { begun, what }: NonNullable<PendingWork["waking"]>): Error =>
  new Error(
    `${where}: with promises "none", time does not wait for promises or callbacks, but the program waits for ` +
      `${withPlace(what, begun)}. Use promises "settle".`
  )

/** A fiber that sleeps, and the time at which it wakes. */
export interface Sleeping {
  readonly at: number
  readonly fiber: Fiber.Fiber<unknown, unknown> | undefined
}

class Sleeper implements Heaped, Sleeping {
  spot = -1
  readonly at: number
  readonly rank: number
  readonly resume: (effect: Effect.Effect<void>) => void
  readonly fiber: Fiber.Fiber<unknown, unknown> | undefined

  constructor(
    at: number,
    rank: number,
    resume: (effect: Effect.Effect<void>) => void,
    fiber: Fiber.Fiber<unknown, unknown> | undefined
  ) {
    this.at = at
    this.rank = rank
    this.resume = resume
    this.fiber = fiber
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
