/** The options of a transport, made sure of. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import type { Options } from "./options.ts"
import { checkedProxy, type ProxyInput } from "./proxy.ts"

export interface Settings {
  readonly connectTimeout: Duration.Duration
  readonly keepAliveTimeout: Duration.Duration
  /** Connections to one host at most. */
  readonly connections: number
  readonly proxy: ProxyInput
}

const longestKeepAlive = Duration.days(1)

export const validated = (
  {
    connections = Infinity,
    connectTimeout = "5 seconds",
    keepAliveTimeout = "30 seconds",
    proxy = "environment"
  }: Options,
  check: OptionsOf
): Settings => {
  const keepAlive = duration(check, "keepAliveTimeout", keepAliveTimeout)
  if (Duration.isGreaterThan(keepAlive, longestKeepAlive)) {
    check.refuse("keepAliveTimeout", "a duration of at most 1 day", keepAliveTimeout)
  }
  if (connections !== Infinity && !(Number.isInteger(connections) && connections >= 1 && connections <= 65_535)) {
    check.refuse("connections", "a whole number from 1 to 65535, or Infinity", connections)
  }
  return {
    connectTimeout: duration(check, "connectTimeout", connectTimeout),
    keepAliveTimeout: keepAlive,
    connections,
    proxy: checkedProxy(proxy, check)
  }
}

const duration = (check: OptionsOf, field: string, input: Duration.Input): Duration.Duration =>
  Duration.millis(check.positive(field, input))
