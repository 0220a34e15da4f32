/**
 * The clock of a real process. A timer counts whole milliseconds, so that it rings up to one of them too early for a reading
 * that has fractions, and mostly rings late. While the process is stopped nothing rings, and afterwards the timers come
 * before the answers that have come meanwhile.
 */
import { Clock, Duration, Effect } from "effect"

interface Event {
  readonly at: number
  readonly happen: () => void
}

const turnOfTheEventLoop = Effect.promise<void>(() => new Promise((resolve) => setImmediate(resolve)))
const turns = Effect.andThen(turnOfTheEventLoop, Effect.andThen(turnOfTheEventLoop, turnOfTheEventLoop))

export class LateClock implements Clock.Clock {
  private now: number
  private readonly timers: Array<Event> = []
  private readonly answers: Array<Event> = []
  private readonly lateness: () => number

  /** `lateness` says of each timer how late it rings, in milliseconds. */
  constructor(lateness: () => number, now = 0) {
    this.lateness = lateness
    this.now = now
  }

  get millis(): number {
    return this.now
  }

  currentTimeMillisUnsafe(): number {
    return Math.floor(this.now)
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.floor(this.now)) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    return this.event(this.timers, () => Math.floor(this.now) + Math.max(1, Math.trunc(millis)) + this.lateness())
  }

  /** Ends as the answer of a target does that comes so much later, whether the process runs then or not. */
  answerAfter(millis: number): Effect.Effect<void> {
    return this.event(this.answers, () => this.now + millis)
  }

  pass(millis: number): Effect.Effect<void> {
    const end = this.now + millis
    return Effect.gen({ self: this }, function*() {
      yield* turns
      for (let next = this.next; next <= end; next = this.next) {
        this.now = Math.max(this.now, next)
        this.happens(this.timers)
        this.happens(this.answers)
        yield* turns
      }
      this.now = Math.max(this.now, end)
    })
  }

  /** The process is stopped for that long. */
  stop(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.now += millis
      return this.pass(0)
    })
  }

  private event(events: Array<Event>, at: () => number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const event: Event = { at: at(), happen: () => resume(Effect.void) }
      events.push(event)
      return Effect.sync(() => {
        const index = events.indexOf(event)
        if (index >= 0) events.splice(index, 1)
      })
    })
  }

  private get next(): number {
    return Math.min(...this.timers.map(({ at }) => at), ...this.answers.map(({ at }) => at))
  }

  private happens(events: Array<Event>): void {
    for (const event of events.filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at)) {
      // One before it may have ended it.
      const index = events.indexOf(event)
      if (index < 0) continue
      events.splice(index, 1)
      event.happen()
    }
  }
}
