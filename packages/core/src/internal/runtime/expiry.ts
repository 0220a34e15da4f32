/**
 * A deadline in force, and the fibers to notify when it expires. It has one timer, which runs while any fiber waits for
 * it, whatever becomes of the fiber that set the deadline.
 *
 * The innermost fiber is notified first, so that a guard in between sees a time-out inside it and not an interruption
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
  /** Whether it limits one attempt or the whole call. */
  readonly limit: "attempt" | "total"
  /** Monotonic milliseconds; comparable only on the same clock. */
  readonly at: number
}

/** A registration for the expiry. `cancel` is idempotent. */
export interface Joined {
  readonly cancel: (fiber: Fiber.Fiber<any, any>) => void
}

/** The waiting fiber, and the fibers that it waits for if `expire` interrupts those. */
export interface Waiting {
  readonly fiber: Fiber.Fiber<any, any>
  readonly child: Fiber.Fiber<any, any> | undefined
  /** Where it waits for several: all of them, read when the deadline comes. */
  readonly children?: ReadonlyArray<Fiber.Fiber<any, any>> | undefined
  readonly expire: () => void
}

/** A limit that work can run under. */
export interface Limit {
  /** Whether it has come, for those who wait for it further in. */
  readonly hasCome: boolean
  /** Registers, before the work starts and before anything further inside registers. */
  readonly join: (waiting: Waiting) => Joined
  /** Starts the timer, once the work has not ended synchronously. */
  readonly arm: (fiber: Fiber.Fiber<any, any>) => void
}

export class Expiry implements Deadline, Limit {
  readonly limit: Deadline["limit"]
  readonly at: number
  readonly clock: Clock.Clock
  /** Milliseconds from its start to its end. */
  readonly millis: number
  /** Whether it has expired. */
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

  join(waiting: Waiting): Member {
    const member = new Member(this, waiting, this.last)
    if (this.last !== undefined) this.last.after = member
    this.last = member
    return member
  }

  /** Whether the fiber runs under it for another one, which waits for its end. */
  hasChild(fiber: Fiber.Fiber<any, any>): boolean {
    for (let member = this.last; member !== undefined; member = member.before) {
      if (member.waiting.child === fiber) return true
    }
    return false
  }

  arm(fiber: Fiber.Fiber<any, any>): void {
    this.timeout ??= startTimeout(fiber, this.clock, this.millis, this.at, () => this.fire(), this.turn)
  }

  leave(member: Member, fiber: Fiber.Fiber<any, any>): void {
    const { after, before } = member
    if (before !== undefined) before.after = after
    if (after !== undefined) after.before = before
    else this.last = before
    // A removed member may be held for long, such as by a call that waited once. Its links must not hold later members.
    member.before = member.after = undefined
    if (this.last !== undefined) return
    this.timeout?.cancel(fiber)
    this.timeout = undefined
  }

  // From the last registered to the first, because inner limits register later.
  private fire(): void {
    this.timeout = undefined
    this.hasCome = true
    const members: Array<Member> = []
    for (let member = this.last; member !== undefined; member = member.before) members.push(member)
    const unfinished = new Map<Fiber.Fiber<any, any>, Member>()
    for (const member of members) {
      if (!member.isIn || member.isTold) continue
      member.isTold = true
      // A child that waits under the same deadline ends with it. Interrupting it earlier would hide the time-out from
      // the guards in between.
      const { child, children } = member.waiting
      if (children !== undefined) { for (const one of children) member.awaits(unfinished.get(one)) }
      else if (child !== undefined) member.awaits(unfinished.get(child))
      if (member.awaited === 0) tell(member)
      if (member.isIn) unfinished.set(member.waiting.fiber, member)
    }
  }
}

class Member implements Joined {
  isIn = true
  isTold = false
  /** The member to notify when this one has left. */
  next: Member | undefined
  /** How many further in it is notified after. */
  awaited = 0
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
    if (next !== undefined && --next.awaited === 0 && next.isIn) tell(next)
  }

  comesBefore(due: number, clock: Clock.Clock): boolean {
    return this.expiry.clock === clock && this.expiry.at < due
  }

  awaits(inside: Member | undefined): void {
    if (!inside?.isIn) return
    inside.next = this
    this.awaited++
  }
}

// An interrupted fiber runs at once and may throw. The others must be notified all the same.
const tell = ({ waiting }: Member): void => callBack(() => waiting.expire())
