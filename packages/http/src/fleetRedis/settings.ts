/** The options of a connection, made sure of. What is refused is never shown: a URL has a password in it. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { ClusterOptions, Options, Tls } from "./options.ts"

export type Place = { readonly host: string; readonly port: number } | { readonly path: string }

export interface Settings {
  readonly places: ReadonlyArray<Place>
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** Undefined without TLS. */
  readonly tls: Tls | undefined
  /** Milliseconds, as the other. */
  readonly connectTimeout: number
  readonly pingInterval: number
}

export const singleSettings = ({ url, ...others }: Options, check: OptionsOf): Settings =>
  validated("url", [url], others, check)

export const clusterSettings = ({ urls, ...others }: ClusterOptions, check: OptionsOf): Settings =>
  validated("urls", urls, others, check)

const validated = (
  field: "url" | "urls",
  urls: ReadonlyArray<Redacted.Redacted>,
  { connectTimeout = "2 seconds", password, pingInterval = "5 seconds", tls, username, ...unknown }: Omit<
    ClusterOptions,
    "urls"
  >,
  check: OptionsOf
): Settings => {
  check.known(unknown, [field, "username", "password", "tls", "connectTimeout", "pingInterval"])
  const group = check.group("tls", tls, ["ca", "cert", "key", "serverName"])
  const isCluster = field === "urls"
  if (!Array.isArray(urls) || urls.length === 0) check.withhold(field, "at least one URL in Redacted.make", "none")
  const read = urls.map((url) => readUrl(url) ?? check.withhold(field, expected(isCluster), "something else"))
  const [first] = read
  if (isCluster && read.some(({ database, place }) => "path" in place || database > 0)) {
    check.withhold(field, expected(isCluster), "a path or a database")
  }
  return {
    places: read.map(({ place }) => place),
    username: first!.username ?? username,
    password: first!.password ?? (password === undefined ? undefined : secretOf(password, check)),
    database: first!.database,
    tls: first!.isSecure ? group ?? {} : undefined,
    connectTimeout: Duration.toMillis(duration(check, "connectTimeout", connectTimeout)),
    pingInterval: Duration.toMillis(duration(check, "pingInterval", pingInterval))
  }
}

const expected = (isCluster: boolean): string =>
  isCluster
    ? "redis://user:password@host:port or rediss://… in Redacted.make"
    : "redis://user:password@host:port, rediss://… or unix:///path in Redacted.make"

const secretOf = (password: Redacted.Redacted, check: OptionsOf): string =>
  Redacted.isRedacted(password)
    ? Redacted.value(password)
    : check.withhold("password", "a text in Redacted.make", "something else")

const duration = (check: OptionsOf, field: string, input: Duration.Input): Duration.Duration =>
  Duration.millis(check.positive(field, input))

interface ReadUrl {
  readonly place: Place
  readonly isSecure: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

/** Undefined for anything that is no such URL. */
const readUrl = (given: unknown): ReadUrl | undefined => {
  const text: unknown = Redacted.isRedacted(given) ? Redacted.value(given) : undefined
  if (typeof text !== "string") return undefined
  // A scheme that URL does not know has no user without a host.
  const unix = /^unix:\/\/(?<user>[^/@]*@)?(?<path>\/.+)$/.exec(text)?.groups
  const url = URL.parse(unix === undefined ? text : `redis://${unix["user"] ?? ""}unix`)
  if (url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "") return undefined
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
