/** From the options of a circuit breaker to the rules of its machine, with every value checked. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { FamilyOptions, Options, Window } from "../CircuitBreaker.ts"
import * as Outcome from "../Outcome.ts"
import type { BreakerRules } from "../internal/breakerMachine.ts"
import type { Judge } from "./circuit.ts"
import type { OptionsOf } from "../internal/options.ts"
import { CountWindow, type SlidingWindow, TimeWindow } from "../internal/slidingWindow.ts"

export const toRules = (
  options: Options,
  check: OptionsOf,
  onTransition: BreakerRules["onTransition"],
  context: Context.Context<never>
): BreakerRules => {
  check.name(options.name)
  const window = options.window ?? { _tag: "LastCalls", calls: 100 }
  const size = window._tag === "LastCalls" ? check.integer("window.calls", window.calls, 1) : Number.MAX_SAFE_INTEGER
  const failureRate = options.failureRate ?? 0.5
  const rate = failureRate === "off" ? Infinity : check.rate("failureRate", failureRate)
  return {
    makeWindow: toWindow(window, check),
    minimumCalls: check.integer("minimumCalls", options.minimumCalls ?? Math.min(10, size), 1, size),
    failureRate: rate,
    slowCallRate: check.rate("slowCallRate", options.slowCallRate ?? 1),
    consecutiveFailures: options.consecutiveFailures === undefined
      ? Infinity
      : check.integer("consecutiveFailures", options.consecutiveFailures, 1),
    halfOpenCalls: check.integer("halfOpen.calls", options.halfOpen?.calls ?? 5, 1),
    // With the failure rate off there is no share to compare with: one failed probe opens again.
    halfOpenFailureRate: rate === Infinity ? Number.MIN_VALUE : rate,
    halfOpenMaxWait: check.limit("halfOpen.maxWait", options.halfOpen?.maxWait ?? "60 seconds"),
    rampUp: options.rampUp && {
      over: check.positive("rampUp.over", options.rampUp.over),
      from: check.rate("rampUp.from", options.rampUp.from ?? 0.1)
    },
    makeOpenings: toOpenings(options.openFor ?? "30 seconds", check, context),
    onTransition
  }
}

/** How calls are judged unless they are judged by a rule of their own. */
export const toJudge = (options: Options, check: OptionsOf): Judge => ({
  classify: options.classify ?? Outcome.fromExit,
  slowMillis: options.slowCallDuration === undefined
    ? Infinity
    : check.positive("slowCallDuration", options.slowCallDuration)
})

/** How many circuits of a family are kept, and for how long. */
export const toBounds = (options: FamilyOptions, check: OptionsOf): Bounds => {
  const idleMillis = check.limit("idleTimeToLive", options.idleTimeToLive ?? "1 hour")
  return {
    capacity: check.integer("capacity", options.capacity ?? 10_000, 1),
    idleMillis,
    grain: Math.min(1000, idleMillis / 100)
  }
}

/** How many circuits a family keeps, and for how long. */
export interface Bounds {
  readonly capacity: number
  readonly idleMillis: number
  /** Uses of a circuit within so many milliseconds are one: of many keys, moving each at each use would cost the most. */
  readonly grain: number
}

const toWindow = (window: Window, check: OptionsOf): () => SlidingWindow => {
  if (window._tag === "LastCalls") return () => new CountWindow(window.calls)
  const millis = check.positive("window.duration", window.duration)
  const buckets = check.integer("window.buckets", window.buckets, 1)
  return () => new TimeWindow(millis, buckets)
}

// A schedule steps in the middle of a synchronous transition, so it is run synchronously, with the services that `make`
// saw (`Random` for jitter). A step that cannot answer so leaves the last delay standing: the circuit opens anyway.
const toOpenings = (
  openFor: Duration.Input | Schedule.Schedule<unknown, number>,
  check: OptionsOf,
  context: Context.Context<never>
): () => (opening: number) => number => {
  if (!Schedule.isSchedule(openFor)) {
    const millis = check.positive("openFor", openFor)
    const always = () => millis
    return () => always
  }
  const schedule = openFor as Schedule.Schedule<unknown, number>
  const runSync = Effect.runSyncWith(context)
  const runSyncExit = Effect.runSyncExitWith(context)
  return () => {
    let delay = Duration.seconds(30)
    let step = runSync(Schedule.toStep(schedule))
    return (opening) => {
      if (opening === 1) step = runSync(Schedule.toStep(schedule))
      const exit = runSyncExit(Effect.flatMap(Clock.currentTimeMillis, (now) => step(now, opening)))
      if (exit._tag === "Success") delay = exit.value[1]
      return Duration.toMillis(delay)
    }
  }
}
