/** A limiter at work: what its calls share. */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { type Costs, grain, LimiterMachine, type Refusal } from "../internal/limiterMachine.ts"
import { OptionsOf } from "../internal/options.ts"
import { withoutStack } from "../internal/rejection.ts"
import { SlidingLog } from "../internal/slidingLog.ts"
import { TokenBucket } from "../internal/tokenBucket.ts"
import type { Cost, Limit, Options } from "../RateLimit.ts"
import type { Caller } from "./caller.ts"
import { RateLimited } from "./limited.ts"
import { checkLimits, toRules } from "./rules.ts"

/** The limits, those who wait for them, and the last rejection. */
export class Limiter {
  readonly name: string
  readonly maxWait: number
  readonly limits: ReadonlyArray<Limit>
  readonly machine: LimiterMachine
  admitted = 0
  rejected = 0
  private stopAlarm: (() => void) | undefined
  private rejection: Exit.Exit<never, RateLimited> | undefined
  private rejectedMillis = NaN
  private rejectedMeter = NaN

  constructor(options: Options, now: number) {
    const { checked, maxWait, name } = toRules(options, new OptionsOf("RateLimit.make"))
    this.name = name
    this.maxWait = maxWait
    this.limits = options.limits
    const meters = options.limits.map(({ kind }, i) =>
      kind === "sliding-window" ? new SlidingLog(checked[i]!) : new TokenBucket(checked[i]!, now)
    )
    this.machine = new LimiterMachine(meters, (head) => this.arm(head as Caller | undefined))
  }

  /** The costs in the order of the limits. */
  costs(costs: Cost, where: string): Costs {
    const check = new OptionsOf(where)
    return this.limits.map(({ resource }) =>
      check.amount(`costs.${resource}`, costs[resource] ?? (resource === "requests" ? 1 : 0))
    )
  }

  /** What is to be corrected so that `actual` was taken instead of `costs`. */
  differences(costs: Costs, actual: Cost): Costs {
    const check = new OptionsOf("Reservation.settle")
    return this.limits.map(({ resource }, i) => {
      const amount = actual[resource]
      return amount === undefined ? 0 : check.amount(resource, amount) - costs[i]!
    })
  }

  // Rejections of the same millisecond, for the same reason, are one.
  reject({ meter: decided, wait }: Refusal): Exit.Exit<never, RateLimited> {
    this.rejected++
    // A call that costs nothing is held up by a pause, which is every limit's.
    const meter = Math.max(0, decided)
    const millis = Math.ceil(wait - grain)
    if (this.rejection === undefined || millis !== this.rejectedMillis || meter !== this.rejectedMeter) {
      this.rejectedMillis = millis
      this.rejectedMeter = meter
      const fields = { limiter: this.name, bucket: this.limits[meter]!.resource }
      this.rejection = Exit.fail(
        withoutStack(() =>
          new RateLimited(millis === Infinity ? fields : { ...fields, retryAfter: Duration.millis(millis) })
        )
      )
    }
    return this.rejection
  }

  change(limits: ReadonlyArray<Limit>, now: number): void {
    const check = new OptionsOf("RateLimit.setLimits")
    const shape = (limits: ReadonlyArray<Limit>) =>
      limits.map(({ kind, resource }) => `${resource} (${kind})`).join(", ")
    if (shape(limits) !== shape(this.limits)) check.refuse("limits", `for ${shape(this.limits)}`, shape(limits))
    this.machine.change(checkLimits(limits, check), now)
  }

  lower(atMost: Cost, now: number): void {
    const check = new OptionsOf("RateLimit.lower")
    const levels = this.limits.map(({ resource }) => {
      const level = atMost[resource]
      return level === undefined ? Infinity : check.amount(`atMost.${resource}`, level)
    })
    this.machine.lower(levels, now)
  }

  // The one alarm there is, for the head of the queue. Where it rings early by the grain of the clock, it is set again.
  private arm(head: Caller | undefined): void {
    this.stopAlarm?.()
    this.stopAlarm = head?.alarm(() => this.machine.advance(head.now()))
  }
}
