/**
 * How much time a call must have been given to say something about the callee when its caller's deadline ends it. A
 * caller without patience is no sick callee; a callee that answers nobody in the time that it takes as a rule is one.
 */
import type * as Clock from "effect/Clock"
import { monotonicMillis } from "../internal/runtime/time.ts"

// Before anything has been answered.
const usualAtFirst = 1000
// Less than that is no time for anybody to answer in, however often it was given.
const leastAtFirst = 100
const few = 8
// Of the calls after the first few, one in so many is learnt from: the others look at no clock. An odd number, so that of
// callers that take turns it is not always the same one.
const oneIn = 31
const never = 2 ** 30

export class Patience {
  private readonly set: number | undefined
  private answers = 0
  private usual = 0
  /** For how long callers have waited in all since the last answer; those who wait at the same time count once. */
  private waited = 0
  private waitedUntil = 0

  /** In milliseconds, where it is set; otherwise it is learnt. */
  constructor(set: number | undefined) {
    this.set = set
  }

  /**
   * One in so many calls is learnt from: each of the first few, and then one in many, with a deadline or without. Calls
   * under short deadlines alone would teach only how long the quick answers take.
   */
  get lessonEvery(): number {
    return this.isSet ? never : this.answers < few ? 1 : oneIn
  }

  get isSet(): boolean {
    return this.set !== undefined
  }

  /** Whether a call that began then had been given enough when its caller's deadline ended it. All in milliseconds. */
  isEnough(given: number, began: number): boolean {
    if (this.set !== undefined) return given >= this.set
    const ended = began + given
    this.waited += Math.max(0, ended - Math.max(began, this.waitedUntil))
    this.waitedUntil = Math.max(ended, this.waitedUntil)
    const isNever = this.answers === 0
    // What took long once, such as the first answers after a start, must not excuse a callee that answers nobody any more.
    return given >= (isNever ? usualAtFirst : this.usual) ||
      (given >= leastAtFirst && this.waited >= (isNever ? usualAtFirst : few * this.usual))
  }

  /** A call was answered. */
  answered(): void {
    this.waited = 0
  }

  /** Learns from a call that was answered, the later the more it counts. */
  learn(began: number, deadline: number, clock: Clock.Clock): void {
    const now = monotonicMillis(clock)
    // The deadline was not this call's any more: it is work that its request has left behind, such as a stream.
    if (now >= deadline) return
    this.answers++
    this.usual += (Math.max(0, now - began) - this.usual) / Math.min(this.answers, few)
  }
}
