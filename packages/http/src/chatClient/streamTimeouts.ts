/**
 * The time-outs of a stream: until its first content, between two chunks with content, and in all.
 *
 * Only time spent waiting for the provider counts. A slow reader trips no time-out: what arrived in the meantime is
 * there when it reads on.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { ChatError, Phase } from "../ChatError.ts"
import { quietOf } from "./wholeBody.ts"
import * as ReusableTimer from "./reusableTimer.ts"

export interface Limits {
  readonly firstContent: Duration.Duration
  readonly idle: Duration.Duration
  readonly total: Duration.Duration
}

export interface StreamTimeouts<R> {
  /** Waits for the effect until one of the time-outs ends it. */
  readonly within: <A, E>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ChatError>
  /** A chunk with content came: from now on the idle time-out counts, from its beginning. */
  readonly contentReceived: () => void
  /**
   * Every choice is finished: only the usage and `[DONE]` may be missing, and they get 5 seconds. Or the body is whole
   * without events: its end gets a second.
   */
  readonly answerFinished: (of: "choices" | "body") => void
  /** Nothing is waited for any more: ends the timer. */
  readonly stop: () => void
}

/** Makes the time-outs of a stream whose calls run in the context of the caller. Its timer ends with the scope. */
export const make = Effect.fnUntraced(function*(
  limits: Limits,
  expired: (phase: Phase, limit: Duration.Duration) => ChatError
): Effect.fn.Return<StreamTimeouts<Scope.Scope>, never, Scope.Scope> {
  const timer = yield* ReusableTimer.make
  const fork = Effect.runForkWith(yield* Effect.context<Scope.Scope>())
  const idle = Duration.toMillis(limits.idle)
  let phase: "first-content" | "idle" = "first-content"
  let untilContent = Duration.toMillis(limits.firstContent)
  let total = Duration.toMillis(limits.total)
  const quiet = quietOf(Math.min(untilContent, total))

  const outOfTime = () =>
    Effect.fail(
      total <= untilContent
        ? expired("total", limits.total)
        : expired(phase, phase === "idle" ? limits.idle : limits.firstContent)
    )

  return {
    contentReceived: () => {
      phase = "idle"
      untilContent = idle
    },
    answerFinished: (of) => {
      untilContent = Math.min(untilContent, of === "body" ? quiet : afterEnd)
    },
    stop: timer.stop,
    within: (self) =>
      Effect.callback((resume) => {
        const left = Math.min(untilContent, total)
        if (left <= 0) return resume(outOfTime())
        // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
        const child = fork(self)
        const early = child.pollUnsafe()
        // What is there already costs no timer.
        if (early !== undefined) return resume(early)
        const began = timer.now()
        let late = false
        timer.begin(began + left, () => {
          late = true
          child.interruptUnsafe()
        })
        child.addObserver((exit) => {
          timer.end()
          // Nothing is waited for after a failure.
          if (exit._tag === "Failure") timer.stop()
          const waited = late ? left : Math.max(0, timer.now() - began)
          untilContent -= waited
          total -= waited
          resume(late ? outOfTime() : exit)
        })
        return Fiber.interrupt(child)
      })
  }
})

/** The usage and `[DONE]` come at once or not at all. */
const afterEnd = 5000
