/** How the settings of each source are written as options of our breaker, and the ways in which it differs from ours. */
import { CircuitBreaker } from "@switchgear/core"
import { Schedule } from "effect"
import type { Numbers, Ways } from "./breakerModel.ts"
import type { NotExpressible } from "./judge.ts"
import { not } from "./notExpressible.ts"
import type { Scenario } from "./scenario.ts"

/** One breaker, as numbers for the model and for the options alike. */
type Settings = { readonly [K in Exclude<keyof Numbers, "openFor" | "counts">]?: Numbers[K] | undefined } & {
  readonly openMillis?: number | undefined
  readonly backoff?: { readonly base: number; readonly factor: number } | undefined
  readonly counts?: Partial<Numbers["counts"]> | undefined
}

type Flavour = (number: (key: string) => number | undefined, scenario: Scenario) => {
  readonly settings: Settings | NotExpressible
  readonly ways: Partial<Ways>
}

const windowOf = (number: (key: string) => number | undefined): Numbers["window"] => {
  const millis = number("windowMs")
  return millis === undefined
    ? { calls: number("windowSize") ?? 100 }
    : { millis, buckets: number("buckets") ?? millis / (number("bucketMs") ?? 1000) }
}

const backoffOf = ({ config }: Scenario): Settings["backoff"] => {
  const backoff = config["openBackoff"] as { readonly baseMs: number; readonly factor: number } | undefined
  return backoff && { base: backoff.baseMs, factor: backoff.factor }
}

/** What none of the sources does as we do. */
const all: Partial<Ways> = { slowCalls: "counted-when-they-end" }

const readsTime = (reads: boolean): Partial<Ways> => reads ? {} : { elapsedTime: "seen-by-calls" }

const polly = (number: (key: string) => number | undefined): Settings => ({
  window: { millis: number("samplingMs") ?? 30_000, buckets: number("buckets") ?? 10 },
  minimumCalls: number("minimumThroughput") ?? 1,
  failureRate: number("failureRatio") ?? 0.1,
  openMillis: number("breakGeneratorMs") ?? number("breakMs"),
  probes: number("halfOpenPermits") ?? 1
})

// Failures m of the last c trip, and in half-open s successes of sc close, unless that is left to m of c.
const failsafe = (number: (key: string) => number | undefined): Settings | NotExpressible => {
  const period = number("failurePeriodMs")
  const rate = number("failureRateThreshold")
  const openMillis = number("delayMs")
  if (openMillis === 0) return not("an opening of no length", "delayMs: 0")
  if (number("windowMs") ?? number("windowSize")) return { window: windowOf(number), minimumCalls: 1, openMillis }
  const m = number("failureThreshold") ?? 1
  const c = number("failureThresholdingCapacity") ?? m
  const s = number("successThreshold")
  const sc = number("successThresholdingCapacity") ?? s
  if (period !== undefined) {
    const executions = number("failureExecutionThreshold")
    if (rate === undefined || executions === undefined) return not("a number of failures per time", "failurePeriodMs")
    if (s !== undefined) return not("half-open has a rate of its own", "successThreshold")
    const window = { millis: period, buckets: 10 }
    return { window, minimumCalls: executions, failureRate: rate, openMillis, probes: executions }
  }
  if (rate !== undefined) return not("unknown setting", "failureRateThreshold without failurePeriodMs")
  const closed = { window: { calls: c }, minimumCalls: c, failures: m, openMillis }
  if (s === undefined || sc === undefined) return { ...closed, failureRate: m / c, probes: c }
  // One rate has to lie where both counts mean it: m - 1 < rate * c <= m, and so for the probes.
  const failed = sc - s + 1
  const both = Math.min(m / c, failed / sc)
  if (both > Math.max((m - 1) / c, (failed - 1) / sc)) return { ...closed, failureRate: both, probes: sc }
  // Otherwise the rate is for the probes alone, and the window is judged by failures in a row.
  if (m !== c || failed > m) return not("half-open has a rate of its own", "successThreshold")
  const beyond = 100_000
  return {
    window: { calls: beyond },
    minimumCalls: beyond,
    failures: Infinity,
    consecutiveFailures: m,
    failureRate: failed / sc,
    openMillis,
    probes: sc
  }
}

