/**
 * What a provider allows per time is kept to, by requests, by tokens and by cost at once, so that its 429 is never seen.
 *
 * A limiter has one or more limits. A call takes from all of them or from none. If it cannot now, its exact turn is known:
 * it waits for it, first come first served, when that is within `maxWait` and before the caller's deadline; otherwise it
 * is refused at once with {@link RateLimited}, whose `retryAfter` says when it would have been its turn. A large request
 * is not overtaken by small ones. A caller who is interrupted while waiting gives its place back, and those behind move
 * up.
 *
 * Tokens are estimated before a call and known after it: {@link RateLimit.reserve} takes the estimate, and the
 * reservation is settled with the true usage, in either direction, or refunded.
 *
 * **Order.** Inside retry, so that every attempt is counted; outside bulkhead and breaker. What a guard further in
 * refuses was not used, and is refunded.
 *
 * **Semantics.** A token bucket fills steadily and saves up to `burst`, so it can pass up to `limit + burst` in one
 * `per`; a sliding window never passes more than `limit` in any `per`. Usage above the estimate becomes a debt of at most
 * one bucket; time pays it off.
 *
 * **Gotchas.** A limiter limits those who share it: make it once. A request that costs more than a limit ever holds is
 * refused without a `retryAfter`.
 *
 * ```ts
 * import { RateLimit } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* RateLimit.make({
 *     name: "model",
 *     limits: [RateLimit.requests(100, "1 second"), RateLimit.tokens(90_000, "1 minute")]
 *   })
 *   const reservation = yield* limiter.reserve({ tokens: 80_000 })
 *   const refused = yield* Effect.flip(limiter.reserve({ tokens: 20_000 }))
 *   yield* reservation.settle({ tokens: 1_500 })
 *   yield* limiter.reserve({ tokens: 20_000 })
 *   return refused
 * })
 *
 * const { bucket, limiter } = await Effect.runPromise(program)
 * limiter // => "model"
 * bucket // => "tokens"
 * ```
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Deadline from "./Deadline.ts"
import { Admission, type Begin, guard, type Moment } from "./internal/guard.ts"
import { type Costs, grain, LimiterMachine, type Refusal, type Turn } from "./internal/limiterMachine.ts"
import type * as Meter from "./internal/meter.ts"
import { onlyFailure } from "./internal/onlyFailure.ts"
import { OptionsOf } from "./internal/options.ts"
import { withoutStack } from "./internal/rejection.ts"
import { type GuardClass, guardClass } from "./internal/serviceClass.ts"
import { SlidingLog } from "./internal/slidingLog.ts"
import { monotonicMillis } from "./internal/time.ts"
import { startTimerOf } from "./internal/timer.ts"
import { TokenBucket } from "./internal/tokenBucket.ts"
import { group, Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import * as Outcome from "./Outcome.ts"
import * as Registry from "./Registry.ts"

/** What can be limited. */
export type Resource = "requests" | "tokens" | "cost"

const resources: ReadonlyArray<Resource> = ["requests", "tokens", "cost"]

/** How a limit is kept: see the semantics above. */
export type Kind = "token-bucket" | "sliding-window"

/** So much of a resource per time. */
export interface Limit {
  readonly resource: Resource
  readonly limit: number
  readonly per: Duration.Input
  readonly kind: Kind
  readonly burst: number
}

/** How a limit is kept. */
export interface LimitOptions {
  /** @default "token-bucket" */
  readonly kind?: Kind | undefined
  /** What a token bucket saves up at most. @default the limit itself */
  readonly burst?: number | undefined
}

const limitOf = (resource: Resource) => (limit: number, per: Duration.Input, options: LimitOptions = {}): Limit => ({
  resource,
  limit,
  per,
  kind: options.kind ?? "token-bucket",
  burst: options.burst ?? limit
})

/** So many requests per time. */
export const requests: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("requests")

/** So many tokens per time. */
export const tokens: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("tokens")

/** So much money per time, in whatever unit the costs are given in. */
export const cost: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("cost")

/** What one call takes. `requests` is 1 unless given, the others 0. What has no limit is not counted. */
export type Cost = { readonly [R in Resource]?: number | undefined }

/** What is limited, and who waits. `name` and `limits` must be given. */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** At most one for each resource. */
  readonly limits: ReadonlyArray<Limit>
  /** The longest wait for a turn; `"Infinity"` to leave it to the deadline. @default 0: refused at once */
  readonly maxWait?: Duration.Input | undefined
}

