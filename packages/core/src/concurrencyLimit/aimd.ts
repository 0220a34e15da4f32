/**
 * Additive increase, multiplicative decrease, as in Netflix's AIMDLimit: a drop takes a tenth, a success while half of the
 * limit is in use adds one. Knows nothing of times, so it needs calls that time out, or a service that refuses.
 */
import type { Algorithm, Judged, Reading, Reason } from "./algorithm.ts"
import { type Savable, type SavedLearnt, trustedLimit } from "./saved.ts"

export interface AimdRules {
  readonly initial: number
  readonly min: number
  readonly max: number
  /** What a drop leaves of the limit. @default 0.9 */
  readonly ratio?: number
  /** A success that took longer, in milliseconds, is a drop. @default none */
  readonly timeout?: number
}

const noBaselines: Reading["baselines"] = []

export class Aimd implements Algorithm, Savable {
  limit: number
  reason: Reason = "initial"
  private readonly rules: AimdRules
  private readonly ratio: number
  private readonly timeout: number
  private share = 0

  constructor(rules: AimdRules) {
    this.rules = rules
    this.limit = rules.initial
    this.ratio = rules.ratio ?? 0.9
    this.timeout = rules.timeout ?? Infinity
  }

  begun(): void {}

  sampled(): void {}

  ended(call: Judged): void {
    const { max, min } = this.rules
    const isDrop = call.outcome === "drop" || call.duration > this.timeout
    // About the last twenty calls, for the snapshot.
    this.share += ((isDrop ? 1 : 0) - this.share) / 20
    let limit = this.limit
    let reason: Reason = "hold"
    if (isDrop) {
      limit = Math.floor(limit * this.ratio)
      reason = "drop"
    } else if (call.inFlight * 2 >= limit) {
      limit += 1
      reason = "grow"
    }
    this.reason = limit > max ? "max" : limit < min ? "min" : reason
    this.limit = Math.min(max, Math.max(min, limit))
  }

  reset(): void {
    this.limit = this.rules.initial
    this.reason = "initial"
    this.share = 0
  }

  save(): SavedLearnt {
    return { limit: this.limit, reason: this.reason, baselines: [] }
  }

  restore({ limit, reason }: SavedLearnt, trust: number): void {
    this.limit = trustedLimit(limit, trust, this.rules)
    this.reason = reason
  }

  read(): Reading {
    return { stretch: 1, drops: this.share, baselines: noBaselines }
  }
}
