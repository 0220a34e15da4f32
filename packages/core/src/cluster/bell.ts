/** What one fiber waits for: a ring, or the end of a time. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { startTimerOf } from "../internal/runtime/timer.ts"

export class Bell {
  private isRung = false
  private wake: (() => void) | undefined

  /** Wakes the fiber that waits, or is about to, in this step. */
  readonly ring = (): void => {
    this.isRung = true
    this.wake?.()
  }

  /**
   * Waits for a ring, for at most so many milliseconds: for one that comes after this call, also before the fiber has begun to wait. It
   * may yield in between. A race of two fibers would cost several times as much.
   */
  rungWithin(millis: number): Effect.Effect<void> {
    this.isRung = false
    return Effect.withFiber((fiber) =>
      Effect.callback<void>((resume) => {
        if (this.isRung) return resume(Effect.void)
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
