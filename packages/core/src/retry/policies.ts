/** The retries that are made here, so that a pipeline can go on with one in the step where it stands. */
import { attemptAll, type RetryAt } from "./attemptAll.ts"
import type { Counts } from "./counts.ts"
import type { Retry } from "./model.ts"
import type { Policy } from "./policy.ts"

export const policies = new WeakMap<Retry<any>["protect"], { readonly policy: Policy; readonly counts: Counts }>()

/** How a pipeline retries by this one; undefined for a retry that is not made here. */
export const retryAt = ({ protect }: Pick<Retry<any>, "protect">): RetryAt | undefined => {
  const made = policies.get(protect)
  if (made === undefined) return undefined
  const { counts, policy } = made
  return (self, fiber, timed) => attemptAll(self, policy, counts, fiber, timed)
}
