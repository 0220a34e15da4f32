/** Limits of models and of clients. */
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import type { Problem } from "./problem.ts"
import type { Reader } from "./reader.ts"

/** No call here takes anything of a limit by cost: it would be written, and limit nothing. `at` is where the limits are. */
export const refuseCosts = (
  limits: ReadonlyArray<RateLimiter.Limit>,
  at: (keys: Problem["path"]) => Problem["path"],
  reader: Reader
): void => {
  limits.forEach(({ resource }, i) => {
    if (resource === "cost") {
      reader.refuse(
        at([i, "resource"]),
        "Expected requests or tokens, got \"cost\": the budget of a client limits costs"
      )
    }
  })
}
