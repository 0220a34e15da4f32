/** The shared state of a limiter: its machine, its counters and its timer. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type * as Scheduler from "effect/Scheduler"
import type { LimiterLink } from "./link.ts"
import { LinkedMachine } from "./linkedMachine.ts"
import { LimiterMachine } from "./machine.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import type { CallSource } from "../internal/runtime/callListeners.ts"
import { SlidingLog } from "./slidingLog.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimerOf } from "../internal/runtime/timer.ts"
import { TokenBucket } from "./tokenBucket.ts"
import { type Costs, grain, type Refusal } from "./turn.ts"
import type { Cost, Limit, Options } from "./model.ts"
import { type RateLimited, rateLimited } from "./RateLimited.ts"
import { checkLimits, quantity, toRules } from "./rules.ts"

const settling = new OptionsOf("Reservation.settle")

/** It uses the clock of the fiber that made it, whatever the clocks of its callers show. */
export class Limiter implements CallSource {
  onCall: CallSource["onCall"] = undefined
  readonly name: string
  readonly maxWait: number
  readonly maxRetryAfter: number
  readonly machine: LimiterMachine
  readonly clock: Clock.Clock
  /** What joins it with limiters of other nodes; undefined for one that is alone. */
  readonly link: LimiterLink | undefined
  admitted = 0
  rejected = 0
  /** Whether a command has paused it or lowered what is available. */
  isCommanded = false
  limits: ReadonlyArray<Limit>
  private isRefusing = false
  private readonly scheduler: Scheduler.Scheduler
  private stopAlarm: (() => void) | undefined
  private alarmAt = Infinity

  constructor(options: Options, clock: Clock.Clock, scheduler: Scheduler.Scheduler, link?: LimiterLink | undefined) {
    const { checked, maxRetryAfter, maxWait, name, queue } = toRules(options, new OptionsOf("RateLimiter.make"))
    this.name = name
    this.maxWait = maxWait
    this.maxRetryAfter = maxRetryAfter
    this.limits = options.limits
    this.clock = clock
    this.scheduler = scheduler
    this.link = link
    const arm = (at: number) => this.arm(at)
    if (link !== undefined) {
      const meters = options.limits.map((limit, i) => link.meterOf(limit, checked[i]!))
      this.machine = new LinkedMachine(link, meters, queue, arm)
      return
    }
    const now = this.now()
    const meters = options.limits.map(({ kind }, i) =>
      kind === "sliding-window" ? new SlidingLog(checked[i]!) : new TokenBucket(checked[i]!, now)
    )
    this.machine = new LimiterMachine(meters, queue, arm)
  }

  now(): number {
    return monotonicMillis(this.clock)
  }

  /** The costs in the order of the limits. */
  costs(costs: Cost, where: string): Costs {
    const { limits } = this
    // A list that grows begins with 17 places.
    const all = Array<number>(limits.length)
    for (let i = 0; i < limits.length; i++) {
      const { resource } = limits[i]!
      const cost = costs[resource] ?? (resource === "requests" ? 1 : 0)
      // Nearly all costs are whole numbers.
      all[i] = Number.isSafeInteger(cost) && cost >= 0
        ? cost
        : quantity(new OptionsOf(where), `costs.${resource}`, cost)
    }
    return all
  }

  /** The correction after which `actual` is taken instead of `costs`. */
  differences(costs: Costs, actual: Cost): Costs {
    const { limits } = this
    const all = Array<number>(limits.length)
    for (let i = 0; i < limits.length; i++) {
      const { resource } = limits[i]!
      const amount = actual[resource]
      // Any amount is accepted, because the meter bounds the debt.
      all[i] = amount === undefined ? 0 : settling.amount(resource, amount) - costs[i]!
    }
    return all
  }

  /** Whether the last call was rejected, so that {@link refuse} may reject the next one. */
  get rejectsNow(): boolean {
    return this.isRefusing
  }

  /**
   * The rejection of a call that does not wait; undefined when it would be admitted. Checks only while calls are being
   * rejected.
   */
  refuse(costs: () => Costs): Exit.Exit<never, RateLimited> | undefined {
    if (!this.isRefusing) return undefined
    const refusal = this.machine.refusalNow(costs(), this.now())
    return refusal && this.reject(refusal)
  }

  /** Counts an admitted call. */
  admit(): void {
    this.admitted++
    this.onCall?.({ type: "permitted" })
    this.isRefusing = false
  }

  /** A new error for each rejection, because error reporters mark the errors that they have seen. */
  reject({ meter, reason, wait }: Refusal): Exit.Exit<never, RateLimited> {
    this.rejected++
    this.onCall?.({ type: "rejected" })
    this.isRefusing = true
    // A call without costs is rejected only by a pause, which applies to every limit.
    const { resource } = this.limits[Math.max(0, meter)]!
    const retryAfter = reason === "too-large" ? undefined : Duration.millis(Math.max(0, Math.ceil(wait - grain)))
    const isClosed = reason === "limit" && this.link?.isClosed === true
    return Exit.fail(rateLimited(this.name, resource, isClosed ? "store-away" : reason, retryAfter))
  }

  pause(duration: Duration.Input): void {
    const now = this.now()
    const millis = new OptionsOf("RateLimiter.pause").wait("duration", duration)
    this.isCommanded = true
    this.machine.pause(now + Math.min(millis, this.maxRetryAfter), now)
  }

  resume(): void {
    this.isCommanded = true
    this.machine.resume(this.now())
  }

  change(limits: ReadonlyArray<Limit>): void {
    const check = new OptionsOf("RateLimiter.setLimits")
    const shape = (limits: ReadonlyArray<Limit>) =>
      limits.map(({ kind, resource }) => `${resource} (${kind})`).join(", ")
    if (shape(limits) !== shape(this.limits)) check.refuse("limits", `for ${shape(this.limits)}`, shape(limits))
    const changed = limits.map((limit, i): Limit => ({ ...limit, burst: limit.burst ?? this.limits[i]!.burst }))
    const checked = checkLimits(changed, check)
    this.limits = changed
    this.machine.change(checked, this.now())
  }

  clampAvailable(atMost: Cost): void {
    const check = new OptionsOf("RateLimiter.clampAvailable")
    const levels = this.limits.map(({ resource }) => {
      const level = atMost[resource]
      return level === undefined ? Infinity : check.amount(`atMost.${resource}`, level)
    })
    this.isCommanded = true
    this.machine.clampAvailable(levels, this.now())
  }

  // The only timer, for the head of the queue. A timer that fires too early is set again by what it calls.
  private arm(at: number): void {
    if (this.stopAlarm !== undefined) {
      if (at >= this.alarmAt && at < Infinity && this.alarmAt > this.now()) return
      this.stopAlarm()
      this.stopAlarm = undefined
    }
    if (at === Infinity) return
    this.alarmAt = at
    const ring = () => {
      this.stopAlarm = undefined
      this.machine.advance(this.now())
    }
    try {
      this.stopAlarm = startTimerOf(this.clock, this.scheduler, Math.max(0, Math.ceil(at - this.now() - grain)), ring)
    } catch {
      // A clock that fails to set a timer must not cost a caller its result. The next call or change tries again.
    }
  }
}
