/** `resilience4j.circuitbreaker` becomes the circuit of a model. */
import type { InitialState } from "../model.ts"
import type { Part } from "./became.ts"
import { listed } from "./exceptions.ts"
import { type Given, saidOf } from "./given.ts"
import { healthOf } from "./health.ts"
import { buffer, healthIndicator, ignored, isJava, kept, mayFailHealth, refused, stackTraces } from "./key.ts"
import type { Section } from "./section.ts"
import { duration, factor, flag, integer, oneOf, percentage, shownMillis, spread, texts, wait } from "./values.ts"

export const circuitBreaker: Section = {
  name: "circuitbreaker",
  holders: ["instances", "backends"],
  aspectOrder: "circuitBreakerAspectOrder",
  base: "own-name",
  keys: {
    slidingWindowType: kept(oneOf("COUNT_BASED", "TIME_BASED"), "COUNT_BASED"),
    slidingWindowSize: kept(integer(1, 10_000_000), 100),
    minimumNumberOfCalls: kept(integer(1, 1_000_000_000), 100),
    failureRateThreshold: kept(percentage, 50),
    slowCallRateThreshold: kept(percentage, 100),
    slowCallDurationThreshold: kept(duration, "60s"),
    permittedNumberOfCallsInHalfOpenState: kept(integer(1, 100_000), 10),
    waitDurationInOpenState: kept(duration, "60s"),
    enableExponentialBackoff: kept(flag, "false"),
    exponentialBackoffMultiplier: kept(factor, 1.5),
    exponentialMaxWaitDurationInOpenState: kept(duration),
    enableRandomizedWait: kept(flag, "false"),
    randomizedWaitFactor: kept(spread, 0.5),
    maxWaitDurationInHalfOpenState: kept(wait, 0),
    transitionToStateAfterWaitDuration: {
      is: oneOf("OPEN", "CLOSED"),
      refused: (state) =>
        state === "CLOSED"
          ? "OPEN, got CLOSED: a circuit whose probes do not end is opened here, never closed"
          : undefined,
      ignored: "a probe that outlasts halfOpen.maxWait opens the circuit"
    },
    initialState: kept(oneOf("CLOSED", "OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY"), "CLOSED"),
    automaticTransitionFromOpenToHalfOpenEnabled: ignored(
      flag,
      "an open circuit becomes half-open when its time is over"
    ),
    recordExceptions: kept(texts),
    ignoreExceptions: kept(texts),
    recordFailurePredicate: refused(isJava),
    recordResultPredicate: refused(isJava),
    ignoreExceptionPredicate: refused(isJava),
    registerHealthIndicator: healthIndicator,
    allowHealthIndicatorToFail: mayFailHealth,
    eventConsumerBufferSize: buffer,
    writableStackTraceEnabled: stackTraces,
    ignoreClassBindingExceptions: ignored(flag, "no class is loaded")
  },
  convert: (given) => ({
    options: {
      breaker: {
        ...windowOf(given),
        ...thresholdsOf(given),
        openFor: openForOf(given),
        halfOpen: halfOpenOf(given)
      }
    },
    ...errorsOf(given),
    ...healthOf(given, "CircuitBreaker"),
    initialState: initialStateOf(given),
    said: saidOf(given, "recordExceptions", "ignoreExceptions", "initialState")
  })
}

const windowOf = (given: Given) => {
  const isTimed = given.value("slidingWindowType") === "TIME_BASED"
  const size = given.value<number>("slidingWindowSize")
  const minimum = given.value<number>("minimumNumberOfCalls")
  if (isTimed) {
    if (size > mostSeconds) {
      given.refuse(
        "slidingWindowSize",
        `Expected at most ${mostSeconds} seconds where the window is TIME_BASED, got ${size}`
      )
    }
    const buckets = Math.min(size, 10_000)
    given.became("slidingWindowType", "breaker.window: { lasting, buckets }")
    given.became("slidingWindowSize", `breaker.window: { lasting: ${size} seconds, buckets: ${buckets} }`)
    given.became("minimumNumberOfCalls", `breaker.minimumCalls: ${minimum}`)
    return { window: { lasting: size * 1000, buckets }, minimumCalls: minimum }
  }
  const reached = Math.min(minimum, size)
  given.became("slidingWindowType", "breaker.window: { lastCalls }")
  given.became("slidingWindowSize", `breaker.window: { lastCalls: ${size} }`)
  given.became(
    "minimumNumberOfCalls",
    `breaker.minimumCalls: ${reached}`,
    reached < minimum ? "the size of the window, as in resilience4j" : undefined
  )
  return { window: { lastCalls: size }, minimumCalls: reached }
}

const mostSeconds = 366 * 86_400

