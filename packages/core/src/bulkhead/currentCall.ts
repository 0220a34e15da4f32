/** What a call says about itself to the bulkheads that it passes. */
import * as Context from "effect/Context"

export { CurrentPriority } from "../internal/runtime/currentPriority.ts"

/**
 * The key, such as a tenant, on whose behalf the calls inside are made, for bulkheads with a `share`. @default undefined:
 * all calls without a key count as one party, which may hold every slot
 */
export const CurrentKey = Context.Reference<string | undefined>("@switchgear/core/Bulkhead/CurrentKey", {
  defaultValue: () => undefined
})
