/** The Redis, or Redis Cluster, where the gateways of a fleet meet: an address, or the options of `FleetRedis`. */
import * as Redacted from "effect/Redacted"
import type { ClusterOptions, Options, Tls } from "../../fleetRedis/options.ts"
import { isAlike, type ReadUrl, readUrl } from "../../fleetRedis/url.ts"
import type { Group } from "./groups.ts"
import type { Problem } from "./problem.ts"
import { isGroup, type Reader, shown } from "./reader.ts"

type Path = Problem["path"]

const fields = ["url", "urls", "username", "password", "tls", "connectTimeout", "pingInterval"]

/** What is wrong is noted with the reader. */
export const redisOf = (value: unknown, path: Path, reader: Reader): Options | ClusterOptions | undefined => {
  if (Redacted.isRedacted(value)) {
    const url = urlOf(value, path, reader)
    return url && { url: url.secret }
  }
  if (!isGroup(value)) {
    return reader.refuse(path, `Expected an address, or { ${fields.join(", ")} }, got ${shown(value)}`)
  }
  const { tls, url, urls, ...given } = reader.group(value, path, fields)
  const common = commonOf(given, path, reader)
  const certificates = tls === undefined ? undefined : tlsOf(tls, [...path, "tls"], reader)
  if ((url === undefined) === (urls === undefined)) {
    return reader.refuse(path, "Expected url for one Redis, or urls for some nodes of a Redis Cluster")
  }
  const found = urls === undefined
    ? [urlOf(url, [...path, "url"], reader)]
    : urlsOf(urls, [...path, "urls"], reader)
  const addresses = found.filter((one) => one !== undefined)
  const [first] = addresses
  if (first === undefined || addresses.length < found.length) return undefined
  if (certificates !== undefined && !first.read.isSecure) {
    reader.refuse([...path, "tls"], "Expected an address that begins with rediss:// beside it")
  }
  const options = { ...common, ...certificates && { tls: certificates } }
  return urls === undefined
    ? { url: first.secret, ...options }
    : { urls: addresses.map(({ secret }) => secret), ...options }
}

/** An address may have a password. */
export const isSecretOfRedis = (path: Path): boolean => isOfCluster(path) && secret.has(path.join("."))

/** What may look like a number. */
export const isTextOfRedis = (path: Path): boolean => isOfCluster(path) && text.has(path.join("."))

/** Asked of every place of a file, and nearly none is. A key may have several names with dots between them. */
const isOfCluster = ([section]: Path): boolean => String(section).startsWith("cluster")

const secret = new Set(["", ".url", ".urls", ".password", ".tls.key"].map((field) => `cluster.redis${field}`))

const text = new Set([".username", ".tls.serverName"].map((field) => `cluster.redis${field}`))

interface Url {
  readonly secret: Redacted.Redacted
  readonly read: ReadUrl
}

const urlOf = (value: unknown, path: Path, reader: Reader): Url | undefined => {
  const read = readUrl(value)
  return read === undefined ? reader.refuse(path, expected) : { secret: value as Redacted.Redacted, read }
}

const expected =
  "Expected an address such as redis://127.0.0.1:6379, or rediss://user:password@redis.example:6379/0 with TLS. Other characters than letters and digits of a password are written as in a URL: %40 for @"

const urlsOf = (value: unknown, path: Path, reader: Reader): ReadonlyArray<Url | undefined> => {
  if (!Array.isArray(value) || value.length === 0) {
    reader.refuse(path, "Expected a list of at least one address of a node")
    return []
  }
  const read = value.map((url, i) => urlOf(url, [...path, i], reader))
  read.forEach((url, i) => {
    if (url === undefined) return
    if ("path" in url.read.place || url.read.database > 0) {
      reader.refuse([...path, i], "Expected an address without a path and a database: a Redis Cluster has neither")
    } else if (read[0] !== undefined && !isAlike(url.read, read[0].read)) {
      reader.refuse([...path, i], "Expected TLS, user and password as in the first address: they are for all nodes")
    }
  })
  return read
}

const commonOf = ({ connectTimeout, password, pingInterval, username }: Group, path: Path, reader: Reader) => ({
  ...username !== undefined && { username: reader.text(username, [...path, "username"]) },
  ...password !== undefined && { password: reader.secret(password, [...path, "password"]) },
  connectTimeout: reader.duration(connectTimeout, [...path, "connectTimeout"], "2 seconds"),
  pingInterval: reader.duration(pingInterval, [...path, "pingInterval"], "5 seconds")
})

const tlsOf = (value: unknown, path: Path, reader: Reader): Tls => {
  const { ca, cert, key, serverName } = reader.part(value, path, ["ca", "cert", "key", "serverName"])
  if ((cert === undefined) !== (key === undefined)) {
    reader.refuse([...path, cert === undefined ? "cert" : "key"], "Expected cert and key together, or neither")
  }
  return {
    ca: certificateOf(ca, [...path, "ca"], reader),
    cert: certificateOf(cert, [...path, "cert"], reader),
    key: keyOf(key, [...path, "key"], reader),
    serverName: serverName === undefined ? undefined : reader.text(serverName, [...path, "serverName"])
  }
}

const certificateOf = (value: unknown, path: Path, reader: Reader): string | undefined =>
  value === undefined || typeof value === "string" && /^\s*-----BEGIN [A-Z ]*CERTIFICATE-----/.test(value)
    ? value
    : reader.refuse(path, "Expected a PEM text, which begins with -----BEGIN CERTIFICATE-----")

const keyOf = (value: unknown, path: Path, reader: Reader): Redacted.Redacted | undefined => {
  const given = value === undefined ? undefined : reader.secret(value, path)
  return given === undefined || /^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(Redacted.value(given) as string)
    ? given
    : reader.refuse(path, "Expected a PEM text, which begins with -----BEGIN PRIVATE KEY-----")
}
