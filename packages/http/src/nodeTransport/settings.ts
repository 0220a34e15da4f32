/** The options of a transport, made sure of. What makes no sense throws a `RangeError` that names the field. */
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

export const validated = ({
  connections = Infinity,
  connectTimeout = "5 seconds",
  keepAliveTimeout = "4 seconds",
  proxy = "environment"
}: Options): Settings => {
  const keepAlive = duration("keepAliveTimeout", keepAliveTimeout)
  if (Duration.isGreaterThan(keepAlive, longestKeepAlive)) {
    throw nonsense("keepAliveTimeout", "a duration of at most 1 day", keepAliveTimeout)
  }
  if (connections !== Infinity && !(Number.isInteger(connections) && connections >= 1 && connections <= 65_535)) {
    throw nonsense("connections", "a whole number from 1 to 65535, or Infinity", connections)
  }
  return {
    connectTimeout: duration("connectTimeout", connectTimeout),
    keepAliveTimeout: keepAlive,
    connections,
    proxy: checkedProxy(proxy)
  }
}

const duration = (field: string, input: Duration.Input): Duration.Duration => {
  const parsed = Duration.fromInput(input)
  if (parsed._tag === "None" || !(Duration.toMillis(parsed.value) > 0) || !Duration.isFinite(parsed.value)) {
    throw nonsense(field, "a positive, finite duration", input)
  }
  return parsed.value
}

const nonsense = (field: string, range: string, value: unknown): RangeError =>
  new RangeError(
    `NodeTransport.layer: ${field} must be ${range}, got ${
      (typeof value === "string" ? JSON.stringify(value) : String(value)).slice(0, 100)
    }`
  )
