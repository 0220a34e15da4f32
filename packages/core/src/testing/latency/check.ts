/** Checks a latency. */
import type { OptionsOf } from "../../internal/config/checks.ts"
import type { Latency } from "./model.ts"

/** Rejects a duration that is negative or infinite, reversed bounds, and a median of zero. */
export const checkLatency = (check: OptionsOf, field: string, latency: Latency): void => {
  switch (latency?._tag) {
    case "Constant":
      check.delay(`${field}.duration`, latency.duration)
      return
    case "Uniform": {
      const min = check.delay(`${field}.min`, latency.min)
      const max = check.delay(`${field}.max`, latency.max)
      if (max < min) check.refuse(`${field}.max`, "at least as long as `min`", latency.max)
      return
    }
    case "LogNormal": {
      const median = check.positive(`${field}.median`, latency.median)
      const p95 = check.delay(`${field}.p95`, latency.p95)
      if (p95 < median) check.refuse(`${field}.p95`, "at least as long as `median`", latency.p95)
      return
    }
    default:
      check.refuse(field, "one that `Latency` makes, such as Latency.constant(\"1 second\")", latency)
  }
}
