/**
 * Keeps calls below the limits of a provider, by requests, tokens and cost at the same time, so that the provider does
 * not answer 429.
 *
 * A limiter has one or more limits. A call takes its costs from all of them or from none. If it must wait, the limiter
 * calculates the exact time of its turn. The call waits, first come, first served, when its turn comes within `maxWait`
 * and before its deadline. Otherwise it is rejected at once with {@link RateLimited}, whose `retryAfter` is the time
 * until its turn. Small requests do not overtake a large one. A call that is interrupted while it waits leaves the
 * queue, and the calls behind it move up.
 *
 * The number of tokens is estimated before a call and known after it. {@link RateLimiter.reserve} takes the estimate;
 * the reservation is then settled with the actual usage, more or less, or refunded.
 *
 * **Order.** Inside retry, so that every attempt is counted; outside bulkhead and circuit breaker. When a guard
 * directly inside rejects the call, the costs are refunded. When something else is in between, such as a span, the call
 * counts as started and the costs stay taken.
 *
 * **Semantics.** A token bucket refills at a constant rate and holds at most `burst`, so that up to `limit + burst` can
 * pass in one `per`. A sliding window never passes more than `limit` in any `per`. Usage above the estimate becomes a
 * debt of at most one bucket, which the refill pays off.
 *
 * **Waiting.** At most `queue` calls wait. A new call is never rejected when its turn comes in time, and rejected at
 * once when its turn comes too late; see _In doubt_ for the exception. The turn of a waiting call can move when other
 * calls leave or settle, or when the limiter is paused, clamped or changed. A waiting call is rejected as soon as the
 * turn of the head of the queue is too late for it, or when it is the head and its own turn is too late. With n waiting
 * calls, joining, leaving, settling and pausing cost O(log n) on average.
 *
 * **In doubt.** With more than 64 waiting calls, the turn of a new call is not always known at that cost. The call then
 * joins the queue and is rejected when its turn proves too late: with a sliding window among the limits after at most n
 * / 32 operations (calls that arrive, leave, settle or are admitted, and pauses), with token buckets alone after at
 * most n / 2. Token buckets alone get there only by many pauses and resumes in quick succession.
 *
 * **Fleet.** With `shared: true` and a `Cluster` around, the limits are those of all limiters with this name on all nodes. A
 * call then waits for a booking where nothing is booked, also with a shorter `maxWait`, for twice the time-out of the cluster at most.
 *
 * **Gotchas.** A limiter limits only the calls that share it: make it once. It uses the clock of the fiber that made
 * it. A request that costs more than a limit ever holds is rejected without a `retryAfter`. A sliding window that holds
 * more than 8,192 different instants frees capacity late by up to `per` / 2,048.
 *
 * ```ts
 * import { RateLimiter } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* RateLimiter.make({
 *     name: "model",
 *     limits: [RateLimiter.requests(100, "1 second"), RateLimiter.tokens(90_000, "1 minute")]
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
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { guard, guardBy, type StartAdmission } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { ProtectedCall, ReservingCall } from "./rateLimiter/call.ts"
import { RateLimited } from "./rateLimiter/RateLimited.ts"
import type {
  Cost,
  Limit,
  LimitOptions,
  Options,
  RateLimiter,
  Resource,
  Snapshot,
  WaitOptions
} from "./rateLimiter/model.ts"
import { kind } from "./rateLimiter/observe.ts"
import { CurrentLimiterFleet } from "./rateLimiter/fleet.ts"
import { limiterOf, noteLimiter } from "./rateLimiter/saving.ts"
import { Limiter } from "./rateLimiter/limiter.ts"
import type { Meter } from "./rateLimiter/meter.ts"
import { codec, limitOf } from "./rateLimiter/rules.ts"
import { termed, type Terms } from "./rateLimiter/termedCall.ts"
import type { Costs } from "./rateLimiter/turn.ts"
import * as Registry from "./Registry.ts"

export { kind, RateLimited }
export type { Terms }
export type {
  Cost,
  Limit,
  LimitKind,
  LimitOptions,
  Options,
  RateLimiter,
  Reservation,
  Resource,
  Snapshot,
  WaitOptions
} from "./rateLimiter/model.ts"

/**
 * Limits the number of requests per time. A limit below 1 needs a `burst` of at least 1; without it, no request would
 * pass.
 *
 * @since 0.1.0
 * @category constructors
 */
export const requests: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("requests")