export const flavours: { readonly [semantics: string]: Flavour } = {
  "resilience4j": (number, scenario) => ({
    settings: {
      window: windowOf(number),
      minimumCalls: number("minimumCalls") ?? 100,
      failureRate: number("failureRateThreshold") ?? 0.5,
      slowMillis: number("slowCallDurationMs"),
      slowRate: number("slowCallRateThreshold"),
      openMillis: number("openMs") ?? 60_000,
      backoff: backoffOf(scenario),
      probes: number("permittedHalfOpenCalls") ?? 10,
      maxWait: number("maxWaitHalfOpenMs") || undefined,
      counts: { defect: "nothing" }
    },
    ways: {
      ...all,
      openUntil: scenario.config["autoHalfOpen"] === true ? "reached" : "passed",
      slowFrom: "passed",
      ...readsTime(scenario.config["autoHalfOpen"] === true),
      decidedOver: "minimum-calls",
      decided: "when-complete",
      hangingProbe: "half-open-times-out",
      lateResult: "counts-now",
      needlessCommand: "begins-anew",
      rejections: "in-this-period",
      openShows: "the-probes"
    }
  }),
  "polly-v7": (number, { config }) => ({
    settings: { ...polly(number), maxWait: number("breakMs") },
    ways: {
      ...all,
      judged: "failures",
      ...readsTime(config["stateReadTransitions"] !== false),
      hangingProbe: "another-each-opening",
      lateResult: "counts-now",
      slices: "at-first-use",
      emptyRate: "zero"
    }
  }),
  "polly-v7-consecutive": (number, { config }) => ({
    settings: {
      failureRate: Infinity,
      consecutiveFailures: number("consecutiveFailures"),
      openMillis: number("breakMs"),
      probes: number("halfOpenPermits") ?? 1,
      maxWait: number("breakMs")
    },
    ways: {
      ...all,
      ...readsTime(config["stateReadTransitions"] !== false),
      hangingProbe: "another-each-opening",
      lateResult: "counts-now"
    }
  }),
  "polly-v8": (number, { config }) => ({
    // An outcome that is not handled counts as a success.
    settings: { ...polly(number), counts: { ignored: "success" } },
    ways: {
      ...all,
      judged: "failures",
      ...readsTime(config["stateReadTransitions"] === true),
      lateResult: "counts-now",
      slices: "at-first-use",
      emptyRate: "zero"
    }
  }),
  "failsafe": (number) => ({
    settings: failsafe(number),
    ways: {
      ...all,
      compared: number("failurePeriodMs") === undefined ? "number" : "rate",
      ...readsTime(false),
      probes: "counted-in-flight",
      lateResult: "counts-now",
      emptyRate: "zero"
    }
  }),
  "rezilience": (number, scenario) => ({
    settings: scenario.config["tripsOnlyAfterFullSample"] === true
      ? not("trips only after a full sample", "tripsOnlyAfterFullSample")
      : {
        ...(number("failureRateThreshold") === undefined
          ? { failureRate: Infinity, consecutiveFailures: number("consecutiveFailures") }
          : {
            window: { millis: number("samplingMs") ?? 60_000, buckets: number("buckets") ?? 10 },
            minimumCalls: number("minimumThroughput") ?? 10,
            failureRate: number("failureRateThreshold")
          }),
        backoff: backoffOf(scenario),
        openMillis: number("openMs"),
        probes: number("halfOpenPermits") ?? 1,
        // An error that is not a failure closes a half-open circuit and ends a row of failures.
        counts: { ignored: "success" }
      },
    ways: all
  }),
  "hystrix": (number) => ({
    settings: {
      window: windowOf(number),
      minimumCalls: number("requestVolume") ?? 20,
      failureRate: number("errorThreshold") ?? 0.5,
      openMillis: number("sleepWindowMs") ?? 5000,
      probes: number("halfOpenPermits") ?? 1,
      snapshotMillis: number("snapshotMs")
    },
    ways: {
      ...all,
      judged: "snapshots",
      openUntil: "passed",
      ...readsTime(false),
      interruptedProbe: "opens-again",
      lateResult: "counts-now"
    }
  })
}

