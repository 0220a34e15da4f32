/** What a limit of a fleet is for a node while the store does not answer. */
import type { Limit, Meter, Plan } from "../rateLimiter/meter.ts"
import { TokenBucket } from "../rateLimiter/tokenBucket.ts"
import { firstRetry } from "./retryPause.ts"

/** What a node does with its limits while the store does not answer. */
export type Away = "local" | "open" | "closed"

/** The share of one node: what comes in is divided by the nodes. A call may cost more than the share holds; the next ones wait. */
class Share implements Meter {
  readonly capacity: number
  private readonly nodes: number
  private readonly bucket: TokenBucket
  private burst = 0

  constructor(limit: Limit, nodes: number, now: number) {
    this.capacity = limit.burst
    this.nodes = nodes
    this.bucket = new TokenBucket(this.shareOf(limit), now)
    // What the fleet had left is not known.
    this.bucket.clampAvailable(0, now)
  }

  when(cost: number, from: number): number {
    return this.bucket.when(Math.min(cost, this.burst), from)
  }

  take(cost: number, at: number): void {
    this.bucket.take(cost, at)
  }

  correct(difference: number, takenAt: number, now: number): void {
    this.bucket.correct(difference, takenAt, now)
  }

  clampAvailable(atMost: number, now: number): void {
    this.bucket.clampAvailable(atMost, now)
  }

  /** Where it is full, any call that there can be passes. */
  available(now: number): number {
    const available = this.bucket.available(now)
    return available >= this.burst ? this.capacity : available
  }

  change(limit: Limit, now: number): void {
    this.bucket.change(this.shareOf(limit), now)
  }

  plan(): Plan {
    const plan = this.bucket.plan()
    return {
      when: (cost, from) => plan.when(Math.min(cost, this.burst), from),
      take: (cost, at) => plan.take(cost, at)
    }
  }

  private shareOf({ burst, limit, per }: Limit): Limit {
    this.burst = burst / this.nodes
    return { limit: limit / this.nodes, per, burst: this.burst }
  }
}

/** Nothing passes before the store is tried again. */
class Closed implements Meter, Plan {
  readonly capacity: number
  private readonly retryAt: () => number

  constructor(limit: Limit, retryAt: () => number) {
    this.capacity = limit.burst
    this.retryAt = retryAt
  }

  when(_cost: number, from: number): number {
    const at = this.retryAt()
    return at > from ? at : from + firstRetry
  }

  available(): number {
    return 0
  }

  plan(): Plan {
    return this
  }

  take(): void {}

  correct(): void {}

  clampAvailable(): void {}

  change(): void {}
}

export const awayMeter = (away: Away, limit: Limit, nodes: number, now: number, retryAt: () => number): Meter =>
  away === "open"
    ? new TokenBucket(limit, now)
    : away === "closed"
    ? new Closed(limit, retryAt)
    : new Share(limit, Math.max(1, nodes), now)
