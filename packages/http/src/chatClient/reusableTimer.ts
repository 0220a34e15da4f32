/**
 * A timer for waits that follow each other and hardly ever last. One timer of the clock serves many of them: when it
 * fires too early for the current wait, it is started again. So to begin and to end a wait is an assignment.
 *
 * Core's lanes of time-outs do not serve here: they share a timer between many time-outs of one length, and each of
 * these waits has a length of its own.
 */
import { monotonicMillis, startTimeout } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface ReusableTimer {
  /** Milliseconds of the clock's monotonic reading. */
  readonly now: () => number
  /** Begins a wait: `onFire` is called at the time given, unless the wait has ended. */
  readonly begin: (at: number, onFire: () => void) => void
  /** Ends the wait; the timer goes on, for the next one. */
  readonly end: () => void
  /** Stops the timer, which would keep the process awake. The end of the scope does the same. */
  readonly stop: () => void
}

/** Makes a timer that stops for good when the scope ends. */
export const make: Effect.Effect<ReusableTimer, never, Scope.Scope> = Effect.withFiber((fiber) => {
  const clock = fiber.getRef(Clock.Clock)
  const now = () => monotonicMillis(clock)
  /** The current wait. */
  let due = Infinity
  let onFire: (() => void) | undefined
  let timeout: ReturnType<typeof startTimeout> | undefined
  let timerDue = Infinity
  let isClosed = false

  const start = () => {
    timerDue = due
    // Whole milliseconds, since a timer that is cut off to them fires too early.
    timeout = startTimeout(fiber, clock, Math.ceil(due - now()), due, fired)
  }

  const stop = () => {
    timerDue = Infinity
    timeout?.cancel(fiber)
    timeout = undefined
  }

  const fired = () => {
    timerDue = Infinity
    timeout = undefined
    if (onFire === undefined) return
    if (now() < due) start()
    else onFire()
  }

  const timer: ReusableTimer = {
    now,
    stop,
    begin: (at, fire) => {
      due = at
      onFire = fire
      if (timerDue <= at || isClosed) return
      stop()
      start()
    },
    end: () => {
      onFire = undefined
    }
  }
  const close = Effect.sync(() => {
    isClosed = true
    stop()
  })
  return Effect.as(Effect.addFinalizer(() => close), timer)
})
