/**
 * What a provider allows per time is kept to, by requests, by tokens and by cost at once, so that its 429 is never seen.
 *
 * A limiter has one or more limits. A call takes from all of them or from none. If it cannot now, its exact turn is known:
 * it waits for it, first come first served, when that is within `maxWait` and before the caller's deadline; otherwise it
 * is refused at once with {@link RateLimited}, whose `retryAfter` says when it would have been its turn. A large request
 * is not overtaken by small ones. A caller who is interrupted while waiting gives its place back, and those behind move
 * up.
 *
 * Tokens are estimated before a call and known after it: {@link RateLimiter.reserve} takes the estimate, and the
 * reservation is settled with the true usage, in either direction, or refunded.
 *
 * **Order.** Inside retry, so that every attempt is counted; outside bulkhead and breaker. What a guard directly inside
 * refuses was not used, and is refunded. With something else in between, such as a span, the call has begun and is paid.
 *
 * **Semantics.** A token bucket fills steadily and saves up to `burst`, so it can pass up to `limit + burst` in one
 * `per`; a sliding window never passes more than `limit` in any `per`. Usage above the estimate becomes a debt of at most
 * one bucket; time pays it off.
 *
 * **Waiting.** At most `queue` calls wait. A newcomer is never refused when its turn comes in time, and is refused at once
 * when its turn comes too late; the exception is below. A waiter's turn can move when others leave, settle, or the limiter
 * is paused, lowered or changed; it is refused as soon as the turn of the first in the queue is too late for it, or when it
 * is the first and its own turn is too late. With n waiting, to join, to leave, to settle and to pause cost O(log n) on
 * average, whatever came before.
 *
 * **In doubt.** With more than 64 waiting, a newcomer's turn is not always known at that cost. The newcomer then joins the
 * queue, and is refused when its turn turns out to be too late: with a sliding window among the limits after at most n / 32
 * operations (calls that come, leave, settle or get their turn, pauses), with token buckets alone after at most n / 2. Token
 * buckets alone know nearly every turn at once: it takes pauses and their ends in quick turn to bring them in doubt.
 *
 * **Gotchas.** A limiter limits those who share it: make it once. It measures time by the clock of the fiber that made
 * it. A request that costs more than a limit ever holds is refused without a `retryAfter`. A sliding window that has seen
 * more than 8,192 different instants frees a place up to a 2,048th of `per` late.
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
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { guard, guardBy, type StartAdmission } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { type Asked, ProtectedCall, ReservingCall } from "./rateLimiter/call.ts"
import { RateLimited } from "./rateLimiter/RateLimited.ts"
import type { Cost, Limit, LimitOptions, Options, RateLimiter, Snapshot, WaitOptions } from "./rateLimiter/model.ts"
import { kind } from "./rateLimiter/observe.ts"
import { Limiter } from "./rateLimiter/limiter.ts"
import { codec, limitOf } from "./rateLimiter/rules.ts"
import * as Registry from "./Registry.ts"

export { kind, RateLimited }
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

/** So many requests per time. A limit below 1 needs a `burst` of at least 1, or it would never pass a request. */
export const requests: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("requests")

/** So many tokens per time. */
export const tokens: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("tokens")

/** So much money per time, in whatever unit the costs are given in. */
export const cost: (limit: number, per: Duration.Input, options?: LimitOptions) => Limit = limitOf("cost")

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON, each limit as `{ resource, limit, per, kind, burst }` of which the
 * last two have a default. A field that is wrong or unknown is refused by name.
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a limiter, full. It measures time by the clock of the fiber that makes it. Dies with a `RangeError` that names
 * the field when an option is out of range.
 */
export const make = (options: Options): Effect.Effect<RateLimiter> =>
  Effect.tap(
    Effect.withFiber((fiber) =>
      Effect.sync(() => fromLimiter(new Limiter(options, fiber.getRef(Clock.Clock), fiber.cache.scheduler)))
    ),
    (limiter) => Registry.register({ kind, name: limiter.name, guard: limiter })
  )

/**
 * Makes a limiter with the options under a path of the configuration, such as `["model", "limit"]`; what is not found
 * there is as in `options`. Options out of range are a `ConfigError`.
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

/** A class that is the service key of one limiter, with its `layer` and its `protect`. */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): ServiceClass<Self, Id> => guardClass(keyOf("RateLimiter", id), { ...options, name: options.name ?? id }, make, codec)

const fromLimiter = (limiter: Limiter): RateLimiter => {
  const { name } = limiter
  const ask = (where: string, costs: Cost, { maxWait }: WaitOptions = {}): Asked => ({
    costs: limiter.costs(costs, where),
    maxWait: maxWait === undefined ? limiter.maxWait : new OptionsOf(where).wait("maxWait", maxWait)
  })
  const protect = (asked: Asked, settle?: (value: any) => Cost) => {
    const begin: StartAdmission = (_fiber, self) => new ProtectedCall(limiter, asked, self, settle)
    // A call that does not wait is refused before anything is held for it.
    const refuse = asked.maxWait === 0 ? () => limiter.refuse(asked.costs) : undefined
    return guardBy<RateLimited>(begin, refuse)
  }
  return {
    name,
    protect: protect(ask("RateLimiter.protect", {})),
    protectWith: ({ costs, settle, ...options }) => protect(ask("RateLimiter.protectWith", costs, options), settle),
    reserve: (costs, options) =>
      Effect.suspend(() => {
        const asked = ask("RateLimiter.reserve", costs, options)
        return guard(Effect.void, () => new ReservingCall(limiter, asked))
      }),
    pause: (duration) => Effect.sync(() => limiter.pause(duration)),
    resume: Effect.sync(() => limiter.resume()),
    clampAvailable: (atMost) => Effect.sync(() => limiter.clampAvailable(atMost)),
    setLimits: (limits) => Effect.sync(() => limiter.change(limits)),
    snapshot: Effect.sync(() => snapshot(limiter, limiter.now()))
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
