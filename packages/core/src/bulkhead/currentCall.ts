/** What a bulkhead reads from the context of a call. */
import * as Context from "effect/Context"

export { CurrentPriority } from "../internal/runtime/currentPriority.ts"

/**
 * The key, such as a tenant, that the calls inside count for in bulkheads with a `share`. @default undefined: all calls
 * without a key share one lane, which may hold every slot
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentKey = Context.Reference<string | undefined>("@switchgear/core/Bulkhead/CurrentKey", {
  defaultValue: () => undefined
})
