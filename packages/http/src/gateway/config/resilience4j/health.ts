/** `allowHealthIndicatorToFail`: whether a guard that lets no call pass makes `/actuator/health` DOWN, which is a 503. */
import type { FailingHealth, Part } from "./became.ts"
import type { Given } from "./given.ts"

const key = "allowHealthIndicatorToFail"

export const healthOf = (given: Given, guard: FailingHealth): Pick<Part, "failsHealth"> => {
  if (!given.value<boolean>(key)) given.hasNoEffect(key, "it is off by default")
  else if (given.optional<boolean>("registerHealthIndicator") !== true) {
    given.hasNoEffect(key, "registerHealthIndicator is off")
  } else {
    given.became(
      key,
      guard === "CircuitBreaker"
        ? "/actuator/health is DOWN while the circuit is open"
        : "/actuator/health is DOWN while the limiter is paused and calls wait"
    )
    return { failsHealth: [guard] }
  }
  return {}
}
