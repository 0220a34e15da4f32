/** A clock of a process whose event loop can be blocked: time goes on meanwhile, and timers come late by as much. */
import { Clock, Effect } from "effect"

export class BlockedClock implements Clock.Clock {
  /** For how many milliseconds the event loop has been blocked in all. */
  blocked = 0
  private readonly clock: Clock.Clock

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  block(millis: number): void {
    this.blocked += millis
  }

  currentTimeMillisUnsafe(): number {
    return this.clock.currentTimeMillisUnsafe() + this.blocked
  }

  currentTimeNanosUnsafe(): bigint {
    return this.clock.currentTimeNanosUnsafe() + BigInt(this.blocked) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.clock.monotonicTimeNanosUnsafe() + BigInt(this.blocked) * 1_000_000n
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Parameters<Clock.Clock["sleep"]>[0]): Effect.Effect<void> {
    return this.clock.sleep(duration)
  }
}
