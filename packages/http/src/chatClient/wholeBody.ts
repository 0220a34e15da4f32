/**
 * When a body is an answer although it does not end: what came is whole by itself, and no more bytes came for a second.
 * Some servers never send the last chunk, or tell a length that they do not reach.
 */
import { monotonicMillis, startTimer } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as EventErrors from "../chatError/eventErrors.ts"
import { parseJson } from "../chatError/parseJson.ts"

/**
 * Milliseconds in which what more is to come has come: a second, and less where the time-out of the call is shorter than
 * four.
 */
export const quietOf = (timeout: number): number => Math.min(1000, timeout / 4)

/** Whether a text says itself that it is whole: JSON, or events up to `[DONE]`. */
export const isWhole = (text: string): boolean =>
  /^\s*[{[]/.test(text)
    ? /[}\]]\s*$/.test(text.slice(-longestEnd)) && Result.isSuccess(parseJson(text))
    : /(?:^|\n)data: ?\[DONE\]\s*$/.test(text.slice(-longestEnd)) && EventErrors.isEvents(text.trim())

/** Nobody ends a body with more white space than that. */
const longestEnd = 1024

/** Watches a body that comes in pieces, until it is stopped. */
export interface Watch {
  /** More bytes came. */
  readonly heard: () => void
  readonly stop: () => void
}

/** Calls `onWhole` once when no more bytes came for `quiet` milliseconds and the text up to then is whole. */
export const watch = (
  fiber: Fiber.Fiber<any, any>,
  quiet: number,
  text: () => string,
  onWhole: () => void
): Watch => {
  const clock = fiber.getRef(Clock.Clock)
  let heardAt = 0
  let stopTimer: (() => void) | undefined
  let isStopped = false

  const start = (millis: number) => {
    // Whole milliseconds, since a timer that is cut off to them fires too early.
    stopTimer = startTimer(clock, fiber.cache.scheduler, Math.ceil(millis), fired)
  }
  const fired = () => {
    stopTimer = undefined
    if (isStopped) return
    const left = heardAt + quiet - monotonicMillis(clock)
    if (left > 0) start(left)
    else if (isWhole(text())) onWhole()
  }

  return {
    heard: () => {
      heardAt = monotonicMillis(clock)
      if (stopTimer === undefined && !isStopped) start(quiet)
    },
    stop: () => {
      isStopped = true
      stopTimer?.()
    }
  }
}
