/** Whether a latency makes sense, told by the place where it was written. */
import type * as Duration from "effect/Duration"
import type { OptionsOf } from "../../internal/options.ts"
import type { Latency } from "../Latency.ts"

/** Refuses a duration that is negative or has no end, bounds the wrong way round, and a median of zero. */
export const checkLatency = (check: OptionsOf, field: string, latency: Latency): void => {
  switch (latency._tag) {
    case "Constant":
      checkWait(check, `${field}.duration`, latency.duration)
      return
    case "Uniform": {
      const min = checkWait(check, `${field}.min`, latency.min)
      const max = checkWait(check, `${field}.max`, latency.max)
      if (max < min) check.refuse(`${field}.max`, "at least as long as `min`", latency.max)
      return
    }
    case "LogNormal": {
      const median = check.positive(`${field}.median`, latency.median)
      const p95 = checkWait(check, `${field}.p95`, latency.p95)
      if (p95 < median) check.refuse(`${field}.p95`, "at least as long as `median`", latency.p95)
      return
    }
    default:
      check.refuse(field, "one that `Latency` makes, such as Latency.constant(\"1 second\")", latency)
  }
}

/** A wait that has an end, in milliseconds. */
export const checkWait = (check: OptionsOf, field: string, value: Duration.Input): number => {
  const millis = check.wait(field, value)
  return millis < Infinity ? millis : check.refuse(field, "a finite duration of zero or more", value)
}
