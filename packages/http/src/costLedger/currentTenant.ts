/** The tenant of a call: whose account it is billed to, and whose answers a cascade may serve it. */
import * as Context from "effect/Context"

/**
 * The tenant whose account a call is billed to. Cascades serve no tenant the kept answer of another.
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentTenant = Context.Reference<string>("@switchgear/http/CostLedger/CurrentTenant", {
  defaultValue: () => noTenant
})

/** The tenant of calls that name none. */
export const noTenant = "default"
