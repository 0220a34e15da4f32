/** One call on its way through a guard that is made of plain functions. It owns its lease from the step in which it is given. */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { timeContextOf } from "../deadline/current.ts"
import { Admission, type AnyEffect, type AnyFiber, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { callBack } from "../internal/runtime/callBack.ts"
import { type GaveUp, Wait } from "../internal/runtime/wait.ts"
import type { Decision, Waiter, WaitOptions } from "./decision.ts"

/**
 * What `acquire` can look up about the call. It holds in the step in which `acquire` runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** Monotonic milliseconds of the fiber's clock. */
  readonly now: number
  /** Milliseconds until the caller's deadline; infinity without one. */
  readonly left: number
  /** A reference of the caller's context, such as `Bulkhead.CurrentPriority`. */
  readonly get: <A>(reference: Context.Reference<A>) => A
}

/**
 * How a call ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ended {
  readonly exit: Exit.Exit<unknown, unknown>
  /**
   * Whether the guards let the work begin. Not so if a guard directly inside refused it, or an interrupt came before. An
   * interrupt can still come between that decision and the first step of the work.
   */
  readonly begun: boolean
}

/** What the calls of one guard share. */
export interface Rules<Lease, E> {
  readonly name: string
  readonly acquire: (call: Call) => Decision<Lease, E>
  readonly release: (lease: Lease, ended: Ended) => void
}

export class OwnCall<Lease, E> extends Admission implements Waiter<Lease, E> {
  private readonly rules: Rules<Lease, E>
  private readonly self: AnyEffect
  private state: "new" | "waiting" | "holds" | "refused" = "new"
  private lease: Lease | undefined
  private wait: Wait | undefined
  private waitOptions: WaitOptions<Lease, E> | undefined
  private leaveQueue: (() => void) | undefined

  constructor(rules: Rules<Lease, E>, self: AnyEffect) {
    super()
    this.rules = rules
    this.self = self
  }

  acquire(fiber: AnyFiber, given?: TimeContext | undefined): AnyEffect {
    const call = new LookedUp(fiber, given)
    const decision = atOnce(this.rules.acquire(call)) as Decision<Lease, E> | undefined
    switch (decision?._tag) {
      case "Admitted":
        this.lease = decision.lease
        this.state = "holds"
        return goOn(this, this.self, fiber)
      case "Rejected":
        return Exit.fail(decision.error)
      case "Waiting":
        return this.waitAs(decision, fiber, call.time)
      default:
        throw new TypeError(
          `Guard ${
            JSON.stringify(this.rules.name)
          }: acquire must answer Guard.admit, Guard.reject or Guard.wait, at once`
        )
    }
  }

  admit(lease: Lease): boolean {
    if (this.state !== "waiting") return false
    this.state = "holds"
    this.lease = lease
    this.wait!.end((fiber, isInTime) => {
      if (isInTime) return goOn(this, this.self, fiber)
      // The lease is given back here, before functions of the guard's own run.
      this.state = "refused"
      const exit = outOfTime(this.waitOptions!, "deadline")
      callBack(() => this.rules.release(lease, { exit, begun: false }))
      return exit
    })
    return true
  }

  reject(error: E): boolean {
    if (this.state !== "waiting") return false
    this.state = "refused"
    this.wait!.end(() => Exit.fail(error))
    return true
  }

  override sendAway(rejection: () => Exit.Exit<never, any> | undefined): boolean {
    const exit = this.state === "waiting" ? rejection() : undefined
    if (exit === undefined || this.state !== "waiting") return false
    this.leaveWith(exit)
    return true
  }

  private leaveWith(exit: Exit.Exit<never, any>): void {
    this.state = "refused"
    this.wait!.end(() => exit)
    callBack(() => this.leaveQueue?.())
  }

  release(exit: Exit.Exit<any, any>): void {
    const { lease, state } = this
    this.state = "new"
    this.lease = undefined
    this.wait?.abandon()
    if (state === "waiting") this.leaveQueue?.()
    else if (state === "holds") this.rules.release(lease as Lease, { exit, begun: this.begun })
  }

  private waitAs(options: WaitOptions<Lease, E>, fiber: AnyFiber, time: TimeContext): AnyEffect {
    const { deadline, now } = time
    const maxWait = toMillis(options.maxWait, this.rules.name)
    if (deadline !== undefined && deadline.at <= now) return outOfTime(options, "deadline")
    if (maxWait <= 0) return outOfTime(options, "wait-timeout")
    this.waitOptions = options
    this.state = "waiting"
    this.wait = new Wait(fiber, time, maxWait, (reason) => this.giveUp(reason))
    const leave = options.enqueue(this)
    if (this.state === "waiting") this.leaveQueue = leave
    return this.wait.effect
  }

  private giveUp(reason: GaveUp): void {
    if (this.state !== "waiting") return
    // Nobody can admit it any more, `onTimeout` least of all.
    this.state = "refused"
    this.leaveWith(outOfTime(this.waitOptions!, reason))
  }
}

// A call whose time is over ends, also where the guard has no error for it.
const outOfTime = <E>({ onTimeout }: WaitOptions<any, E>, reason: GaveUp): Exit.Exit<never, E> => {
  try {
    return Exit.fail(onTimeout(reason))
  } catch (defect) {
    return Exit.die(defect)
  }
}

const toMillis = (maxWait: Duration.Input | undefined, name: string): number =>
  maxWait === undefined
    ? Infinity
    : typeof maxWait === "number" && maxWait >= 0
    ? maxWait
    : new OptionsOf(`Guard ${JSON.stringify(name)}`).wait("maxWait", maxWait)

/** Looks things up when they are asked for: most guards ask for none. */
class LookedUp implements Call {
  private readonly fiber: AnyFiber
  private given: TimeContext | undefined

  constructor(fiber: AnyFiber, given: TimeContext | undefined) {
    this.fiber = fiber
    this.given = given
  }

  get time(): TimeContext {
    return this.given ??= timeContextOf(this.fiber)
  }

  get now(): number {
    return this.time.now
  }

  get left(): number {
    const { deadline, now } = this.time
    return deadline === undefined ? Infinity : deadline.at - now
  }

  get<A>(reference: Context.Reference<A>): A {
    return this.fiber.getRef(reference)
  }
}
