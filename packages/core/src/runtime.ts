/**
 * The seam for packages that build guards on core, such as `@switchgear/http`. It is for nobody else: an application
 * needs none of it, and its exports may change in any minor version.
 *
 * It holds what such a package would otherwise write a second time: how time is measured, how a timer is started,
 * how a duration is printed, how many bytes a text has, how an error is built that is cheap under overload and answers an HTTP request, and how
 * options are checked and read from configuration. All that measures time takes time from the clock of the fiber, so it follows
 * `TestClock` and `VirtualClock`.
 *
 * ```ts
 * import { monotonicMillis, startTimer } from "@switchgear/core/runtime"
 * import { Clock, Effect, Scheduler } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const clock = yield* Clock.Clock
 *   const fired: Array<number> = []
 *   startTimer(clock, yield* Scheduler.Scheduler, 500, () => fired.push(monotonicMillis(clock)))
 *   const stop = startTimer(clock, yield* Scheduler.Scheduler, 700, () => fired.push(monotonicMillis(clock)))
 *   stop()
 *   const start = monotonicMillis(clock)
 *   yield* TestClock.adjust("1 second")
 *   return fired.map((at) => at - start)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, TestClock.layer())) // => [500]
 * ```
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type * as Duration from "effect/Duration"
import * as Keeping from "./deadline/keeping.ts"
import * as FormatDuration from "./internal/data/formatDuration.ts"
import * as RecentTimesOf from "./internal/data/recentTimes.ts"
import * as Utf8Length from "./internal/data/utf8Length.ts"
import * as Calls from "./internal/runtime/callListeners.ts"
import * as Endings from "./internal/runtime/ending.ts"
import * as Handlers from "./internal/runtime/handler.ts"
import * as InContext from "./internal/runtime/inContext.ts"
import * as Rejection from "./internal/runtime/rejection.ts"
import * as TakeOver from "./internal/runtime/takeOver.ts"
import * as Time from "./internal/runtime/time.ts"
import * as Timer from "./internal/runtime/timer.ts"
import * as TimerLane from "./internal/runtime/timerLane.ts"

/**
 * The time of a clock as guards measure it: milliseconds of its monotonic reading, with fractions. The origin is
 * arbitrary, so only differences mean something.
 *
 * @category runtime
 * @since 0.1.0
 */
export const monotonicMillis: (clock: Clock.Clock) => number = Time.monotonicMillis

/**
 * Calls `onFire` after `millis` milliseconds, and never in the step that starts the timer. Returns a function that
 * stops it; to stop it twice, or after it has fired, does nothing. `Infinity` never fires. What `onFire` throws is
 * logged.
 *
 * The timer belongs to no fiber and no scope: the caller must stop it, or it keeps the process awake until it fires.
 *
 * @category runtime
 * @since 0.1.0
 */
export const startTimer: (
  clock: Clock.Clock,
  scheduler: Scheduler.Scheduler,
  millis: number,
  onFire: () => void
) => () => void = Timer.startTimerOf

/**
 * Starts a time-out that hardly ever fires, such as that of a call: `onFire` is called `millis` milliseconds after the
 * moment for which `due` was calculated, unless `cancel` is called first. All time-outs of one length share a timer, so
 * starting and cancelling one is a few assignments. What `onFire` throws is logged.
 *
 * It belongs to no scope: the caller must cancel it, or it keeps the process awake until it fires.
 *
 * @category runtime
 * @since 0.1.0
 */
export const startTimeout: (
  fiber: Fiber.Fiber<any, any>,
  clock: Clock.Clock,
  millis: number,
  due: number,
  onFire: () => void
) => { readonly cancel: (fiber: Fiber.Fiber<any, any>) => void } = TimerLane.startTimeout

/**
 * The effect, as one that keeps the deadline of its fiber itself, by {@link joinDeadline}, while the predicate holds for the
 * fiber. A time-out around it then needs no fiber of its own. Everything that such an effect
 * waits for must be left when the deadline comes.
 *
 * @category runtime
 * @since 0.1.0
 */
export const keepingDeadline: <A, E, R>(
  self: Effect.Effect<A, E, R>,
  keeps: (fiber: Fiber.Fiber<any, any>) => boolean
) => Effect.Effect<A, E, R> = Keeping.keepingDeadline

/**
 * An effect around another one, as one that keeps the deadlines which the other one keeps, see {@link keepingDeadline}.
 *
 * @category runtime
 * @since 0.1.0
 */
export const keepingAs: <A, E, R>(
  self: Effect.Effect<A, E, R>,
  inside: Effect.Effect<any, any, any>
) => Effect.Effect<A, E, R> = Keeping.keepingAs

/**
 * Joins the deadline of the fiber for one wait, until `cancel` is called. When the deadline comes first, `leave` is called:
 * it leaves what is waited for, and goes on with an interruption. Without a deadline nothing happens. `comesBefore` tells
 * whether it comes before a time of a clock, in monotonic milliseconds: until then no other timer is needed.
 *
 * @category runtime
 * @since 0.1.0
 */
export const joinDeadline: (
  fiber: Fiber.Fiber<any, any>,
  leave: () => void
) => {
  readonly cancel: (fiber: Fiber.Fiber<any, any>) => void
  readonly comesBefore: (due: number, clock: Clock.Clock) => boolean
} = Keeping.joinDeadline

