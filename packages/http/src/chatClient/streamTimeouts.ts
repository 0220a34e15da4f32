/**
 * The time-outs of a stream: until its first content, between two chunks with content, and in all.
 *
 * Only time spent waiting for the provider counts. A slow reader trips no time-out: what arrived in the meantime is
 * there when it reads on.
 */
import { monotonicMillis, startTimeout } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ChatError, Phase } from "../ChatError.ts"
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
  /** This fiber waits from now on. The one that opened the stream may have ended, and is not kept. */
  readonly heldBy: (fiber: Fiber.Fiber<unknown, unknown>) => void
}

/** Makes the time-outs of a stream. Its timer ends with the scope. */
export const make = (
  limits: Limits,
  expired: (phase: Phase, limit: Duration.Duration) => ChatError
): Effect.Effect<StreamTimeouts, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.withFiber((fiber) => {
      const timeouts = new Timeouts(limits, expired, fiber)
      return Effect.as(Scope.addFinalizerExit(scope, closing(timeouts)), timeouts)
    }))

// A function of its own: the scope of the stream keeps it, and nothing else.
const closing = (timeouts: Timeouts) => (): Effect.Effect<void> => {
  timeouts.close()
  return Effect.void
}

/**
 * The waits follow each other and hardly ever last. One timer serves many of them: when it fires too early for the current
 * wait, it is started again. So to begin and to end a wait is an assignment. All is in one object, since it is looked at for
 * each piece of a stream, and between two of them come those of all others.
 */
class Timeouts implements StreamTimeouts {
  private phase: "first-content" | "idle" = "first-content"
  private untilContent: number
  private total: number
  /** When the current wait began, how long it may last, until when, and who is told. */
  private began = 0
  private left = 0
  private due = Infinity
  private onLate: ((error: ChatError) => void) | undefined
  private timerDue = Infinity
  private timer: ReturnType<typeof startTimeout> | undefined
  private isClosed = false
  private readonly idle: number
  private readonly quiet: number
  private readonly clock: Clock.Clock
  private readonly limits: Limits
  private readonly expired: (phase: Phase, limit: Duration.Duration) => ChatError
  private fiber: Fiber.Fiber<unknown, unknown>

  constructor(
    limits: Limits,
    expired: (phase: Phase, limit: Duration.Duration) => ChatError,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    this.limits = limits
    this.expired = expired
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    this.idle = Duration.toMillis(limits.idle)
    this.untilContent = Duration.toMillis(limits.firstContent)
    this.total = Duration.toMillis(limits.total)
    this.quiet = quietOf(Math.min(this.untilContent, this.total))
  }

  contentReceived(): void {
    this.phase = "idle"
    this.untilContent = this.idle
  }

  answerFinished(of: "choices" | "body"): void {
    this.untilContent = Math.min(this.untilContent, of === "body" ? this.quiet : afterEnd)
  }

  heldBy(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fiber = fiber
  }

  begin(onLate: (error: ChatError) => void): ChatError | undefined {
    this.began = monotonicMillis(this.clock)
    return this.goOn(onLate)
  }

  goOn(onLate: (error: ChatError) => void): ChatError | undefined {
    this.left = Math.min(this.untilContent, this.total)
    if (this.left <= 0) return this.outOfTime()
    this.due = this.began + this.left
    this.onLate = onLate
    if (this.timerDue > this.due && !this.isClosed) {
      this.stop()
      this.start()
    }
    return undefined
  }

  end(): void {
    this.onLate = undefined
    const now = monotonicMillis(this.clock)
    this.count(Math.max(0, now - this.began))
    // A wait that goes on begins here: a clock that is read for each piece takes longer than the piece.
    this.began = now
  }

  stop(): void {
    this.timerDue = Infinity
    this.timer?.cancel(this.fiber)
    this.timer = undefined
  }

  /** Stops for good. */
  close(): void {
    this.isClosed = true
    this.stop()
  }

  private start(): void {
    this.timerDue = this.due
    // Whole milliseconds, since a timer that is cut off to them fires too early.
    const millis = Math.ceil(this.due - monotonicMillis(this.clock))
    this.timer = startTimeout(this.fiber, this.clock, millis, this.due, () => this.fired())
  }

  private fired(): void {
    this.timerDue = Infinity
    this.timer = undefined
    const { onLate } = this
    if (onLate === undefined) return
    if (monotonicMillis(this.clock) < this.due) return this.start()
    this.onLate = undefined
    this.count(this.left)
    onLate(this.outOfTime())
  }

  private count(waited: number): void {
    this.untilContent -= waited
    this.total -= waited
  }

  private outOfTime(): ChatError {
    const { expired, limits, phase } = this
    return this.total <= this.untilContent
      ? expired("total", limits.total)
      : expired(phase, phase === "idle" ? limits.idle : limits.firstContent)
  }
}

/** The usage and `[DONE]` come at once or not at all. */
const afterEnd = 5000