interface Rules {
  readonly name: string
  readonly maxWait: number
  readonly checked: ReadonlyArray<Meter.Limit>
}

const toRules = ({ limits, maxWait, name }: Options, check: OptionsOf): Rules => ({
  name: check.name(name),
  maxWait: check.wait("maxWait", maxWait ?? 0),
  checked: checkLimits(limits, check)
})

const written = writtenOptions<Options>()({
  name: Schema.optionalKey(Schema.String),
  limits: Schema.optionalKey(Schema.Array(group({
    resource: Schema.optionalKey(Schema.String),
    limit: Schema.optionalKey(Quantity),
    per: Schema.optionalKey(Quantity),
    kind: Schema.optionalKey(Schema.String),
    burst: Schema.optionalKey(Quantity)
  }))),
  maxWait: Schema.optionalKey(Quantity)
}, {
  read: ({ limits, ...given }, _check, defaults) => ({
    ...given as Partial<Options>,
    limits: limits?.map(({ burst, kind, limit, per, resource }) =>
      limitOf(resource as Resource)(limit as number, per as Duration.Input, {
        kind: kind as Kind | undefined,
        burst: burst as number | undefined
      })
    ) ?? defaults.limits ?? []
  }),
  check: toRules,
  place: (field, { limits = [] }) => {
    const [resource, part] = field === "resource" ? [undefined, field] : field.split(".")
    const index = limits.findIndex((limit) =>
      resource === undefined ? !resources.includes(limit.resource) : limit.resource === resource
    )
    return part === undefined ? undefined : ["limits", index, part]
  }
})

/**
 * {@link Options} as they are written in YAML or JSON, each limit as `{ resource, limit, per, kind, burst }` of which the
 * last two have a default. A field that is wrong or unknown is refused by name.
 */
export const OptionsSchema = written.schema

/** What was taken before its true size was known. Ends once; what is never ended stays as it was taken. */
export interface Reservation {
  /** Takes more, or gives back, until what was taken is what is given here; what is not named stays. */
  readonly settle: (actual: Cost) => Effect.Effect<void>
  /** Gives everything back: the call was not made. */
  readonly refund: Effect.Effect<void>
}

/** What there is to read about a limiter at one moment. */
export interface Snapshot {
  readonly name: string
  readonly limits: ReadonlyArray<{
    readonly resource: Resource
    /** What can be taken now; negative in debt. */
    readonly available: number
    readonly capacity: number
  }>
  readonly waiting: number
  /** Calls that got their turn, and calls refused, since the beginning. */
  readonly admitted: number
  readonly rejected: number
  /** Time until the end of a pause, if there is one. */
  readonly pausedFor: Duration.Duration | undefined
}

/** A rate limiter. */
export interface RateLimit {
  readonly name: string
  /** Stands around an effect that costs one request. Adds {@link RateLimited} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /** Like `protect`, for another cost; what `settle` makes of a success is what it really was. */
  readonly protectWith: <A>(options: {
    readonly costs: Cost
    readonly settle?: ((value: A) => Cost) | undefined
  }) => <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /** Takes the costs at their turn. A reservation that an interrupt keeps from its caller is refunded. */
  readonly reserve: (costs: Cost) => Effect.Effect<Reservation, RateLimited>
  /** Grants nothing for so long, and forgets what was saved up: for after a 429. A longer pause stands. */
  readonly pause: (duration: Duration.Input) => Effect.Effect<void>
  /** Goes on with other limits for the same resources, keeping what was used. Dies on other resources or kinds. */
  readonly setLimits: (limits: ReadonlyArray<Limit>) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Makes a limiter, full. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = (options: Options): Effect.Effect<RateLimit> =>
  Effect.tap(
    Effect.map(Clock.Clock, (clock) => fromLimiter(new Limiter(options, monotonicMillis(clock)))),
    (limiter) => Registry.register({ _tag: "RateLimit", name: limiter.name, limiter })
  )

/**
 * Makes a limiter with the options under a path of the configuration, such as `["model", "limit"]`; what is not found
 * there is as in `options`. Options out of range are a `ConfigError`.
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<RateLimit, Config.ConfigError> => Effect.flatMap(written.config(path, options), make)

/** A class that is the service key of one limiter, with its `layer` and its `protect`. */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): GuardClass<Self, Id, RateLimit, RateLimited, Options> =>
  guardClass(id, { ...options, name: options.name ?? id }, make, written)

