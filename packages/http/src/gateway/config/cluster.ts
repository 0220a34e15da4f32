/** The fleet that a gateway is part of, and the Redis where its gateways meet. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Group } from "./groups.ts"
import type { Cluster } from "./model.ts"
import type { Problem } from "./problem.ts"
import { type Reader, shown } from "./reader.ts"

export const clusterOf = (value: unknown, reader: Reader): Cluster | undefined => {
  const path = ["cluster"]
  const given = reader.group(value, path, ["redis", "fleet", "interval", "timeout", "heartbeat", "span", "spread"])
  if (value === undefined || value === null) return undefined
  const redis = redisOf(given.redis, [...path, "redis"], reader)
  const fleet = fleetOf(given.fleet, [...path, "fleet"], reader)
  const options: Cluster["options"] = {
    ...pauses(given, path, reader),
    heartbeat: reader.duration(given.heartbeat, [...path, "heartbeat"], "5 seconds"),
    span: reader.duration(given.span, [...path, "span"], "1 second"),
    spread: spreadOf(given.spread, [...path, "spread"], reader)
  }
  return redis === undefined || fleet === undefined ? undefined : { redis, fleet, options }
}

/** The address may have a password. */
export const isSecretOfCluster = (path: Problem["path"]): boolean =>
  path.length === 2 && path[0] === "cluster" && path[1] === "redis"

/** A name may look like a number. */
export const isTextOfCluster = (path: Problem["path"]): boolean =>
  path.length === 2 && path[0] === "cluster" && path[1] === "fleet"

const redisOf = (value: unknown, path: Problem["path"], reader: Reader): Redacted.Redacted | undefined => {
  const secret = reader.secret(value, path)
  if (secret === undefined) return undefined
  const text = Redacted.value(secret) as string
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isAddress = url !== undefined && /^rediss?:$/.test(url.protocol) && url.hostname !== "" &&
    /^(\/\d{0,4})?$/.test(url.pathname) && url.search === "" && url.hash === "" && isDecodable(url)
  return isAddress ? secret : reader.refuse(
    path,
    "Expected an address such as redis://127.0.0.1:6379, or rediss://user:password@redis.example:6379/0 with TLS. Other characters than letters and digits of a password are written as in a URL: %40 for @"
  )
}

/** A client decodes the parts. */
const isDecodable = ({ password, username }: URL): boolean => {
  try {
    decodeURIComponent(username)
    decodeURIComponent(password)
    return true
  } catch {
    return false
  }
}

/** The name is in keys of Redis, where braces have a meaning. */
const fleetOf = (value: unknown, path: Problem["path"], reader: Reader): string | undefined =>
  typeof value === "string" && /^[^{}]{1,100}$/s.test(value)
    ? value
    : reader.refuse(path, `Expected a name of 1 to 100 characters without braces, got ${shown(value)}`)

/** A node waits for an answer no longer than until its next message. Where only one of the two is written, the other one makes room for it. */
const pauses = (
  given: Group,
  path: Problem["path"],
  reader: Reader
): Pick<Cluster["options"], "interval" | "timeout"> => {
  const interval = reader.duration(given.interval, [...path, "interval"], "250 millis")
  const timeout = reader.duration(given.timeout, [...path, "timeout"], "50 millis")
  if (given.interval === undefined) return { interval: Duration.max(interval, timeout), timeout }
  if (given.timeout === undefined) return { interval, timeout: Duration.min(interval, timeout) }
  if (Duration.isLessThan(interval, timeout)) {
    reader.refuse(
      [...path, "interval"],
      `Expected at least the timeout, ${shown(given.timeout)}, got ${shown(given.interval)}`
    )
  }
  return { interval, timeout }
}

const spreadOf = (value: unknown, path: Problem["path"], reader: Reader): Cluster["options"]["spread"] => {
  if (value !== undefined && value !== "agreed" && value !== "any") {
    reader.refuse(path, `Expected agreed or any, got ${shown(value)}`)
  }
  return value === "any" ? "any" : "agreed"
}
