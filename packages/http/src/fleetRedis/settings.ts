/** The options of a connection, made sure of. What is refused is never shown: a URL has a password in it. */
import type { OptionsOf } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { ClusterOptions, Options, Tls } from "./options.ts"
import { isAlike, type Place, readUrl } from "./url.ts"

export type { Place }

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
  if (read.some((url) => !isAlike(url, first!))) {
    check.withhold(field, "URLs of one scheme, user and password", "several")
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
