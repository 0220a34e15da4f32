/**
 * The time-outs of a stream: until its first content, between two chunks with content, and in all.
 *
 * Only time spent waiting for the provider counts. A slow reader trips no time-out: what arrived in the meantime is
 * there when it reads on.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChatError, Phase } from "../ChatError.ts"
import * as ReusableTimer from "./reusableTimer.ts"
import type { Waits } from "./transport.ts"
import { quietOf } from "./wholeBody.ts"

export interface Limits {
  readonly firstContent: Duration.Duration
  readonly idle: Duration.Duration
  readonly total: Duration.Duration
}

export interface StreamTimeouts extends Waits {
  /** A chunk with content came: from now on the idle time-out counts, from its beginning. */
  readonly contentReceived: () => void
  /**
   * Every choice is finished: only the usage and `[DONE]` may be missing, and they get 5 seconds. Or the body is whole
   * without events: its end gets a second.
   */
  readonly answerFinished: (of: "choices" | "body") => void
}

/** Makes the time-outs of a stream. Its timer ends with the scope. */
export const make = Effect.fnUntraced(function*(
  limits: Limits,
  expired: (phase: Phase, limit: Duration.Duration) => ChatError
): Effect.fn.Return<StreamTimeouts, never, Scope.Scope> {
  const timer = yield* ReusableTimer.make
  const idle = Duration.toMillis(limits.idle)
  let phase: "first-content" | "idle" = "first-content"
  let untilContent = Duration.toMillis(limits.firstContent)
  let total = Duration.toMillis(limits.total)
  let began = 0
  const quiet = quietOf(Math.min(untilContent, total))

  const outOfTime = () =>
    total <= untilContent
      ? expired("total", limits.total)
      : expired(phase, phase === "idle" ? limits.idle : limits.firstContent)

  const count = (waited: number) => {
    untilContent -= waited
    total -= waited
  }

  /** Begins a wait at `began`. */
  const begin = (onLate: (error: ChatError) => void) => {
    const left = Math.min(untilContent, total)
    if (left <= 0) return outOfTime()
    timer.begin(began + left, () => {
      timer.end()
      count(left)
      onLate(outOfTime())
    })
    return undefined
  }

  return {
    contentReceived: () => {
      phase = "idle"
      untilContent = idle
    },
    answerFinished: (of) => {
      untilContent = Math.min(untilContent, of === "body" ? quiet : afterEnd)
    },
    stop: timer.stop,
    begin: (onLate) => {
      began = timer.now()
      return begin(onLate)
    },
    goOn: (onLate) => begin(onLate),
    end: () => {
      timer.end()
      const now = timer.now()
      count(Math.max(0, now - began))
      // A wait that goes on begins here: a clock that is read for each piece takes longer than the piece.
      began = now
    }
  }
})

/** The usage and `[DONE]` come at once or not at all. */
const afterEnd = 5000
