/** The URL of a Redis. It may have a password: what cannot be read is never shown. */
import * as Redacted from "effect/Redacted"

export type Place = { readonly host: string; readonly port: number } | { readonly path: string }

export interface ReadUrl {
  readonly place: Place
  readonly isSecure: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

/** Undefined for anything that is no such URL. */
export const readUrl = (given: unknown): ReadUrl | undefined => {
  const text: unknown = Redacted.isRedacted(given) ? Redacted.value(given) : undefined
  if (typeof text !== "string") return undefined
  // A scheme that URL does not know has no user without a host.
  const unix = /^unix:\/\/(?<user>[^/@]*@)?(?<path>\/.+)$/.exec(text)?.groups
  const url = URL.parse(unix === undefined ? text : `redis://${unix["user"] ?? ""}unix`)
  if (
    url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "" || url.search !== "" ||
    url.hash !== ""
  ) {
    return undefined
  }
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (database === undefined || username === undefined || password === undefined) return undefined
  return {
    place: unix === undefined
      ? { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port || 6379) }
      : { path: unix["path"]! },
    isSecure: url.protocol === "rediss:",
    username: username === "" ? undefined : username,
    password: password === "" ? undefined : password,
    database: Number(database)
  }
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Whether a connection to the one is as a connection to the first: what is not said of it is that of the first. */
export const isAlike = (url: ReadUrl, first: ReadUrl): boolean =>
  url.isSecure === first.isSecure && (url.username ?? first.username) === first.username &&
  (url.password ?? first.password) === first.password
