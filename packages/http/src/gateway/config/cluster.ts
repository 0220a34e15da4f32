/** The fleet that a gateway is part of. */
import * as Duration from "effect/Duration"
import type { Group } from "./groups.ts"
import type { Cluster } from "./model.ts"
import type { Problem } from "./problem.ts"
import { type Reader, shown } from "./reader.ts"
import { redisOf } from "./redis.ts"

export const clusterOf = (value: unknown, reader: Reader): Cluster | undefined => {
  const path = ["cluster"]
  const given = reader.group(value, path, [
    "redis",
    "fleet",
    "interval",
    "timeout",
    "heartbeat",
    "span",
    "spread",
    "away",
    "cover",
    "ahead",
    "giveBack"
  ])
  if (value === undefined || value === null) return undefined
  const redis = redisOf(given.redis, [...path, "redis"], reader)
  const fleet = fleetOf(given.fleet, [...path, "fleet"], reader)
  const duration = (field: string, otherwise: Duration.Input) =>
    reader.duration(given[field], [...path, field], otherwise)
  const options: Cluster["options"] = {
    ...pauses(given, path, reader),
    heartbeat: duration("heartbeat", "5 seconds"),
    span: duration("span", "1 second"),
    spread: oneOf(["agreed", "any"], given.spread, [...path, "spread"], reader),
    away: oneOf(["local", "open", "closed"], given.away, [...path, "away"], reader),
    cover: duration("cover", "100 millis"),
    ahead: duration("ahead", "200 millis"),
    giveBack: duration("giveBack", "200 millis")
  }
  return redis === undefined || fleet === undefined ? undefined : { redis, fleet, options }
}

/** The name is in keys of Redis, where braces have a meaning. It is shown: an address at its place may have a password. */
const fleetOf = (value: unknown, path: Problem["path"], reader: Reader): string | undefined => {
  if (JSON.stringify(value)?.includes("://") === true) {
    return reader.refuse(path, "Expected a name, and not an address: the one of Redis is written in cluster.redis")
  }
  return typeof value === "string" && /^[^{}\p{Surrogate}]{1,100}$/su.test(value)
    ? value
    : reader.refuse(path, `Expected a name of 1 to 100 characters without braces, got ${shown(value)}`)
}

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
  if (reader.isRight([...path, "timeout"]) && Duration.isLessThan(interval, timeout)) {
    reader.refuse(
      [...path, "interval"],
      `Expected at least the timeout, ${shown(given.timeout)}, got ${shown(given.interval)}`
    )
  }
  return { interval, timeout }
}

/** The first one, where none is written. */
const oneOf = <const Choice extends string>(
  choices: readonly [Choice, ...ReadonlyArray<Choice>],
  value: unknown,
  path: Problem["path"],
  reader: Reader
): Choice => {
  const chosen = value === undefined ? choices[0] : choices.find((choice) => choice === value)
  if (chosen === undefined) reader.refuse(path, `Expected ${listed(choices)}, got ${shown(value)}`)
  return chosen ?? choices[0]
}

const listed = (choices: ReadonlyArray<string>): string =>
  `${choices.slice(0, -1).join(", ")} or ${choices[choices.length - 1]}`
