/** The policies of the retries that are made here, so that a pipeline can go on with one in the step where it stands. */
import type { Retry } from "./model.ts"
import { attemptAll, type RetryAt } from "./attemptAll.ts"
import type { Policy } from "./policy.ts"

export const policies = new WeakMap<Retry<any>["protect"], Policy>()

/** How a pipeline retries by this one; undefined for a retry that is not made here. */
export const retryAt = ({ protect }: Retry<any>): RetryAt | undefined => {
  const policy = policies.get(protect)
  return policy && ((self, fiber, timed) => attemptAll(self, policy, fiber, timed))
}
