/** What one fiber waits for: a ring, or the end of a time. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { startTimerOf } from "../internal/runtime/timer.ts"

export class Bell {
  private wake: (() => void) | undefined

  /** Wakes the fiber that waits, in this step. Where none waits, nobody hears it. */
  readonly ring = (): void => this.wake?.()

  /** Waits for a ring, for at most so many milliseconds. A race of two fibers would cost several times as much. */
  rungWithin(millis: number): Effect.Effect<void> {
    return Effect.withFiber((fiber) =>
      Effect.callback<void>((resume) => {
        const wake = this.wake = () => {
          end()
          resume(Effect.void)
        }
        const stop = startTimerOf(fiber.getRef(Clock.Clock), fiber.cache.scheduler, millis, wake)
        const end = () => {
          this.wake = undefined
          stop()
        }
        return Effect.sync(end)
      })
    )
  }
}
