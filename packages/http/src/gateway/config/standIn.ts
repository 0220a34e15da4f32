/**
 * What stands in for a value that is wrong, where options beside it are judged only with one that is right: without it, what is
 * wrong with them would be told only once this one is mended.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { Problem } from "./problem.ts"

/** By the name of the option. Each goes with whatever else is right. */
const standIns: ReadonlyMap<unknown, unknown> = new Map<string, unknown>([
  ["provider", "p"],
  ["baseUrl", "http://127.0.0.1"],
  ["model", "m"],
  ["window", { lastCalls: 1_000_000 }],
  ["lastCalls", 1_000_000],
  ["lasting", "1 day"],
  ["buckets", 1],
  ["baseDelay", "1 milli"],
  ["over", "1 minute"],
  ["limit", 1],
  ["per", "1 minute"]
])

const resources = ["requests", "tokens", "cost"]

/** A value with what stands in at a place; undefined where nothing does. */
export const standInAt = (value: unknown, place: Problem["path"]): unknown => {
  const name = place.at(-1)
  const around = valueAt(value, place.slice(0, -1))
  if (Array.isArray(around) && place.at(-2) === "apiKey")
    return put(value, place, Redacted.make(`stands-in-for-${name}`))
  if (!isGroup(around)) return undefined
  const standIn = name === "resource" ? otherThan(valueAt(value, place.slice(0, -2))) : standIns.get(name)
  return standIn === undefined ? undefined : put(value, place, standIn)
}

/** A resource that none of these limits has. */
const otherThan = (limits: unknown): string | undefined =>
  Array.isArray(limits)
    ? resources.find((resource) => limits.every((limit) => at(limit, "resource") !== resource))
    : undefined

/** What stands at a place; undefined where nothing does. */
export const valueAt = (value: unknown, place: Problem["path"]): unknown => place.reduce(at, value)

const at = (value: unknown, key: string | number): unknown =>
  Array.isArray(value) ? value[Number(key)] : isGroup(value) && Object.hasOwn(value, key) ? value[key] : undefined

const put = (value: unknown, [key, ...keys]: Problem["path"], to: unknown): unknown => {
  if (key === undefined) return to
  if (Array.isArray(value)) return value.map((item, i) => i === key ? put(item, keys, to) : item)
  const inner = put(at(value, key), keys, to)
  return Object.fromEntries([...Object.entries(isGroup(value) ? value : {}).filter(([name]) => name !== key), [
    String(key),
    inner
  ]])
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value)