/**
 * Limits the number of tokens per time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tokens: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("tokens")

/**
 * Limits the cost per time, in the unit in which the costs of calls are given.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cost: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("cost")

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON. Each limit is `{ resource, limit, per, kind, burst }`; `kind`
 * and `burst` have defaults. A wrong or unknown field is rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a limiter with nothing taken. It uses the clock of the fiber that makes it. Dies with a `RangeError` that names
 * the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RateLimiter> =>
  Effect.tap(
    Effect.withFiber((fiber) => {
      const { cache: { scheduler }, context } = fiber
      const clock = fiber.getRef(Clock.Clock)
      const fleet = options.shared === true ? fiber.getRef(CurrentLimiterFleet) : undefined
      // Without a scope it stays alone: nothing would end its part in the fleet.
      const scope = fleet && Context.getOrUndefined(context, Scope.Scope)
      if (fleet === undefined || scope === undefined) {
        return Effect.sync(() => fromLimiter(new Limiter(options, clock, scheduler)))
      }
      return Effect.suspend(() => {
        const limiter = new Limiter(options, clock, scheduler, fleet.link(options.name, clock))
        const { end, run } = limiter.link!
        return Scope.addFinalizer(scope, end).pipe(
          Effect.andThen(Effect.forkIn(run, scope)),
          Effect.as(fromLimiter(limiter))
        )
      })
    }),
    (limiter) => Registry.register({ kind, name: limiter.name, guard: limiter })
  )

/**
 * Makes a limiter with the options under a path of the configuration, such as `["model", "rateLimiter"]`. Options that
 * are missing there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<RateLimiter, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one rate limiter, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"RateLimiter", Id>, RateLimiter>, GuardClass<Self, RateLimited, Options>
{}

/**
 * A class that is the service key of one limiter, with its `layer` and its `protect`.
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): ServiceClass<Self, Id> => guardClass(keyOf("RateLimiter", id), { ...options, name: options.name ?? id }, make, codec)

/**
 * The most that a limiter ever holds of a resource now: its `burst`, or the limit of its window. It is a plain read, where
 * `snapshot` reads everything. Undefined for a resource without a limit, and for a limiter that was not made here.
 *
 * @since 0.1.0
 * @category combinators
 */
export const capacityOf = (limiter: RateLimiter, resource: Resource): number | undefined =>
  meterOf(limiterOf(limiter), resource)?.capacity

/**
 * What there is of a resource now, below zero where more was taken than there was. It is a plain read, where `snapshot` reads
 * everything. Of a limit of the fleet it is what the fleet has left, as far as this node has heard. Undefined for a resource without
 * a limit, and for a limiter that was not made here.
 *
 * @since 0.1.0
 * @category combinators
 */
export const availableOf = (limiter: RateLimiter, resource: Resource): number | undefined => {
  const known = limiterOf(limiter)
  const meter = meterOf(known, resource)
  return meter && leftOf(meter, known!.now())
}

/**
 * Takes from a limiter what one call costs, and corrects that by its value: like `protectWith`, for calls of which each has
 * costs of its own. It waits as long as calls through `protect` do.
 *
 * @since 0.1.0
 * @category combinators
 */
export const protectCall = <A, E, R>(
  limiter: RateLimiter,
  self: Effect.Effect<A, E, R>,
  terms: Terms<A>
): Effect.Effect<A, E | RateLimited, R> => {
  const known = limiterOf(limiter)
  return known === undefined
    // Of such a limiter only its functions are known: what a failed call has taken stays taken.
    ? limiter.protectWith<A>({ costs: () => terms.costs(), settle: (value) => terms.settle(value) })(self)
    : termed(known, self, terms) as Effect.Effect<A, E | RateLimited, R>
}

/** A node holds next to nothing of a limit that it shares with others, and needs no more. */
const leftOf = (meter: Meter, now: number): number => meter.leftForAll?.(now) ?? meter.available(now)

const meterOf = (known: Limiter | undefined, resource: Resource): Meter | undefined => {
  if (known === undefined) return undefined
  const { limits, machine } = known
  for (let i = 0; i < limits.length; i++) if (limits[i]!.resource === resource) return machine.meters[i]
  return undefined
}

const fromLimiter = (limiter: Limiter): RateLimiter => {
  const { name } = limiter
  const waitOf = (where: string, { maxWait }: WaitOptions = {}): number =>
    maxWait === undefined ? limiter.maxWait : new OptionsOf(where).wait("maxWait", maxWait)
  const protect = (costs: Cost | (() => Cost), where: string, options: WaitOptions, settle?: (value: any) => Cost) => {
    const maxWait = waitOf(where, options)
    const fixed = typeof costs === "function" ? undefined : limiter.costs(costs, where)
    const asked = (): Costs => fixed ?? limiter.costs((costs as () => Cost)(), where)
    const settling = settle && { settle }
    const begin: StartAdmission = (_fiber, self) => new ProtectedCall(limiter, asked(), maxWait, self, settling)
    // A call that does not wait is refused before anything is held for it.
    const refuse = maxWait === 0 ? () => limiter.refuse(asked) : undefined
    return guardBy<RateLimited>(begin, refuse)
  }
  const self: RateLimiter = {
    name,
    protect: protect({}, "RateLimiter.protect", {}),
    protectWith: ({ costs, settle, ...options }) => protect(costs, "RateLimiter.protectWith", options, settle),
    reserve: (costs, options) =>
      Effect.suspend(() => {
        const where = "RateLimiter.reserve"
        const [asked, maxWait] = [limiter.costs(costs, where), waitOf(where, options)]
        return guard(Effect.void, () => new ReservingCall(limiter, asked, maxWait))
      }),
    pause: (duration) => Effect.sync(() => limiter.pause(duration)),
    resume: Effect.sync(() => limiter.resume()),
    clampAvailable: (atMost) => Effect.sync(() => limiter.clampAvailable(atMost)),
    setLimits: (limits) => Effect.sync(() => limiter.change(limits)),
    snapshot: Effect.sync(() => snapshot(limiter, limiter.now()))
  }
  noteLimiter(self, limiter)
  return offerCalls(self, limiter)
}

const snapshot = ({ admitted, limits, machine, name, rejected }: Limiter, now: number): Snapshot => ({
  name,
  limits: machine.meters.map((meter, i) => ({
    resource: limits[i]!.resource,
    available: leftOf(meter, now),
    capacity: meter.capacity
  })),
  waiting: machine.queue.size,
  admitted,
  rejected,
  pausedFor: machine.pausedUntil > now ? Duration.millis(machine.pausedUntil - now) : undefined
})
