/**
 * The clocks of a stream: how long it may take until it says something, between two things it says, and in all.
 *
 * They count the time spent waiting for the provider. A reader who takes his time is no fault of the provider, and what
 * arrived in the meantime is there for him when he comes back.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { ChatError, Phase } from "../ChatError.ts"
import * as Alarm from "./reusableTimer.ts"

export interface Limits {
  readonly firstContent: Duration.Duration
  readonly idle: Duration.Duration
  readonly total: Duration.Duration
}

export interface Waits<R> {
  /** Waits for the effect as long as the clocks allow. */
  readonly within: <A, E>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ChatError>
  /** Takes note that something was said. */
  readonly said: () => void
  /** Takes note that everything was said, and only what is sent after an answer may be missing. */
  readonly finished: () => void
  /** Takes note that nothing is waited for any more. */
  readonly over: () => void
}

/** Makes the clocks of a stream that runs in the context given. */
export const make = <R>(
  context: Context.Context<R | Scope.Scope>,
  limits: Limits,
  expired: (phase: Phase, limit: Duration.Duration) => ChatError
): Waits<R> => {
  const alarm = Alarm.make(context)
  const fork = Effect.runForkWith(context)
  const idle = Duration.toMillis(limits.idle)
  let phase: "first-content" | "idle" = "first-content"
  let silence = Duration.toMillis(limits.firstContent)
  let total = Duration.toMillis(limits.total)

  const outOfTime = () =>
    Effect.fail(
      total <= silence
        ? expired("total", limits.total)
        : expired(phase, phase === "idle" ? limits.idle : limits.firstContent)
    )

  return {
    said: () => {
      phase = "idle"
      silence = idle
    },
    finished: () => {
      silence = Math.min(silence, afterEnd)
    },
    over: alarm.stop,
    within: (self) =>
      Effect.callback((resume) => {
        const left = Math.min(silence, total)
        if (left <= 0) return resume(outOfTime())
        // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
        const child = fork(self)
        const early = child.pollUnsafe()
        // What is there already costs no timer.
        if (early !== undefined) return resume(early)
        const began = alarm.now()
        let late = false
        alarm.begin(began + left, () => {
          late = true
          child.interruptUnsafe()
        })
        child.addObserver((exit) => {
          alarm.end()
          // Nothing is waited for after a failure.
          if (exit._tag === "Failure") alarm.stop()
          const waited = late ? left : Math.max(0, alarm.now() - began)
          silence -= waited
          total -= waited
          resume(late ? outOfTime() : exit)
        })
        return Fiber.interrupt(child)
      })
  }
}

/** The usage and `[DONE]` come at once or not at all. */
const afterEnd = 5000
