/** How a call uses the cache of a cascade. */
import type * as StaleCache from "@switchgear/core/StaleCache"
import * as Context from "effect/Context"

/**
 * How the calls inside use the cache of a cascade: `"use"` serves a fresh answer; `"refresh"` asks the models for a new one
 * and keeps it, for a customer who asks for another answer; `"bypass"` asks the models, and neither reads nor keeps
 * anything. @default "use"
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentCacheMode = Context.Reference<StaleCache.Mode>("@switchgear/http/ModelCascade/CurrentCacheMode", {
  defaultValue: () => "use"
})
