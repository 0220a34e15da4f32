/**
 * An alarm for waits that follow each other and hardly ever last. One timer does for many of them: when it rings too early
 * for the wait of the moment, it is set again, so that to begin and to end a wait is an assignment.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

export interface Alarm {
  /** Milliseconds of the clock's monotonic reading. */
  readonly now: () => number
  /** Begins a wait: `ring` is called at the moment given, unless the wait has ended. */
  readonly begin: (at: number, ring: () => void) => void
  /** Ends the wait; the timer goes on, for the next one. */
  readonly end: () => void
  /** Ends the timer, which would keep the process awake. The end of the scope does the same. */
  readonly stop: () => void
}

export const make = (context: Context.Context<Scope.Scope>): Alarm => {
  const clock = Context.get(context, Clock.Clock)
  const scope = Context.get(context, Scope.Scope)
  const fork = Effect.runForkWith(context)
  /** The wait of the moment. */
  let due = Infinity
  let ring: (() => void) | undefined
  let timer: Fiber.Fiber<void> | undefined
  let timerDue = Infinity

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const start = () => {
    timerDue = due
    // Whole milliseconds, since a timer that is cut off to them rings too early.
    timer = Fiber.runIn(fork(clock.sleep(Duration.millis(Math.ceil(due - now())))), scope)
    timer.addObserver((exit) => {
      if (exit._tag === "Success") rang()
    })
  }

  const stop = () => {
    timerDue = Infinity
    timer?.interruptUnsafe()
    timer = undefined
  }

  const rang = () => {
    timerDue = Infinity
    timer = undefined
    if (ring === undefined) return
    if (now() < due) start()
    else ring()
  }

  return {
    now,
    stop,
    begin: (at, onRing) => {
      due = at
      ring = onRing
      if (timerDue <= at) return
      stop()
      start()
    },
    end: () => {
      ring = undefined
    }
  }
}
