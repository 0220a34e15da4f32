/** `resilience4j.retry` becomes the retry of a model. */
import type { Part } from "./became.ts"
import { listed } from "./exceptions.ts"
import { type Given, saidOf } from "./given.ts"
import { buffer, ignored, isJava, kept, refused } from "./key.ts"
import type { Section } from "./section.ts"
import { duration, factor, flag, integer, shownMillis, spread, texts, wait } from "./values.ts"

export const retry: Section = {
  name: "retry",
  holders: ["instances", "backends"],
  aspectOrder: "retryAspectOrder",
  base: "default",
  keys: {
    maxAttempts: kept(integer(1), 3),
    waitDuration: kept(wait, "500ms"),
    enableExponentialBackoff: kept(flag, "false"),
    exponentialBackoffMultiplier: kept(factor, 1.5),
    exponentialMaxWaitDuration: kept(duration),
    enableRandomizedWait: kept(flag, "false"),
    randomizedWaitFactor: kept(spread, 0.5),
    retryExceptions: kept(texts),
    ignoreExceptions: kept(texts),
    retryExceptionPredicate: refused(isJava),
    resultPredicate: refused(isJava),
    intervalBiFunction: refused(isJava),
    consumeResultBeforeRetryAttempt: refused(isJava),
    failAfterMaxAttempts: {
      is: flag,
      refused: (value) =>
        value === true
          ? "false, got true: the error of the last attempt is returned here, never another one"
          : undefined,
      ignored: "it is off by default"
    },
    eventConsumerBufferSize: buffer,
    ignoreClassBindingExceptions: ignored(flag, "no class is loaded")
  },
  convert: (given) => ({
    options: { retry: waitsOf(given) },
    ...errorsOf(given),
    said: saidOf(given, "retryExceptions", "ignoreExceptions")
  })
}

const waitsOf = (given: Given) => {
  const maxAttempts = given.value<number>("maxAttempts")
  const baseDelay = given.value<number>("waitDuration")
  const grows = given.value<boolean>("enableExponentialBackoff")
  const scatters = given.value<boolean>("enableRandomizedWait")
  const most = grows ? given.optional<number>("exponentialMaxWaitDuration") : undefined
  const growth = grows ? given.value<number>("exponentialBackoffMultiplier") : 1
  const jitter = scatters ? given.value<number>("randomizedWaitFactor") : "none"
  given.became("maxAttempts", `retry.maxAttempts: ${maxAttempts}`)
  given.became("waitDuration", `retry.baseDelay: ${shownMillis(baseDelay)}${grows ? "" : ", factor: 1"}`)
  if (grows) {
    given.became("enableExponentialBackoff", "retry: { baseDelay, factor }")
    given.became("exponentialBackoffMultiplier", `retry.factor: ${growth}`)
    if (most !== undefined) given.became("exponentialMaxWaitDuration", `retry.maxDelay: ${shownMillis(most)}`)
  } else {
    given.hasNoEffect("enableExponentialBackoff", "it is off by default")
    given.hasNoEffect("exponentialBackoffMultiplier", "enableExponentialBackoff is off")
    given.hasNoEffect("exponentialMaxWaitDuration", "enableExponentialBackoff is off")
  }
  if (scatters) {
    given.became("enableRandomizedWait", "retry.jitter")
    given.became("randomizedWaitFactor", `retry.jitter: ${jitter}`)
  } else {
    given.became("enableRandomizedWait", "retry.jitter: none")
    given.hasNoEffect("randomizedWaitFactor", "enableRandomizedWait is off")
  }
  // The power may overflow, and zero times infinity is no number.
  const longest = baseDelay === 0
    ? 0
    : baseDelay * growth ** Math.max(0, maxAttempts - 2) * (jitter === "none" ? 1 : 1 + Number(jitter))
  return {
    maxAttempts,
    baseDelay,
    factor: growth,
    jitter,
    maxDelay: most ?? Math.min(year, Math.max(ownMaxDelay, Math.ceil(longest)))
  }
}

/** No wait of resilience4j is cut, and a provider may ask for as much as by default. */
const ownMaxDelay = 10_000
const year = 366 * 86_400_000

const errorsOf = (given: Given): Pick<Part, "retries"> => {
  const retried = listed(given, "retryExceptions")
  const ignored = listed(given, "ignoreExceptions")
  const only = "what the error table does not try again, such as a time-out, is not tried again here either"
  if (retried !== undefined) given.became("retryExceptions", `retry.while: only ${retried.told}`, only)
  if (ignored !== undefined) {
    given.became("ignoreExceptions", `retry.while: not ${ignored.told || "rejections by guards"}`)
  }
  return retried === undefined && ignored === undefined ? {} : {
    retries: (error) => ignored?.has(error) !== true && (retried === undefined || retried.has(error))
  }
}
