/** Checks the options of a bulkhead. */
import type { OptionsOf } from "../internal/config/checks.ts"
import type { Options } from "./model.ts"
import type { Rules } from "./permitPool.ts"

const mostWaiting = 1_000_000

export const poolRules = (options: Options, check: OptionsOf): Rules => ({
  name: check.name(options.name),
  concurrency: check.integer("concurrency", options.concurrency, 1),
  limit: check.integer("queue", check.atMost("queue", options.queue ?? 0, mostWaiting), 0),
  maxWait: check.wait("maxWait", options.maxWait ?? "10 seconds"),
  share: options.share === undefined ? undefined : check.rate("share", options.share)
})
