/**
 * How much time a call must have been given to say something about the callee when its caller's deadline ends it. A
 * caller without patience is no sick callee; a callee that answers nobody in the time that it takes as a rule is one.
 */
import type * as Clock from "effect/Clock"
import { monotonicMillis } from "../internal/time.ts"

// Before anything has been answered.
const usualAtFirst = 1000
// Less than that is no time for anybody to answer in, however often it was given.
const leastAtFirst = 100
const few = 8

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

  /** Whether so few answers are known that each is to be learnt from. */
  get isNew(): boolean {
    return this.answers < few && this.set === undefined
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

  /** Learns how long an answer takes: from the first few, and then from one in eight, the later the more it counts. */
  learn(began: number, deadline: number, clock: Clock.Clock): void {
    if (this.set !== undefined) return
    const answers = this.answers + 1
    if (answers > few && answers % few !== 0) {
      this.answers = answers
      return
    }
    const now = monotonicMillis(clock)
    // The deadline was not this call's any more: it is work that its request has left behind, such as a stream.
    if (now >= deadline) return
    this.answers = answers
    this.usual += (Math.max(0, now - began) - this.usual) / Math.min(answers, few)
  }
}