/**
 * Builds an error without the capture of its stack trace, which costs several microseconds. It is for errors that are
 * part of normal operation under overload and whose fields tell all there is to know, such as rejections.
 *
 * @category runtime
 * @since 0.1.0
 */
export const withoutStack: <E>(build: () => E) => E = Rejection.withoutStack

/**
 * The times of the last 400 calls, in milliseconds.
 *
 * @category runtime
 * @since 0.1.0
 */
export interface RecentTimes {
  /** The number of times that are remembered. */
  readonly samples: number
  /**
   * The time that this share of the calls took at most; undefined below 20 times. It is calculated again every 10 times.
   */
  readonly quantile: (share: number) => number | undefined
  readonly add: (millis: number) => void
}

/**
 * Makes one that remembers nothing yet.
 *
 * @category runtime
 * @since 0.1.0
 */
export const RecentTimes: new() => RecentTimes = RecentTimesOf.RecentTimes

/**
 * What happened to one call through a guard.
 *
 * @category runtime
 * @since 0.1.0
 */
export type CallEvent = Calls.CallEvent

/**
 * Calls `tell` for each later call through a circuit breaker, bulkhead, rate limiter, retry or named time-out of this library, in the step
 * in which it happens. What it throws is logged. Returns a function that ends that. It is for a record of single calls:
 * state and totals are in the snapshots.
 *
 * @category runtime
 * @since 0.1.0
 */
export const listenToCalls: (guard: object, tell: (event: CallEvent) => void) => () => void = Calls.listenToCalls

/**
 * The effect in this context, which must be made from that of the fiber that runs the effect. It is what
 * `Effect.updateContext` does, at a third of its steps.
 *
 * @category runtime
 * @since 0.1.0
 */
export const inContext: <A, E, R>(
  self: Effect.Effect<A, E, R>,
  context: Context.Context<never>
) => Effect.Effect<A, E, R> = InContext.inContext

/**
 * Goes on from work that succeeds, which runs in a context: what `Effect.map` and `Effect.updateContext` do, in one object.
 * `enter` is called in the step of a fiber that returns the work. The fiber has its own context again after it.
 *
 * @category runtime
 * @since 0.1.0
 */
export abstract class Continuation extends Handlers.Continuation {}

/**
 * Goes on from work however it ends, as `Effect.matchCauseEffect` does, see {@link Continuation}.
 *
 * @category runtime
 * @since 0.1.0
 */
export abstract class Handler extends Handlers.Handler {}

/**
 * Is told how work has ended, whatever ends it, as `Effect.onExitPrimitive` tells it. `enter` is called in the step of a fiber
 * that returns the work, before what has to be ended is begun.
 *
 * @category runtime
 * @since 0.1.0
 */
export abstract class Ending extends Endings.Ending {}

/**
 * A duration as the messages of guards print it: in two units at most, such as `1h 30m`. What does not fit is rounded
 * up, so that a wait is never printed shorter than it is.
 *
 * @category runtime
 * @since 0.1.0
 */
export const formatDuration: (duration: Duration.Duration) => string = FormatDuration.formatDuration

/**
 * The bytes that a text has as UTF-8.
 *
 * @category runtime
 * @since 0.1.0
 */
export const utf8Length: (text: string) => number = Utf8Length.utf8Length

/**
 * How an error answers an HTTP request: its response, the key of Effect's `HttpServerRespondable`, and what stands there.
 *
 * @category errors
 * @since 0.1.0
 */
export { type ErrorKind, errorResponse, respond, respondable, type Told } from "./internal/runtime/errorResponse.ts"

/**
 * Puts the values of another cache into one that has just been made, with their ages, as far as they fit and its options keep
 * them. The other one keeps them, too. It is for a cache whose options are changed while the process runs.
 *
 * @category runtime
 * @since 0.1.0
 */
export const takeOverCache: (made: object, other: object) => void = TakeOver.takeOver

/**
 * Races of a cascade that calculate anew how long their newest target has, when what that depends on has changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export { CurrentReconsidering, Reconsidering } from "./internal/runtime/reconsidering.ts"

/**
 * The fleet around, of which budgets can be, see `Cluster`. It is for a ledger that keeps budgets.
 *
 * @category references
 * @since 0.1.0
 */
export {
  type BudgetFleet,
  type BudgetShare,
  type BudgetWindow,
  CurrentBudgetFleet
} from "./internal/runtime/budgetLink.ts"

/**
 * Why a connection or a command failed, without what may be secret. It is for stores of a fleet.
 *
 * @category errors
 * @since 0.1.0
 */
export { failureWord, systemCode } from "./internal/runtime/failureWord.ts"

/**
 * How options are checked, and read from YAML, JSON and the environment by the same rules.
 *
 * @category options
 * @since 0.1.0
 */
export { OptionsOf } from "./internal/config/checks.ts"
export {
  type CodecSpec,
  group,
  NumberOrDuration,
  type OptionsCodec,
  optionsCodec,
  type OptionsPart,
  optionsPart,
  Secret
} from "./internal/config/optionsCodec.ts"
