/** Checks the options of a cache and adds the defaults. */
import type * as Duration from "effect/Duration"
import type { OptionsOf } from "../internal/config/checks.ts"

/** The options without the functions and the store. */
export interface Written {
  readonly name: string
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
  readonly timeToLive?: Duration.Input | undefined
  readonly staleFor?: Duration.Input | undefined
  readonly after?: Duration.Input | undefined
  readonly storeTimeout?: Duration.Input | undefined
}

/** The options with their defaults; times in milliseconds. */
export interface Rules {
  readonly name: string
  readonly capacity: number
  readonly maxBytes: number | undefined
  readonly timeToLive: number
  readonly staleFor: number
  readonly after: number
  readonly storeTimeout: number
}

/** The most entries of a `Map` in V8. */
const mostEntries = 2 ** 24

export const toRules = (options: Written, check: OptionsOf): Rules => ({
  name: check.name(options.name),
  capacity: check.integer("capacity", options.capacity ?? 10_000, 1, mostEntries),
  maxBytes: options.maxBytes === undefined ? undefined : check.integer("maxBytes", options.maxBytes, 1),
  timeToLive: check.wait("timeToLive", options.timeToLive ?? "5 minutes"),
  staleFor: check.wait("staleFor", options.staleFor ?? "1 hour"),
  after: check.wait("after", options.after ?? Infinity),
  storeTimeout: check.positive("storeTimeout", options.storeTimeout ?? "50 millis")
})
