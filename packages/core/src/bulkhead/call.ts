/**
 * One call through a bulkhead. It owns its slot from the synchronous step that grants it. A waiting call continues in a
 * scheduler task of its own: the call that released the slot returns its result first.
 */
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { timeContextOf } from "../deadline/current.ts"
import { Admission, type AnyEffect, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { Wait } from "../internal/runtime/wait.ts"
import { mayWait } from "../internal/runtime/mayWait.ts"
import { priorityOf } from "../internal/runtime/currentPriority.ts"
import { CurrentKey } from "./currentCall.ts"
import type { Lane } from "./fairQueue.ts"
import type { Grantable, PermitPool } from "./permitPool.ts"

export class BulkheadCall extends Admission implements Grantable<BulkheadCall> {
  before: BulkheadCall | undefined
  after: BulkheadCall | undefined
  priority = 0
  arrival = 0
  lane!: Lane<BulkheadCall>
  protected readonly pool: PermitPool<BulkheadCall>
  protected readonly self: AnyEffect
  private readonly maxWait: number
  private state: "new" | "waiting" | "holds" | "refused" = "new"
  private wait: Wait | undefined

  constructor(pool: PermitPool<BulkheadCall>, self: AnyEffect, maxWait: number) {
    super()
    this.pool = pool
    this.self = self
    this.maxWait = maxWait
  }

  acquire(fiber: Fiber.Fiber<any, any>, given?: TimeContext | undefined): AnyEffect {
    const { pool } = this
    // Looked up in the step that uses it, because the queue drops a lane without slots and waiting calls.
    this.lane = pool.queue.lane(pool.share === undefined ? undefined : fiber.getRef(CurrentKey))
    if (pool.tryTake(this.lane)) {
      this.state = "holds"
      return this.goesOn(fiber, given)
    }
    if (!pool.hasPlace(this.lane)) return pool.reject("queue-full")
    if (this.maxWait === 0 || !mayWait(fiber)) return pool.reject("wait-timeout")
    const time = given ?? timeContextOf(fiber)
    if (time.deadline !== undefined && time.deadline.at <= time.now) return pool.reject("deadline")
    this.priority = priorityOf(fiber)
    pool.queue.push(this)
    this.state = "waiting"
    const wait = this.wait = new Wait(
      fiber,
      time,
      this.maxWait,
      (reason) => this.sendAway(() => pool.reject(reason))
    )
    return wait.effect
  }

  /** Grants the slot to this call, which is no longer in the queue. */
  grant(): void {
    this.state = "holds"
    this.wait!.end((fiber, isInTime) => {
      if (isInTime) return this.goesOn(fiber, undefined)
      this.state = "refused"
      this.pool.giveBack(this.lane)
      return this.pool.reject("deadline")
    })
  }

  override sendAway(rejection: () => Exit.Exit<never, any> | undefined): boolean {
    const exit = this.state === "waiting" ? rejection() : undefined
    if (exit === undefined) return false
    this.pool.queue.remove(this)
    this.state = "refused"
    this.wait!.end(() => exit)
    return true
  }

  release(exit: Exit.Exit<any, any>): void {
    const { state } = this
    this.state = "new"
    this.wait?.abandon()
    if (state === "waiting") this.pool.queue.remove(this)
    else if (state === "holds") this.ended(exit)
  }

  /** Goes on with a call that has a slot. The time is that of this step, where it is known. */
  protected goesOn(fiber: Fiber.Fiber<any, any>, _time: TimeContext | undefined): AnyEffect {
    return goOn(this, this.self, fiber)
  }

  /** A call that had gone on with its slot has ended. Must not throw. */
  protected ended(_exit: Exit.Exit<any, any>): void {
    this.pool.giveBack(this.lane)
  }
}
