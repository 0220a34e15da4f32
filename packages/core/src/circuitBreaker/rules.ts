/** Checks the options of a circuit breaker and turns them into the rules of its state machine. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import type { FamilyOptions } from "./familyModel.ts"
import type { Options, Thresholds, Window } from "./model.ts"
import * as Outcome from "../Outcome.ts"
import type { BreakerRules } from "./machineModel.ts"
import { fieldOf } from "../internal/data/fieldOf.ts"
import { holds } from "../internal/data/holds.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { CountWindow, type SlidingWindow, TimeWindow } from "../internal/data/slidingWindow.ts"
import {
  count,
  finestMillis,
  limit,
  mostBuckets,
  mostCalls,
  mostCircuits,
  mostCounted,
  mostProbes,
  span
} from "./bounds.ts"
import type { Judge } from "./circuit.ts"
import { checkShared } from "../internal/config/checkShared.ts"
import { defaultBounds, mostBounds } from "./durations.ts"
import { scheduledOpenings } from "./openings.ts"

export const toRules = (
  options: Options,
  check: OptionsOf,
  onTransition: BreakerRules["onTransition"],
  context: Context.Context<never>
): BreakerRules => {
  check.name(options.name)
  if (options.critical !== undefined && typeof options.critical !== "boolean") {
    check.refuse("critical", "true or false", options.critical)
  }
  if (options.shared !== undefined && typeof options.shared !== "boolean") {
    check.refuse("shared", "true or false", options.shared)
  }
  checkShared(check, options)
  const window = options.window ?? { _tag: "LastCalls", calls: 100 }
  const halfOpen = check.group("halfOpen", options.halfOpen, ["calls", "maxWait"])
  const rampUp = check.group("rampUp", options.rampUp, ["over", "from"])
  const kind = fieldOf(window, "_tag")
  if (kind !== "LastCalls" && kind !== "Lasting") return check.refuse("window", "lastCalls(…) or lasting(…)", window)
  const size = window._tag === "LastCalls" ? count(check, "window.calls", window.calls, mostCalls) : mostCounted
  const failureRate = options.failureRate ?? 0.5
  const rate = failureRate === "off" ? Infinity : check.rate("failureRate", failureRate)
  const makeWindow = toWindow(window, check)
  const judged = {
    minimumCalls: check.integer("minimumCalls", options.minimumCalls ?? Math.min(10, size), 1, size),
    slowCallRate: check.rate("slowCallRate", options.slowCallRate ?? 1),
    consecutiveFailures: options.consecutiveFailures === undefined
      ? Infinity
      : count(check, "consecutiveFailures", options.consecutiveFailures, mostCounted),
    halfOpenCalls: count(check, "halfOpen.calls", halfOpen?.calls ?? 5, mostProbes)
  }
  return {
    ...judged,
    makeWindow,
    durationBounds: toDurationBounds(options.measureDurations ?? "off", check),
    thresholds: toThresholds({ ...judged, failureRate: rate }, window, slowMillisOf(options, check)),
    failureRate: rate,
    // With the failure rate off there is no share to compare with: one failed probe opens the circuit again.
    halfOpenFailureRate: rate === Infinity ? Number.MIN_VALUE : rate,
    halfOpenMaxWait: limit(check, "halfOpen.maxWait", halfOpen?.maxWait ?? "60 seconds"),
    rampUp: rampUp && {
      over: span(check, "rampUp.over", rampUp.over),
      from: check.rate("rampUp.from", rampUp.from ?? 0.1)
    },
    maxRetryAfter: span(check, "maxRetryAfter", options.maxRetryAfter ?? "10 minutes"),
    patience: options.patience === undefined ? undefined : check.wait("patience", options.patience),
    makeOpenings: toOpenings(options.openFor ?? "30 seconds", check, context),
    onTransition
  }
}

/** How calls are judged that have no rules of their own. */
export const toJudge = (options: Options, check: OptionsOf): Judge => ({
  classify: options.classify === undefined ? Outcome.fromExit : check.callback("classify", options.classify),
  slowMillis: slowMillisOf(options, check)
})

const slowMillisOf = ({ slowCallDuration }: Options, check: OptionsOf): number =>
  slowCallDuration === undefined ? Infinity : span(check, "slowCallDuration", slowCallDuration)

/** As a snapshot shows them: what is off is undefined, and durations are of the type `Duration`. */
const toThresholds = (
  rules: Pick<
    BreakerRules,
    "minimumCalls" | "failureRate" | "slowCallRate" | "consecutiveFailures" | "halfOpenCalls"
  >,
  window: Window,
  slowMillis: number
): Thresholds => ({
  window: window._tag === "LastCalls" ? window : { ...window, duration: Duration.fromInputUnsafe(window.duration) },
  minimumCalls: rules.minimumCalls,
  failureRate: finite(rules.failureRate),
  slowCallRate: rules.slowCallRate,
  slowCallDuration: slowMillis === Infinity ? undefined : Duration.millis(slowMillis),
  consecutiveFailures: finite(rules.consecutiveFailures),
  halfOpenCalls: rules.halfOpenCalls
})

const finite = (threshold: number): number | undefined => threshold === Infinity ? undefined : threshold

const toDurationBounds = (
  measure: NonNullable<Options["measureDurations"]>,
  check: OptionsOf
): ReadonlyArray<number> | undefined => {
  if (measure === "off") return undefined
  if (measure === "on") return defaultBounds
  const bounds = Array.isArray(measure) ? measure.map((bound) => span(check, "measureDurations", bound)) : []
  const isRising = bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!)
  return bounds.length > 0 && bounds.length <= mostBounds && isRising
    ? bounds
    : check.refuse("measureDurations", `"off", "on", or from 1 to ${mostBounds} rising durations`, measure)
}

/** How many circuits of a family are kept, and for how long. */
export const toBounds = (options: FamilyOptions, check: OptionsOf): Bounds => {
  const idleMillis = limit(check, "idleTimeToLive", options.idleTimeToLive ?? "1 hour")
  return {
    capacity: count(check, "capacity", options.capacity ?? 10_000, mostCircuits),
    idleMillis,
    grain: Math.max(finestMillis, Math.min(1000, idleMillis / 100))
  }
}

/** How many circuits a family keeps, and for how long. */
export interface Bounds {
  readonly capacity: number
  readonly idleMillis: number
  /** Uses of a circuit within so many milliseconds count as one: moving a key in its queue at each use costs too much. */
  readonly grain: number
}

const toWindow = (window: Window, check: OptionsOf): () => SlidingWindow => {
  if (window._tag === "LastCalls") return () => new CountWindow(window.calls)
  const millis = span(check, "window.duration", window.duration)
  const buckets = count(check, "window.buckets", window.buckets, mostBuckets)
  if (millis / buckets < finestMillis) {
    check.refuse("window.duration", "at least a microsecond for each bucket", Duration.millis(millis))
  }
  return () => new TimeWindow(millis, buckets)
}

const toOpenings = (
  openFor: Duration.Input | Schedule.Schedule<unknown, number>,
  check: OptionsOf,
  context: Context.Context<never>
): () => (opening: number) => number => {
  if (holds(openFor, Schedule.isSchedule)) {
    return scheduledOpenings(openFor as Schedule.Schedule<unknown, number>, context)
  }
  const millis = span(check, "openFor", openFor)
  const always = () => millis
  return () => always
}
