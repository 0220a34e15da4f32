/**
 * A deadline in force, and who is told when it comes. It has one timer, which runs for as long as anybody wants to be
 * told: it does not matter who set the deadline and what became of them.
 *
 * The innermost is told first, so that a guard in between sees the time-out of what it guards and not an interruption
 * from outside.
 */
import type * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import { callBack } from "./callBack.ts"
import { nextTurn, startTimeout, type Timeout } from "./timerLane.ts"

/**
 * A point in time by which everything that runs under it must have ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadline {
  /** Whose limit it is: one attempt's, or the whole call's. */
  readonly limit: "attempt" | "total"
  /** Monotonic milliseconds; meaningful only against the same clock. */
  readonly at: number
}

/** Something that asked to be told, and how it leaves. Leaving twice is leaving once. */
export interface Joined {
  readonly cancel: (fiber: Fiber.Fiber<any, any>) => void
}

/** What joins: the fiber that waits, and the fiber that it waits for, if it is one that `expire` interrupts. */
export interface Waiting {
  readonly fiber: Fiber.Fiber<any, any>
  readonly child: Fiber.Fiber<any, any> | undefined
  readonly expire: () => void
}

/** A limit that work can be put under. */
export interface Limit {
  /** Takes a place, before the work begins and whatever is further in takes its own. */
  readonly join: (waiting: Waiting) => Joined
  /** Starts the timer, for work that has not ended at once. */
  readonly arm: (fiber: Fiber.Fiber<any, any>) => void
}

export class Expiry implements Deadline, Limit {
  readonly limit: Deadline["limit"]
  readonly at: number
  readonly clock: Clock.Clock
  /** Milliseconds from its beginning to its end. */
  readonly millis: number
  /** Whether it has ended whoever was under it then. */
  hasCome = false
  private readonly turn = nextTurn()
  private last: Member | undefined
  private timeout: Timeout | undefined

  constructor(limit: Deadline["limit"], at: number, clock: Clock.Clock, millis: number) {
    this.limit = limit
    this.at = at
    this.clock = clock
    this.millis = millis
  }

  join(waiting: Waiting): Joined {
    const member = new Member(this, waiting, this.last)
    if (this.last !== undefined) this.last.after = member
    this.last = member
    return member
  }

  arm(fiber: Fiber.Fiber<any, any>): void {
    this.timeout ??= startTimeout(fiber, this.clock, this.millis, this.at, () => this.fire(), this.turn)
  }

  leave(member: Member, fiber: Fiber.Fiber<any, any>): void {
    const { after, before } = member
    if (before !== undefined) before.after = after
    if (after !== undefined) after.before = before
    else this.last = before
    // Whoever still holds one that has left, such as a call that waited once, must not hold all who came after it.
    member.before = member.after = undefined
    if (this.last !== undefined) return
    this.timeout?.cancel(fiber)
    this.timeout = undefined
  }

  // From the one that joined last to the first: whoever is further in has joined later.
  private fire(): void {
    this.timeout = undefined
    this.hasCome = true
    const members: Array<Member> = []
    for (let member = this.last; member !== undefined; member = member.before) members.push(member)
    const unfinished = new Map<Fiber.Fiber<any, any>, Member>()
    for (const member of members) {
      if (!member.isIn || member.isTold) continue
      member.isTold = true
      // A child that rests in a limit of the same deadline ends with it. To interrupt it meanwhile would hide the
      // time-out from the guards in between; it would not end earlier.
      const inside = member.waiting.child && unfinished.get(member.waiting.child)
      if (inside?.isIn) inside.next = member
      else tell(member)
      if (member.isIn) unfinished.set(member.waiting.fiber, member)
    }
  }
}

class Member implements Joined {
  isIn = true
  isTold = false
  /** Who is told when this one has left. */
  next: Member | undefined
  after: Member | undefined
  before: Member | undefined
  readonly waiting: Waiting
  private readonly expiry: Expiry

  constructor(expiry: Expiry, waiting: Waiting, before: Member | undefined) {
    this.expiry = expiry
    this.waiting = waiting
    this.before = before
  }

  cancel(fiber: Fiber.Fiber<any, any>): void {
    if (!this.isIn) return
    this.isIn = false
    this.expiry.leave(this, fiber)
    const { next } = this
    if (next?.isIn) tell(next)
  }
}

// A fiber that is interrupted runs on at once, and may throw: the others are told all the same.
const tell = ({ waiting }: Member): void => callBack(() => waiting.expire())