/** It is not the call's turn: the work was not started. */
export class RateLimited
  extends Schema.TaggedError<RateLimited>("@switchgear/core/RateLimit/RateLimited")("RateLimited", {
    limiter: Schema.String,
    /** The resource whose limit decided. */
    bucket: Schema.Literals(["requests", "tokens", "cost"]),
    /** Time until it would be its turn; absent when the limit is too small for the call at any time. */
    retryAfter: Schema.optional(Schema.Duration)
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return this.retryAfter !== undefined
  }

  override get message(): string {
    return this.retryAfter === undefined
      ? `Limiter "${this.limiter}" can never pass this call: it asks for more ${this.bucket} than the limit holds. Make it smaller, or raise the limit.`
      : `Limiter "${this.limiter}" has no ${this.bucket} left for the call. Try again in ${
        Duration.format(this.retryAfter)
      }.`
  }
}

class Limiter {
  readonly name: string
  readonly maxWait: number
  readonly limits: ReadonlyArray<Limit>
  readonly machine: LimiterMachine
  admitted = 0
  rejected = 0
  private stopAlarm: (() => void) | undefined
  private rejection: Exit.Exit<never, RateLimited> = Exit.die("unused")
  private rejectionKey = NaN

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
    const key = millis * this.limits.length + meter
    if (key !== this.rejectionKey) {
      this.rejectionKey = key
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

  // The one alarm there is, for the head of the queue. Where it rings early by the grain of the clock, it is set again.
  private arm(head: Caller | undefined): void {
    this.stopAlarm?.()
    this.stopAlarm = head?.alarm(() => this.machine.advance(head.now()))
  }
}

// One call on its way through. What it takes is its own from the synchronous step in which it is taken.
abstract class Caller extends Admission implements Turn {
  before: Turn | undefined
  after: Turn | undefined
  // Only of a limiter that lets its callers wait: the others pay for none of it.
  declare at: number
  declare latest: number | undefined
  declare private context: Context.Context<never>
  readonly costs: Costs
  protected readonly limiter: Limiter
  private readonly clock: Clock.Clock
  private state: "new" | "waiting" | "granted" | "running" = "new"
  private takenAt = 0
  private next: Effect.Effect<any, any, any> | undefined
  private resume: ((next: Effect.Effect<any, any, any>) => void) | undefined

  constructor(limiter: Limiter, costs: Costs, fiber: Fiber.Fiber<any, any>) {
    super()
    this.limiter = limiter
    this.costs = costs
    this.clock = fiber.getRef(Clock.Clock)
  }

  /** What is run when the turn has come. */
  protected abstract work(): Effect.Effect<any, any, any>

  /** What is to be corrected when that has ended. */
  protected abstract correction(exit: Exit.Exit<any, any>): Costs | undefined

  now(): number {
    return monotonicMillis(this.clock)
  }

  enter(fiber: Fiber.Fiber<any, any>, moment?: Moment | undefined): Effect.Effect<any, any, any> {
    const { limiter } = this
    const now = moment === undefined ? this.now() : moment.now
    if (limiter.maxWait > 0) {
      const deadline = moment === undefined ? fiber.getRef(Deadline.CurrentDeadline) : moment.deadline
      const maxWait = now + limiter.maxWait
      // A turn at the very deadline is of no use: it has to come a grain of the clock before.
      this.latest = deadline === undefined ? maxWait : Math.min(maxWait, deadline.at - grain)
      this.context = fiber.context
    }
    const answer = limiter.machine.request(this, now)
    if (answer === "taken") {
      this.grant(now)
      this.state = "running"
      return this.work()
    }
    if (answer !== "queued") return limiter.reject(answer)
    // The turn can have come already, if the clock moved on in between.
    if (this.state === "new") this.state = "waiting"
    return Effect.callback((resume) => {
      if (this.next) resume(this.next)
      else this.resume = resume
    })
  }

  grant(now: number): void {
    this.state = "granted"
    this.takenAt = now
    this.limiter.admitted++
  }

  proceed(): void {
    if (this.state !== "granted") return
    this.state = "running"
    this.goOn(this.work())
  }

  refuse(refusal: Refusal): void {
    this.state = "new"
    this.goOn(this.limiter.reject(refusal))
  }

  leave(exit: Exit.Exit<any, any>): void {
    const { machine } = this.limiter
    switch (this.state) {
      case "new":
        return
      case "waiting":
        machine.leave(this, this.now())
        break
      case "granted":
        this.correct(this.costs.map((cost) => -cost))
        break
      case "running": {
        const correction = this.correction(exit)
        if (correction !== undefined) this.correct(correction)
      }
    }
    this.state = "new"
  }