const words = (text: string): ReadonlyArray<string> => text.split(/\s+/)
const shared = words("window windowOnly startMs initialState durationAdvancesClock halfOpenPermits")
const polling = words("samplingMs buckets minimumThroughput failureRatio breakMs tripOnSuccess stateReadTransitions")
const own: { readonly [semantics: string]: ReadonlyArray<string> } = {
  "resilience4j": words(
    `windowSize windowMs bucketMs minimumCalls minimumCallsRequested failureRateThreshold slowCallRateThreshold
    slowCallDurationMs openMs openBackoff permittedHalfOpenCalls maxWaitHalfOpenMs autoHalfOpen`
  ),
  "polly-v7": polling,
  "polly-v7-consecutive": words("consecutiveFailures breakMs stateReadTransitions"),
  "polly-v8": [...polling, "breakGeneratorMs", "tripDecisionOnly"],
  "failsafe": words(
    `windowSize windowMs bucketMs failureThreshold failureThresholdingCapacity successThreshold
    successThresholdingCapacity failurePeriodMs failureRateThreshold failureExecutionThreshold delayMs`
  ),
  "rezilience": words(
    `consecutiveFailures openBackoff openMs autoHalfOpen failureRateThreshold samplingMs buckets minimumThroughput
    tripsOnlyAfterFullSample`
  ),
  "hystrix": words("windowMs bucketMs buckets requestVolume errorThreshold sleepWindowMs snapshotMs")
}

/** The settings that mean something in a flavour. */
export const known = (semantics: string): ReadonlyArray<string> => [...shared, ...own[semantics] ?? []]

export const numbersOf = (settings: Settings): Numbers => {
  const { backoff, openMillis = 30_000 } = settings
  return {
    window: settings.window ?? { calls: 100 },
    minimumCalls: settings.minimumCalls ?? 10,
    failureRate: settings.failureRate ?? 0.5,
    failures: settings.failures ?? Infinity,
    slowMillis: settings.slowMillis ?? Infinity,
    slowRate: settings.slowMillis === undefined ? Infinity : settings.slowRate ?? 1,
    consecutiveFailures: settings.consecutiveFailures ?? Infinity,
    openFor: (opening) => backoff ? backoff.base * backoff.factor ** (opening - 1) : openMillis,
    probes: settings.probes ?? 5,
    maxWait: settings.maxWait ?? Infinity,
    snapshotMillis: settings.snapshotMillis ?? 500,
    counts: { ignored: "nothing", defect: "failure", ...settings.counts }
  }
}

export const optionsOf = (
  numbers: Numbers,
  { backoff, openMillis }: Settings
): Omit<CircuitBreaker.Options, "name"> => ({
  window: "calls" in numbers.window
    ? CircuitBreaker.lastCalls(numbers.window.calls)
    : CircuitBreaker.lasting(numbers.window.millis, { buckets: numbers.window.buckets }),
  minimumCalls: numbers.minimumCalls,
  failureRate: numbers.failureRate === Infinity ? "off" : numbers.failureRate,
  slowCallDuration: numbers.slowMillis === Infinity ? undefined : numbers.slowMillis,
  slowCallRate: numbers.slowRate === Infinity ? undefined : numbers.slowRate,
  consecutiveFailures: numbers.consecutiveFailures === Infinity ? undefined : numbers.consecutiveFailures,
  openFor: backoff ? Schedule.exponential(backoff.base, backoff.factor) : openMillis,
  halfOpen: { calls: numbers.probes, maxWait: numbers.maxWait },
  // No source has a bound of its own.
  maxRetryAfter: "100 days"
})
