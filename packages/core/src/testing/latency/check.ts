/** Checks a latency. */
import type { OptionsOf } from "../../internal/config/checks.ts"
import type { Latency } from "./model.ts"

/** Rejects a duration that is negative or infinite, reversed bounds, a median or mean of zero, and an empty list. */
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
    case "Exponential":
      check.positive(`${field}.mean`, latency.mean)
      return
    case "Empirical":
      if (latency.durations.length === 0) check.refuse(`${field}.durations`, "a list with something in it", [])
      latency.durations.forEach((duration, index) => check.delay(`${field}.durations[${index}]`, duration))
      return
    case "Mix":
      latency.shares.forEach(([share, mixed], index) => {
        check.amount(`${field}.shares[${index}][0]`, share)
        checkLatency(check, `${field}.shares[${index}][1]`, mixed)
      })
      if (!latency.shares.some(([share]) => share > 0)) {
        check.refuse(`${field}.shares`, "a list with a share above zero", latency.shares)
      }
      return
    default:
      check.refuse(field, "one that `Latency` makes, such as Latency.constant(\"1 second\")", latency)
  }
}