  correct(differences: Costs): void {
    this.limiter.machine.correct(differences, this.takenAt, this.now())
  }

  alarm(ring: () => void): () => void {
    return startTimerOf(this.clock, this.context, Math.max(0, Math.ceil(this.at - this.now() - grain)), ring)
  }

  private goOn(next: Effect.Effect<any, any, any>): void {
    this.next = next
    this.resume?.(next)
  }
}

class ProtectedCall extends Caller {
  private readonly self: Effect.Effect<any, any, any>
  private readonly settle: ((value: any) => Cost) | undefined

  constructor(
    limiter: Limiter,
    costs: Costs,
    fiber: Fiber.Fiber<any, any>,
    self: Effect.Effect<any, any, any>,
    settle: ((value: any) => Cost) | undefined
  ) {
    super(limiter, costs, fiber)
    this.self = self
    this.settle = settle
  }

  protected work(): Effect.Effect<any, any, any> {
    return this.self
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    if (exit._tag === "Failure") {
      const failure = onlyFailure(exit.cause)
      return failure && Outcome.isRejection(failure.failure) ? this.costs.map((cost) => -cost) : undefined
    }
    if (this.settle === undefined) return undefined
    // What cannot be settled stays as it was estimated: the answer of the call is not lost for it.
    try {
      return this.limiter.differences(this.costs, this.settle(exit.value))
    } catch {
      return undefined
    }
  }
}

class ReservingCall extends Caller {
  protected work(): Effect.Effect<Reservation> {
    let ended = false
    const once = (differences: () => Costs) =>
      Effect.sync(() => {
        if (ended) return
        const corrections = differences()
        ended = true
        this.correct(corrections)
      })
    return Effect.succeed<Reservation>({
      settle: (actual) => once(() => this.limiter.differences(this.costs, actual)),
      refund: once(() => this.costs.map((cost) => -cost))
    })
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    return exit._tag === "Success" ? undefined : this.costs.map((cost) => -cost)
  }
}

const fromLimiter = (limiter: Limiter): RateLimit => {
  const { machine, name } = limiter
  const oneRequest = limiter.costs({}, "RateLimit.protect")
  const protect = (costs: Costs, settle?: (value: any) => Cost) => {
    const begin: Begin = (fiber, self) => new ProtectedCall(limiter, costs, fiber, self, settle)
    return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | RateLimited, R> => guard(self, begin)
  }
  const atNow = (change: (now: number) => void) => Effect.map(Clock.Clock, (clock) => change(monotonicMillis(clock)))
  return {
    name,
    protect: protect(oneRequest),
    protectWith: ({ costs, settle }) => protect(limiter.costs(costs, "RateLimit.protectWith"), settle),
    reserve: (costs) =>
      Effect.suspend(() => {
        const inOrder = limiter.costs(costs, "RateLimit.reserve")
        return guard(Effect.void, (fiber) => new ReservingCall(limiter, inOrder, fiber))
      }),
    pause: (duration) =>
      atNow((now) => machine.pause(now + new OptionsOf("RateLimit.pause").wait("duration", duration), now)),
    setLimits: (limits) => atNow((now) => limiter.change(limits, now)),
    snapshot: Effect.map(Clock.Clock, (clock) => snapshot(limiter, monotonicMillis(clock)))
  }
}

const snapshot = ({ admitted, limits, machine, name, rejected }: Limiter, now: number): Snapshot => ({
  name,
  limits: machine.meters.map((meter, i) => ({
    resource: limits[i]!.resource,
    available: meter.available(now),
    capacity: meter.capacity
  })),
  waiting: machine.queue.size,
  admitted,
  rejected,
  pausedFor: machine.pausedUntil > now ? Duration.millis(machine.pausedUntil - now) : undefined
})

const checkLimits = (limits: ReadonlyArray<Limit>, check: OptionsOf): ReadonlyArray<Meter.Limit> => {
  if (limits.length === 0) check.refuse("limits", "at least one", "none")
  return limits.map(({ burst, kind, limit, per, resource }, i) => {
    check.oneOf("resource", resource, resources)
    if (limits.findIndex((other) => other.resource === resource) !== i) {
      check.refuse("limits", "at most one for each resource", `two for ${resource}`)
    }
    check.oneOf(`${resource}.kind`, kind, ["token-bucket", "sliding-window"])
    return {
      limit: check.supply(`${resource}.limit`, limit),
      per: check.positive(`${resource}.per`, per),
      burst: check.supply(`${resource}.burst`, burst)
    }
  })
}
