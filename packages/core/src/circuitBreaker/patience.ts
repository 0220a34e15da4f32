/**
 * How much time a call must have had to count as a failure when its caller's deadline ends it. A short deadline says
 * nothing about the target. A target that answers nobody in its usual time has failed.
 */
import type * as Clock from "effect/Clock"
import { monotonicMillis } from "../internal/runtime/time.ts"

// Milliseconds, until the first answer.
const usualAtFirst = 1000
// Milliseconds. A call that had less never counts, however many there were.
const leastAtFirst = 100
const few = 8
// After the first few calls, one in so many is measured; the others read no clock. It is odd, so that of callers that take
// turns not always the same one is measured.
const oneIn = 31
const never = 2 ** 30

export class Patience {
  private readonly set: number | undefined
  private answers = 0
  private usual = 0
  /** How long callers have waited in all since the last answer; those who wait at the same time count once. */
  private waited = 0
  private waitedUntil = 0

  /** The option in milliseconds, if it is set; otherwise the time is learnt. */
  constructor(set: number | undefined) {
    this.set = set
  }

  /**
   * One in so many calls is measured: each of the first few, then one in many, with a deadline or without. Measuring only
   * calls with short deadlines would give the time of the quick answers alone.
   */
  get lessonEvery(): number {
    return this.isSet ? never : this.answers < few ? 1 : oneIn
  }

  get isSet(): boolean {
    return this.set !== undefined
  }

  /** Whether a call that began then had enough time when its caller's deadline ended it. All in milliseconds. */
  isEnough(given: number, began: number): boolean {
    if (this.set !== undefined) return given >= this.set
    const ended = began + given
    this.waited += Math.max(0, ended - Math.max(began, this.waitedUntil))
    this.waitedUntil = Math.max(ended, this.waitedUntil)
    const isNever = this.answers === 0
    // A high average, such as from slow first answers, must not excuse a target that answers nobody any more.
    return given >= (isNever ? usualAtFirst : this.usual) ||
      (given >= leastAtFirst && this.waited >= (isNever ? usualAtFirst : few * this.usual))
  }

  /** A call was answered. */
  answered(): void {
    this.waited = 0
  }

  /** Learns from a call that was answered; later calls weigh more. */
  learn(began: number, deadline: number, clock: Clock.Clock): void {
    const now = monotonicMillis(clock)
    // The call outlived its request's deadline, as a stream does: its length says nothing about answers.
    if (now >= deadline) return
    this.answers++
    this.usual += (Math.max(0, now - began) - this.usual) / Math.min(this.answers, few)
  }
}
