/** What a limit of a fleet is for a node while the store does not answer. */
import type { Limit, Meter, Plan } from "../rateLimiter/meter.ts"
import { TokenBucket } from "../rateLimiter/tokenBucket.ts"
import { firstRetry } from "./retryPause.ts"

/** What a node does with its limits while the store does not answer. */
export type Away = "local" | "open" | "closed"

/** What a node has of a limit for an absence. */
export interface AwayMeter extends Meter {
  /** Of so many nodes from now on. */
  readonly among: (nodes: number, now: number) => void
  /** What is left for this node: below zero where its calls have taken more. */
  readonly left: (now: number) => number
  /** What was used more than has come in meanwhile; below zero for less. */
  readonly used: (now: number) => number
}

/**
 * The share of one node: what comes in is divided by the nodes. A call may cost more than the share holds, where it is full of what has come
 * in since; the next ones wait.
 */
class Share implements AwayMeter {
  capacity: number
  private limit: Limit
  private nodes: number
  private readonly bucket: TokenBucket
  private readonly begunAt: number
  /** What it began with, less what was taken away from it by others than calls. */
  private beginning: number

  constructor(limit: Limit, nodes: number, beginning: number, now: number) {
    this.capacity = limit.burst
    this.limit = limit
    this.nodes = nodes
    this.begunAt = now
    this.bucket = new TokenBucket(this.share, now)
    this.bucket.clampAvailable(beginning, now)
    this.beginning = this.bucket.available(now)
  }

  when(cost: number, from: number): number {
    return this.bucket.when(Math.min(cost, this.share.burst), this.startOf(cost, from))
  }

  take(cost: number, at: number): void {
    this.bucket.take(cost, at)
  }

  correct(difference: number, takenAt: number, now: number): void {
    this.bucket.correct(difference, takenAt, now)
  }

  clampAvailable(atMost: number, now: number): void {
    this.lower(() => this.bucket.clampAvailable(atMost, now), now)
  }

  /** Where it is full, any call that there can be passes. */
  available(now: number): number {
    const available = this.left(now)
    return available >= this.share.burst && now >= this.startOf(this.capacity, now) ? this.capacity : available
  }

  left(now: number): number {
    return this.bucket.available(now)
  }

  used(now: number): number {
    return this.beginning - this.left(now)
  }

  change(limit: Limit, now: number): void {
    this.limit = limit
    this.capacity = limit.burst
    this.lower(() => this.bucket.change(this.share, now), now)
  }

  among(nodes: number, now: number): void {
    this.nodes = nodes
    this.change(this.limit, now)
  }

  plan(): Plan {
    const plan = this.bucket.plan()
    const { burst } = this.share
    return {
      when: (cost, from) => plan.when(Math.min(cost, burst), this.startOf(cost, from)),
      take: (cost, at) => plan.take(cost, at)
    }
  }

  private get share(): Limit {
    const { limit: { burst, limit, per }, nodes } = this
    return { limit: limit / nodes, per, burst: burst / nodes }
  }

  /** From when on a call may pass that costs so much: all nodes have a beginning, and none has a whole bucket. */
  private startOf(cost: number, from: number): number {
    const { burst, limit, per } = this.share
    return cost > burst ? Math.max(from, this.begunAt + burst / limit * per) : from
  }

  /** What is taken away is not used. */
  private lower(by: () => void, now: number): void {
    const before = this.left(now)
    by()
    this.beginning -= before - this.left(now)
  }
}

/** Nothing passes before the store is tried again. */
class Closed implements AwayMeter, Plan {
  capacity: number
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

  change({ burst }: Limit): void {
    this.capacity = burst
  }

  among(): void {}

  left(): number {
    return 0
  }

  used(): number {
    return 0
  }
}

/** `nodes` is how many nodes share the limit meanwhile, and `beginning` what this one has of it at first. */
export const awayMeter = (
  away: Away,
  limit: Limit,
  nodes: number,
  beginning: number,
  now: number,
  retryAt: () => number
): AwayMeter => away === "closed" ? new Closed(limit, retryAt) : new Share(limit, nodes, beginning, now)