const thresholdsOf = (given: Given) => {
  const failureRate = share(given.value("failureRateThreshold"))
  const slowCallRate = share(given.value("slowCallRateThreshold"))
  const slowCallDuration = given.value<number>("slowCallDurationThreshold")
  given.became("failureRateThreshold", `breaker.failureRate: ${failureRate}`)
  given.became("slowCallRateThreshold", `breaker.slowCallRate: ${slowCallRate}`)
  given.became(
    "slowCallDurationThreshold",
    `breaker.slowCallDuration: ${shownMillis(slowCallDuration)}`,
    "calls of just this duration and calls in flight are slow too"
  )
  return { failureRate, slowCallRate, slowCallDuration }
}

/** Without the noise of a binary fraction: 33.3 % is 0.333. */
const share = (percent: number): number => Number((percent / 100).toFixed(12))

const openForOf = (given: Given): unknown => {
  const wait = given.value<number>("waitDurationInOpenState")
  const grows = given.value<boolean>("enableExponentialBackoff")
  const scatters = given.value<boolean>("enableRandomizedWait")
  const most = given.optional<number>("exponentialMaxWaitDurationInOpenState")
  const multiplier = given.value<number>("exponentialBackoffMultiplier")
  const spread = given.value<number>("randomizedWaitFactor")
  if (grows && scatters) {
    given.refuse(
      "enableRandomizedWait",
      "Expected false where enableExponentialBackoff is true: a circuit of resilience4j has one of them"
    )
  }
  if (grows) {
    const maxDelay = Math.max(wait, most ?? day)
    given.became("waitDurationInOpenState", `breaker.openFor.baseDelay: ${shownMillis(wait)}`)
    given.became("enableExponentialBackoff", "breaker.openFor: { baseDelay, factor, maxDelay }")
    given.became("exponentialBackoffMultiplier", `breaker.openFor.factor: ${multiplier}`)
    given.became(
      "exponentialMaxWaitDurationInOpenState",
      `breaker.openFor.maxDelay: ${shownMillis(maxDelay)}`,
      most === undefined ? "resilience4j has no limit" : undefined
    )
    given.hasNoEffect("randomizedWaitFactor", scatterOff)
    return { baseDelay: wait, factor: multiplier, maxDelay }
  }
  given.hasNoEffect("enableExponentialBackoff", "it is off by default")
  given.hasNoEffect("exponentialBackoffMultiplier", growthOff)
  given.hasNoEffect("exponentialMaxWaitDurationInOpenState", growthOff)
  if (scatters) {
    given.became("waitDurationInOpenState", `breaker.openFor.baseDelay: ${shownMillis(wait)}`)
    given.became("enableRandomizedWait", "breaker.openFor: { baseDelay, factor: 1, jitter }")
    given.became("randomizedWaitFactor", `breaker.openFor.jitter: ${spread}`)
    return { baseDelay: wait, factor: 1, jitter: spread, maxDelay: Math.ceil(wait * (1 + spread)) }
  }
  given.hasNoEffect("enableRandomizedWait", "it is off by default")
  given.hasNoEffect("randomizedWaitFactor", scatterOff)
  given.became("waitDurationInOpenState", `breaker.openFor: ${shownMillis(wait)}`)
  return wait
}

const day = 86_400_000
const growthOff = "enableExponentialBackoff is off"
const scatterOff = "enableRandomizedWait is off"

const halfOpenOf = (given: Given) => {
  const calls = given.value<number>("permittedNumberOfCallsInHalfOpenState")
  const wait = given.value<number>("maxWaitDurationInHalfOpenState")
  const maxWait = wait === 0 ? "Infinity" : wait
  given.became("permittedNumberOfCallsInHalfOpenState", `breaker.halfOpen.calls: ${calls}`)
  given.became(
    "maxWaitDurationInHalfOpenState",
    `breaker.halfOpen.maxWait: ${wait === 0 ? maxWait : shownMillis(wait)}`,
    wait === 0 ? undefined : "it limits each probe, in resilience4j the whole state"
  )
  return { calls, maxWait }
}

const errorsOf = (given: Given): Pick<Part, "countsAs"> => {
  const recorded = listed(given, "recordExceptions")
  const ignored = listed(given, "ignoreExceptions")
  if (recorded !== undefined) {
    given.became(
      "recordExceptions",
      `failures are ${recorded.told}; every other error is a success, as in resilience4j`
    )
  }
  if (ignored !== undefined) {
    given.became("ignoreExceptions", `neither failures nor successes: ${ignored.told || "rejections by guards"}`)
  }
  return recorded === undefined && ignored === undefined ? {} : {
    countsAs: (error) =>
      ignored?.has(error) ? "ignored" : recorded === undefined ? undefined : recorded.has(error) ? "failure" : "success"
  }
}

const initialStateOf = (given: Given): InitialState | undefined => {
  const state = states[given.value<string>("initialState")]
  if (state === undefined) given.hasNoEffect("initialState", "a circuit begins closed")
  else given.became("initialState", `the circuit is ${state} when the gateway starts`)
  return state
}

const states: { readonly [state: string]: InitialState | undefined } = {
  OPEN: "Open",
  FORCED_OPEN: "ForcedOpen",
  DISABLED: "Disabled",
  METRICS_ONLY: "MetricsOnly"
}
