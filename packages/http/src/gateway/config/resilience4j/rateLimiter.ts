/** `resilience4j.ratelimiter` becomes a limit on the requests of a model. */
import { healthOf } from "./health.ts"
import { buffer, healthIndicator, ignored, kept, mayFailHealth, stackTraces } from "./key.ts"
import type { Section } from "./section.ts"
import { duration, flag, integer, shownMillis, wait } from "./values.ts"

export const rateLimiter: Section = {
  name: "ratelimiter",
  holders: ["instances", "limiters"],
  aspectOrder: "rateLimiterAspectOrder",
  base: "default",
  keys: {
    limitForPeriod: kept(integer(1), 50),
    limitRefreshPeriod: kept(duration, "500ns"),
    timeoutDuration: kept(wait, "5s"),
    subscribeForEvents: ignored(flag, "events are in the history of the gateway"),
    registerHealthIndicator: healthIndicator,
    allowHealthIndicatorToFail: mayFailHealth,
    eventConsumerBufferSize: buffer,
    writableStackTraceEnabled: stackTraces
  },
  convert: (given) => {
    const limit = given.value<number>("limitForPeriod")
    const per = given.value<number>("limitRefreshPeriod")
    const maxWait = given.value<number>("timeoutDuration")
    given.became("limitForPeriod", `rateLimiter.limits: { resource: requests, limit: ${limit} }`)
    given.became("limitRefreshPeriod", `rateLimiter.limits: { per: ${shownMillis(per)} }`)
    given.became("timeoutDuration", `rateLimiter.maxWait: ${shownMillis(maxWait)}`)
    return {
      options: { rateLimiter: { limits: [{ resource: "requests", limit, per }], maxWait } },
      ...healthOf(given, "RateLimiter")
    }
  }
}
