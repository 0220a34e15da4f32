/**
 * Netflix's VegasLimit: the shortest duration that was seen is the duration without load, and what is longer is a queue.
 *
 * One short answer makes all others look queued, since the durations of calls to language models differ a hundredfold. It
 * is here to compare with, not for such calls.
 */
import type { Algorithm, Judged, Reading, Reason } from "./algorithm.ts"
import { type Savable, type SavedLearnt, trustedLimit } from "./saved.ts"

export interface VegasRules {
  readonly initial: number
  readonly min: number
  readonly max: number
  /** A queue below it lets the limit grow. @default 3 times the step */
  readonly alpha?: number
  /** A queue above it lowers the limit. @default 6 times the step */
  readonly beta?: number
  /** The share of each move that is made. @default 1 */
  readonly smoothing?: number
  /** The limit after a queue or a drop. @default one step less */
  readonly decrease?: (limit: number) => number
}

/** What is trusted less than this is learnt anew. */
const TRUSTED = 0.5

/** After about this many times the limit, the shortest duration is learned anew. */
const PROBE_AFTER = 30

export class Vegas implements Algorithm, Savable {
  limit: number
  reason: Reason = "initial"
  private readonly rules: VegasRules
  private readonly random: () => number
  private shortest = 0
  private sinceProbe = 0
  private probeShare: number
  private stretch = 1
  private share = 0

  constructor(rules: VegasRules, random: () => number) {
    this.rules = rules
    this.random = random
    this.limit = rules.initial
    this.probeShare = this.drawProbeShare()
  }

  begun(): void {}

  sampled(): void {}

  ended(call: Judged): void {
    const { duration } = call
    const isDrop = call.outcome === "drop"
    // About the last twenty calls, for the snapshot.
    this.share += ((isDrop ? 1 : 0) - this.share) / 20
    this.reason = "hold"
    if (++this.sinceProbe >= this.probeShare * PROBE_AFTER * this.limit) {
      this.sinceProbe = 0
      this.probeShare = this.drawProbeShare()
      this.shortest = duration
      this.reason = "relearn"
    } else if (this.shortest === 0 || duration < this.shortest) {
      this.shortest = duration
    } else {
      this.stretch = duration / this.shortest
      this.move(isDrop, call.inFlight)
    }
  }

  reset(): void {
    this.limit = this.rules.initial
    this.reason = "initial"
    this.shortest = this.sinceProbe = this.share = 0
    this.stretch = 1
  }

  save(): SavedLearnt {
    const { limit, reason, shortest, sinceProbe } = this
    return { limit, reason, baselines: shortest === 0 ? [] : [{ number: 0, millis: shortest, windows: sinceProbe }] }
  }

  /** The shortest duration is learnt anew where it is not trusted. */
  restore({ baselines: [first], limit, reason }: SavedLearnt, trust: number): void {
    this.limit = trustedLimit(limit, trust, this.rules)
    this.reason = reason
    if (first === undefined || trust < TRUSTED) return
    this.shortest = first.millis
    this.sinceProbe = first.windows
  }

  read(): Reading {
    return { stretch: this.stretch, drops: this.share, baselines: this.shortest === 0 ? [] : [this.shortest] }
  }

  private move(isDrop: boolean, inFlight: number): void {
    const { max, min, smoothing = 1 } = this.rules
    const step = stepOf(this.limit)
    const next = isDrop ? this.lowered() : inFlight * 2 < this.limit ? this.limit : this.byQueue(step)
    if (next === this.limit) return
    const limit = this.limit * (1 - smoothing) + Math.min(max, Math.max(min, next)) * smoothing
    this.reason = next > max ? "max" : next < min ? "min" : isDrop ? "drop" : next > this.limit ? "grow" : "brake"
    this.limit = limit
  }

  private byQueue(step: number): number {
    const { alpha = 3 * step, beta = 6 * step } = this.rules
    const queue = Math.ceil(this.limit * (1 - 1 / this.stretch))
    if (queue <= step) return this.limit + beta
    if (queue < alpha) return this.limit + step
    return queue > beta ? this.lowered() : this.limit
  }

  private lowered(): number {
    return this.rules.decrease?.(this.limit) ?? this.limit - stepOf(this.limit)
  }

  /** Nodes that probe at different times do not mislead each other. */
  private drawProbeShare(): number {
    return 0.5 + this.random() / 2
  }
}

const stepOf = (limit: number): number => Math.max(1, Math.floor(Math.log10(limit)))
