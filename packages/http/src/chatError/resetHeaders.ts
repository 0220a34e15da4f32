/**
 * Waits from the headers that tell when a limit is there again: `x-ratelimit-reset…`, `ratelimit-reset`,
 * `anthropic-ratelimit-…-reset`, and others of the same form. They stand on every response, so only those of limits that
 * are spent mean a wait.
 */
import { fromInstant, fromReset } from "./waitValue.ts"

export type Header = (name: string) => string | undefined

interface Hints {
  readonly header: Header
  readonly names: Iterable<string>
  readonly limit: string | undefined
  readonly now: number
}

interface Limit {
  /** What is limited, as the name of the header says: `requests`, `tokens`, or nothing. */
  readonly resource: string
  /** What is left; undefined where no header tells it. */
  readonly remaining: number | undefined
  readonly wait: number
}

/**
 * The longest wait of the limits that are spent. A limit of which something is left means none, whatever its reset
 * says. Where no header tells what is left, the limit that the error names counts, or else all do.
 */
export const fromResetHeaders = (hints: Hints): number | undefined => {
  const limits = limitsOf(hints).filter(({ remaining }) => remaining === undefined || remaining <= 0)
  const named = hints.limit === undefined ? [] : limits.filter(({ resource }) => resource === hints.limit)
  const spent = limits.filter(({ remaining }) => remaining !== undefined)
  const counted = named.length > 0 ? named : spent.length > 0 ? spent : limits
  return counted.length === 0 ? undefined : Math.max(...counted.map(({ wait }) => wait))
}

const limitsOf = ({ header, names, now }: Hints): ReadonlyArray<Limit> => {
  const limits: Array<Limit> = []
  for (const name of names) {
    if (isStructured(name)) limits.push(...structured(header(name), name))
    if (!isReset(name)) continue
    const value = header(name)
    const wait = fromInstant(value, now) ?? (isInstant(value) ? undefined : fromReset(value))
    if (wait === undefined) continue
    limits.push({
      resource: name.replace(/^.*limit(?:bysize)?-/, "").replace(/-?reset(-after)?-?/, ""),
      remaining: remainingOf(header, name),
      wait
    })
  }
  return limits
}

/** A name such as `x-ratelimit-reset-tokens`, `ratelimitbysize-reset` or `anthropic-ratelimit-tokens-reset`. */
const isReset = (name: string): boolean => name.length <= 80 && name.includes("limit") && /(^|-)reset(-|$)/.test(name)

/** The IETF's one header: `limit=100, remaining=0, reset=30`, and in later drafts `"burst";r=0;t=30, "daily";r=9;t=3600`. */
const isStructured = (name: string): boolean => /^(x-)?ratelimit$/.test(name)

const structured = (value: string | undefined, resource: string): ReadonlyArray<Limit> => {
  if (value === undefined || value.length > 256) return []
  return (value.includes(";") ? value.split(",") : [value]).flatMap((limit) => {
    const remaining = limit.match(/\b(?:remaining|r)=(\d{1,15})\b/)?.[1]
    const wait = fromReset(limit.match(/\b(?:reset|t)=(\d{1,15})\b/)?.[1])
    return wait === undefined
      ? []
      : [{ resource, remaining: remaining === undefined ? undefined : Number(remaining), wait }]
  })
}

/** A number so large is a time since 1970, and no number of seconds; in the past it means nothing. */
const isInstant = (value: string | undefined): boolean => value !== undefined && /^\s*\d{10,}/.test(value)

const remainingOf = (header: Header, name: string): number | undefined => {
  const told = header(name.replace(/reset(-after)?/, "remaining"))
  if (told !== undefined && /^\s*-?\d{1,15}(\.\d{1,15})?\s*$/.test(told)) return Number(told)
  // Anthropic's subscriptions tell a word instead of a number.
  const status = header(name.replace("reset", "status"))
  return status === undefined ? undefined : /^\s*(rejected|blocked|exceeded)\s*$/i.test(status) ? 0 : 1
}
