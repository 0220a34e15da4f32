/**
 * A timer for waits that follow each other and hardly ever last. One sleep of the clock serves many of them: when it ends
 * too early for the current wait, it begins again. So to begin and to end a wait is an assignment.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

export interface ReusableTimer {
  /** Milliseconds of the clock's monotonic reading. */
  readonly now: () => number
  /** Begins a wait: `onFire` is called at the time given, unless the wait has ended. */
  readonly begin: (at: number, onFire: () => void) => void
  /** Ends the wait; the timer goes on, for the next one. */
  readonly end: () => void
  /** Ends the timer, which would keep the process awake. The end of the scope does the same. */
  readonly stop: () => void
}

export const make = (context: Context.Context<Scope.Scope>): ReusableTimer => {
  const clock = Context.get(context, Clock.Clock)
  const scope = Context.get(context, Scope.Scope)
  const fork = Effect.runForkWith(context)
  /** The current wait. */
  let due = Infinity
  let onFire: (() => void) | undefined
  let timer: Fiber.Fiber<void> | undefined
  let timerDue = Infinity

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const start = () => {
    timerDue = due
    // Whole milliseconds, since a sleep that is cut off to them ends too early.
    timer = Fiber.runIn(fork(clock.sleep(Duration.millis(Math.ceil(due - now())))), scope)
    timer.addObserver((exit) => {
      if (exit._tag === "Success") slept()
    })
  }

  const stop = () => {
    timerDue = Infinity
    timer?.interruptUnsafe()
    timer = undefined
  }

  const slept = () => {
    timerDue = Infinity
    timer = undefined
    if (onFire === undefined) return
    if (now() < due) start()
    else onFire()
  }

  return {
    now,
    stop,
    begin: (at, fire) => {
      due = at
      onFire = fire
      if (timerDue <= at) return
      stop()
      start()
    },
    end: () => {
      onFire = undefined
    }
  }
}
