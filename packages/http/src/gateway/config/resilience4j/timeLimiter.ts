/** `resilience4j.timelimiter` becomes the time-out of an attempt. */
import { buffer, kept } from "./key.ts"
import type { Section } from "./section.ts"
import { duration, flag, shownMillis } from "./values.ts"

export const timeLimiter: Section = {
  name: "timelimiter",
  holders: ["instances", "backends"],
  aspectOrder: "timeLimiterAspectOrder",
  base: "default",
  keys: {
    timeoutDuration: kept(duration, "1s"),
    cancelRunningFuture: {
      is: flag,
      refused: (value) =>
        value === false
          ? "true, got false: a call whose time is over is ended here, so that it holds no connection"
          : undefined,
      ignored: "a call whose time is over is ended"
    },
    eventConsumerBufferSize: buffer
  },
  convert: (given) => {
    const attemptTimeout = given.value<number>("timeoutDuration")
    given.became("timeoutDuration", `attemptTimeout: ${shownMillis(attemptTimeout)}`)
    return { options: { attemptTimeout } }
  }
}
