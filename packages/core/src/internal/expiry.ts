/** A deadline on its way through the guards, and who is told when it comes. */
import type * as Fiber from "effect/Fiber"
import type { Timeout } from "./timerLane.ts"

/** A point in time by which what runs inside must have ended. */
export interface Deadline {
  /** Whose limit it is: one attempt's, or the whole call's. */
  readonly limit: "attempt" | "total"
  /** Monotonic milliseconds; meaningful only against the same clock. */
  readonly at: number
}

/** Something that asked to be told, and how it leaves. */
export interface Joined {
  readonly cancel: (fiber: Fiber.Fiber<any, any>) => void
}

// Tells the innermost work first and its own last, after everything inside has ended, so that a guard in between sees
// the time-out of what it guards and not an interruption from outside.
export class Expiry implements Deadline {
  readonly limit: Deadline["limit"]
  readonly at: number
  private inner: Set<() => void> | undefined
  private own: (() => void) | undefined

  constructor(limit: Deadline["limit"], at: number) {
    this.limit = limit
    this.at = at
  }

  /** Asks to be told, from further in. */
  join(expire: () => void, _fiber: Fiber.Fiber<any, any>): Joined {
    const inner = this.inner ??= new Set()
    inner.add(expire)
    return {
      cancel: (fiber) => {
        inner.delete(expire)
        if (inner.size === 0) this.left(fiber)
      }
    }
  }

  fire(own?: (() => void) | undefined): void {
    this.own = own
    const inner = this.inner
    if (inner !== undefined) { for (const expire of [...inner].reverse()) expire() }
    if (inner === undefined || inner.size === 0) own?.()
  }

  /** Everybody inside has left. */
  protected left(_fiber: Fiber.Fiber<any, any>): void {
    this.own?.()
  }
}

/**
 * The deadline of a pipeline, inside of which everything that takes time asks to be told: it interrupts nothing itself,
 * and has no timer while nobody asks.
 */
export class LazyExpiry extends Expiry {
  private readonly arm: (fiber: Fiber.Fiber<any, any>, onFire: () => void) => Timeout
  private timeout: Timeout | undefined

  constructor(at: number, arm: (fiber: Fiber.Fiber<any, any>, onFire: () => void) => Timeout) {
    super("total", at)
    this.arm = arm
  }

  override join(expire: () => void, fiber: Fiber.Fiber<any, any>): Joined {
    this.timeout ??= this.arm(fiber, () => this.fire())
    return super.join(expire, fiber)
  }

  protected override left(fiber: Fiber.Fiber<any, any>): void {
    this.timeout?.cancel(fiber)
    this.timeout = undefined
  }
}
