/** The addresses of a gateway, and what may be taken up at them. */
import type { Admin, Listen } from "./model.ts"
import type { Problem } from "./problem.ts"
import { type Reader, shown } from "./reader.ts"

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
    maxBodySize: integer("maxBodySize", 20 * mebibyte, [1, 1024 * mebibyte]),
    maxBodiesSize: integer("maxBodiesSize", 256 * mebibyte, [1, 1024 ** 2 * mebibyte]),
    maxRequests: integer("maxRequests", 1000, [1, 1_000_000]),
    maxConnections: integer("maxConnections", 10_000, [1, 1_000_000]),
    headersTimeout: duration("headersTimeout", "10 seconds"),
    requestTimeout: duration("requestTimeout", "60 seconds"),
    keepAliveTimeout: duration("keepAliveTimeout", "75 seconds"),
    writeTimeout: duration("writeTimeout", "30 seconds"),
    headAfter: duration("headAfter", "20 seconds"),
    drainTimeout: duration("drainTimeout", "30 seconds"),
    exhaustedStatus: integer("exhaustedStatus", 503, [400, 599]),
    origins: originsOf(given.origins, [...path, "origins"], reader)
  }
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
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

export const adminOf = (value: unknown, reader: Reader): Admin | undefined => {
  const path = ["admin"]
  const given = reader.group(value, path, ["host", "port", "token", "readToken", "exemplars", "runbook", "promise"])
  if (value === undefined || value === null) return undefined
  const token = reader.secret(given.token, [...path, "token"])
  if (given.exemplars !== undefined && given.exemplars !== "on" && given.exemplars !== "off") {
    reader.refuse([...path, "exemplars"], `Expected on or off, got ${shown(given.exemplars)}`)
  }
  const readToken = given.readToken === undefined ? undefined : reader.secret(given.readToken, [...path, "readToken"])
  const promise = reader.part(given.promise, [...path, "promise"], ["p95"])
  return token && {
    host: given.host === undefined ? loopback : reader.text(given.host, [...path, "host"]) ?? loopback,
    port: reader.integer(given.port, [...path, "port"], 4181, ports),
    token,
    readToken,
    exemplars: given.exemplars === "on" ? "on" : "off",
    runbook: given.runbook === undefined ? undefined : linkOf(given.runbook, [...path, "runbook"], reader),
    promise: {
      p95: promise.p95 === undefined
        ? undefined
        : reader.duration(promise.p95, [...path, "promise", "p95"], "10 seconds")
    }
  }
}

/** A link for a page: nothing that a browser would run, and nothing secret. */
const linkOf = (value: unknown, path: ReadonlyArray<string>, reader: Reader): string | undefined => {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined
  const isLink = url !== undefined && (url.protocol === "https:" || url.protocol === "http:") && url.username === "" &&
    url.password === ""
  return isLink
    ? url.href
    : reader.refuse(path, `Expected an address of http or https without a name or a password, got ${shown(value)}`)
}
