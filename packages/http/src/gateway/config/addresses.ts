/** The addresses of a gateway, and what may be taken up at them. */
import { isIPv4 } from "node:net"
import * as Duration from "effect/Duration"
import type { Group } from "./groups.ts"
import type { Address, Admin, Listen } from "./model.ts"
import type { Problem } from "./problem.ts"
import { type Reader, shown } from "./reader.ts"
import { tokenOf } from "./token.ts"

/** In bytes. */
const mebibyte = 2 ** 20

export const listenOf = (value: unknown, reader: Reader): Listen => {
  const path = ["listen"]
  const given = reader.group(value, path, [
    "host",
    "port",
    "maxBodySize",
    "maxBodiesSize",
    "maxRequests",
    "maxConnections",
    "headersTimeout",
    "requestTimeout",
    "keepAliveTimeout",
    "writeTimeout",
    "headAfter",
    "drainTimeout",
    "exhaustedStatus",
    "origins"
  ])
  const integer = (field: string, otherwise: number, range: readonly [number, number]) =>
    reader.integer(given[field], [...path, field], otherwise, range)
  const duration = (field: string, otherwise: `${number} seconds`) =>
    reader.duration(given[field], [...path, field], otherwise)
  return {
    host: given.host === undefined ? loopback : reader.text(given.host, [...path, "host"]) ?? loopback,
    port: integer("port", 4180, ports),
    ...timesOfRequests(given, path, reader),
    maxBodySize: integer("maxBodySize", 20 * mebibyte, [1, 1024 * mebibyte]),
    maxBodiesSize: integer("maxBodiesSize", 256 * mebibyte, [1, 1024 ** 2 * mebibyte]),
    maxRequests: integer("maxRequests", 1000, [1, 1_000_000]),
    maxConnections: integer("maxConnections", 10_000, [1, 1_000_000]),
    keepAliveTimeout: duration("keepAliveTimeout", "75 seconds"),
    writeTimeout: duration("writeTimeout", "30 seconds"),
    headAfter: duration("headAfter", "20 seconds"),
    drainTimeout: duration("drainTimeout", "30 seconds"),
    exhaustedStatus: integer("exhaustedStatus", 503, [400, 599]),
    origins: originsOf(given.origins, [...path, "origins"], reader)
  }
}

/** The head is a part of the request. Where only one of the two is written, the other one makes room for it. */
const timesOfRequests = (
  given: Group,
  path: Problem["path"],
  reader: Reader
): Pick<Listen, "headersTimeout" | "requestTimeout"> => {
  const headersTimeout = reader.duration(given.headersTimeout, [...path, "headersTimeout"], "10 seconds")
  const requestTimeout = reader.duration(given.requestTimeout, [...path, "requestTimeout"], "60 seconds")
  if (given.headersTimeout === undefined) {
    return { headersTimeout: Duration.min(headersTimeout, requestTimeout), requestTimeout }
  }
  if (given.requestTimeout === undefined) {
    return { headersTimeout, requestTimeout: Duration.max(headersTimeout, requestTimeout) }
  }
  if (reader.isRight([...path, "requestTimeout"]) && Duration.isGreaterThan(headersTimeout, requestTimeout)) {
    reader.refuse(
      [...path, "headersTimeout"],
      `Expected at most the requestTimeout, ${shown(given.requestTimeout)}, got ${shown(given.headersTimeout)}`
    )
  }
  return { headersTimeout, requestTimeout }
}

/** What is wrong with two addresses: two servers cannot have the same. */
export const clashOf = (listen: Address, admin: Address): string | undefined => {
  if (admin.port === 0 || admin.port !== listen.port) return undefined
  const hosts = [admin.host, listen.host]
  const isSame = admin.host === listen.host ||
    hosts.some((host) => host === "0.0.0.0" || host === "::") ||
    (hosts.includes("localhost") && hosts.every(isLocalhost))
  return isSame ? `Expected another port than that of listen, got ${admin.port}` : undefined
}

/** Whether the name `localhost` may lead to it: which of its two addresses that is, the machine says. */
const isLocalhost = (host: string): boolean => host === "localhost" || host === "127.0.0.1" || host === "::1"

export const checkAddresses = (listen: Listen, admin: Admin | undefined, reader: Reader): void => {
  const clash = admin && clashOf(listen, admin)
  if (clash !== undefined) reader.refuse(["admin", "port"], clash)
}

const originsOf = (value: unknown, path: Problem["path"], reader: Reader): ReadonlyArray<string> => {
  const origins = reader.texts(value, path)
  origins.forEach((origin, i) => {
    if (origin !== "*" && !isOrigin(origin)) {
      reader.refuse([...path, i], `Expected "*", or an origin such as https://app.example, got ${shown(origin)}`)
    }
  })
  return origins
}

/** As a browser sends it. That of an app or an extension has a scheme of its own. */
const isOrigin = (text: string): boolean =>
  /^https?:/i.test(text)
    ? URL.canParse(text) && new URL(text).origin === text && !text.includes("*")
    : /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#"*\\]+$/.test(text)

const ports = [0, 65_535] as const
const loopback = "127.0.0.1"

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (host.startsWith("127.") && isIPv4(host))

export const adminOf = (value: unknown, reader: Reader): Admin | undefined => {
  const path = ["admin"]
  const given = reader.group(value, path, [
    "host",
    "hosts",
    "port",
    "token",
    "readToken",
    "exemplars",
    "runbook",
    "promise"
  ])
  if (value === undefined || value === null) return undefined
  const token = tokenOf(given.token, [...path, "token"], reader)
  if (given.exemplars !== undefined && given.exemplars !== "on" && given.exemplars !== "off") {
    reader.refuse([...path, "exemplars"], `Expected on or off, got ${shown(given.exemplars)}`)
  }
  const readToken = given.readToken === undefined ? undefined : tokenOf(given.readToken, [...path, "readToken"], reader)
  const promise = reader.part(given.promise, [...path, "promise"], ["p95"])
  const others: Omit<Admin, "token"> = {
    host: given.host === undefined ? loopback : reader.text(given.host, [...path, "host"]) ?? loopback,
    hosts: hostsOf(given.hosts, [...path, "hosts"], reader),
    port: reader.integer(given.port, [...path, "port"], 4181, ports),
    readToken,
    exemplars: given.exemplars === "on" ? "on" : "off",
    runbook: given.runbook === undefined ? undefined : linkOf(given.runbook, [...path, "runbook"], reader),
    promise: {
      p95: promise.p95 === undefined
        ? undefined
        : reader.duration(promise.p95, [...path, "promise", "p95"], "10 seconds")
    }
  }
  return token && { ...others, token }
}

/** Without a port: a browser that was given another one asks all the same. */
const hostsOf = (value: unknown, path: ReadonlyArray<string>, reader: Reader): ReadonlyArray<string> =>
  reader.texts(value, path).map((host, i) => {
    if (!/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(host)) {
      reader.refuse([...path, i], `Expected the name of a host without a port, such as ops.example, got ${shown(host)}`)
    }
    return host.toLowerCase()
  })

/** A link for a page: nothing that a browser would run, and nothing secret. */
const linkOf = (value: unknown, path: ReadonlyArray<string>, reader: Reader): string | undefined => {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined
  const isLink = url !== undefined && (url.protocol === "https:" || url.protocol === "http:") && url.username === "" &&
    url.password === ""
  return isLink
    ? url.href
    : reader.refuse(path, `Expected an address of http or https without a name or a password, got ${shown(value)}`)
}
