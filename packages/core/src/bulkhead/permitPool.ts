/** The slots of a bulkhead and the queue for them. Invariant: while a slot is free, no call waits that may have it. */
import { EPSILON } from "../internal/data/isSufficient.ts"
import type * as Exit from "effect/Exit"
import type { CallSource } from "../internal/runtime/callListeners.ts"
import { type BulkheadFull, type Reason, refusal } from "./BulkheadFull.ts"
import { FairQueue, type Lane, type Waiter } from "./fairQueue.ts"

/** The options of a bulkhead, checked; times in milliseconds. */
export interface Rules {
  readonly name: string
  readonly concurrency: number
  readonly limit: number
  readonly maxWait: number
  readonly share: number | undefined
}

/** A call that waits for a slot. */
export interface Grantable<Call extends Waiter<Call>> extends Waiter<Call> {
  /** Gives the call a slot. It is no longer in the queue. */
  grant(): void
}

export class PermitPool<Call extends Grantable<Call>> implements CallSource {
  onCall: CallSource["onCall"] = undefined
  readonly name: string
  readonly limit: number
  readonly maxWait: number
  readonly share: number | undefined
  readonly queue: FairQueue<Call>
  readonly rejected = { "queue-full": 0, "wait-timeout": 0, "deadline": 0 }
  concurrency: number
  taken = 0
  private readonly placesOfAKey: number

  constructor({ concurrency, limit, maxWait, name, share }: Rules) {
    this.name = name
    this.concurrency = concurrency
    this.limit = limit
    this.maxWait = maxWait
    this.share = share
    this.queue = new FairQueue(this.shareOf(concurrency))
    this.placesOfAKey = this.shareOf(limit)
  }

  /** Whether every slot is taken and the queue has no place, whatever the key. */
  get isFull(): boolean {
    return this.taken >= this.concurrency && this.queue.size >= this.limit
  }

  /** Whether another call of the lane may wait. */
  hasPlace(lane: Lane<Call>): boolean {
    return this.queue.size < this.limit && (lane.key === undefined || lane.waiting.size < this.placesOfAKey)
  }

  tryTake(lane: Lane<Call>): boolean {
    if (this.taken >= this.concurrency || !this.queue.isNext(lane)) return false
    this.taken++
    this.queue.take(lane)
    this.onCall?.({ type: "permitted" })
    return true
  }

  giveBack(lane: Lane<Call>): void {
    this.taken--
    this.queue.giveBack(lane)
    this.onCall?.({ type: "finished" })
    this.handOut()
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency
    this.queue.setLimit(this.shareOf(concurrency))
    this.handOut()
  }

  reject(reason: Reason): Exit.Exit<never, BulkheadFull> {
    this.rejected[reason]++
    this.onCall?.({ type: "rejected" })
    return refusal(this.name, reason)
  }

  private handOut(): void {
    while (this.taken < this.concurrency) {
      const next = this.queue.shift()
      if (next === undefined) return
      this.taken++
      this.onCall?.({ type: "permitted" })
      next.grant()
    }
  }

  // 29 % of 100 slots are 29, although `0.29 * 100` is slightly less in floating point.
  private shareOf(all: number): number {
    return this.share === undefined ? Infinity : Math.max(1, Math.floor(this.share * all + EPSILON))
  }
}
