/** The clock of a node: it follows the time of the world with an offset and at a rate of its own. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Heap, type Heaped } from "../../internal/data/heap.ts"
import type { Line } from "../virtualClock/line.ts"
import { nanosOf, nextReading } from "../virtualClock/readings.ts"

export class NodeClock implements Clock.Clock {
  /** Milliseconds of the world since its start. */
  private readonly worldTime: () => number
  /** Called when the time of the next sleeper has changed. */
  private readonly onNext: () => void
  private readonly line: Line
  private readonly sleepers = new Heap<Sleeper>((a, b) => a.at < b.at || (a.at === b.at && a.rank < b.rank))
  private wallAtStart: number
  private rate = 1
  // The clock showed `base` when the world showed `since`.
  private base = 0
  private since = 0
  // A calculated reading may be a rounding error below the time for which a sleeper was woken.
  private latest = 0
  private booted = 0

  constructor(options: {
    readonly worldTime: () => number
    readonly wallAtStart: number
    readonly onNext: () => void
    /** Says who wakes first of those that wake at the same time. */
    readonly line: Line
  }) {
    this.worldTime = options.worldTime
    this.wallAtStart = options.wallAtStart
    this.onNext = options.onNext
    this.line = options.line
  }

  currentTimeMillisUnsafe(): number {
    return this.wallAtStart + this.passed()
  }

  currentTimeNanosUnsafe(): bigint {
    return nanosOf(this.currentTimeMillisUnsafe())
  }

  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(Math.round((this.passed() - this.booted) * 1e6))
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())

  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())

  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    return Effect.callback((resume) => {
      const now = this.passed()
      // A sleep too short for the reading takes its smallest step, so that a loop of such sleeps moves time.
      const at = millis > 0 && now + millis === now ? nextReading(now) : now + millis
      if (at <= now) return resume(Effect.void)
      const sleeper: Sleeper = { spot: -1, at, rank: this.line.rank(), resume }
      this.sleepers.place(sleeper)
      if (this.sleepers.peek() === sleeper) this.onNext()
      return Effect.sync(() => {
        const isNext = this.sleepers.peek() === sleeper
        this.sleepers.remove(sleeper)
        if (isNext) this.onNext()
      })
    })
  }

  /** When the next sleeper is due, in time of the world; infinite if none is. */
  nextAt(): number {
    const next = this.sleepers.peek()
    return next === undefined ? Infinity : this.since + (next.at - this.base) / this.rate
  }

  /** Wakes the next sleeper, and perhaps others of its time. Called at the time that `nextAt` said, or later. */
  wakeNext(): void {
    const woken: Array<Sleeper> = []
    let next = this.sleepers.peek()!
    const { at } = next
    do {
      this.sleepers.remove(next)
      woken.push(next)
      next = this.sleepers.peek()!
    } while (next?.at === at && this.line.wakesTogether())
    this.latest = Math.max(this.passed(), at)
    this.onNext()
    for (const { resume } of woken) resume(Effect.void)
  }

  skew(offset: number, drift: number | undefined): void {
    this.wallAtStart += offset
    if (drift === undefined) return
    this.base = this.passed()
    this.since = this.worldTime()
    this.rate = 1 + drift
    this.onNext()
  }

  /** A new start of the node: no sleeper is left, and monotonic time starts at zero. */
  boot(): void {
    for (let next = this.sleepers.peek(); next !== undefined; next = this.sleepers.peek()) this.sleepers.remove(next)
    this.booted = this.passed()
    this.onNext()
  }

  private passed(): number {
    return Math.max(this.latest, this.base + (this.worldTime() - this.since) * this.rate)
  }
}

interface Sleeper extends Heaped {
  readonly at: number
  readonly rank: number
  readonly resume: (effect: Effect.Effect<void>) => void
}
