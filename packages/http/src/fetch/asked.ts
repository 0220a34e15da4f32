/**
 * What a `fetch` is called with, as it is at that moment: a call that waits, or is sent again, is sent as it was given.
 */
import * as Deadline from "@switchgear/core/Deadline"
import * as Duration from "effect/Duration"
import { objectIn } from "../apis/objectIn.ts"
import * as AskedOf from "../chatReply/asked.ts"
import { type Route, routeOf } from "./routes.ts"
import type { Fetch } from "./options.ts"
import { type Init, type Sealed, sealedOf } from "./sealed.ts"

export interface Asked extends Sealed {
  readonly url: URL
  readonly route: Route | undefined
  /** Whether the answer is asked for as a stream, as far as the request shows it. */
  readonly isStream: boolean
  /** Whether it can be sent more than once, and does no harm if it is. */
  readonly isRepeatable: boolean
  /** The model that is asked for, where the request shows it. */
  readonly model: string | undefined
  readonly signal: AbortSignal | undefined
  /** The milliseconds for which its client waits for a response, where it tells. */
  readonly patience: number | undefined
  /** What its answer is measured by, where the request shows it. */
  readonly measure: () => AskedOf.Asked | undefined
}

type Input = Parameters<Fetch>[0]

/** Undefined for what no guard is for: a URL that is none or not HTTP, and a call that was aborted before. */
export const askedOf = (input: Input, init: Init | undefined): Asked | undefined => {
  const request = isRequest(input) ? input : undefined
  const url = urlOf(request?.url ?? String(input))
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  const given = fieldsOf(init)
  const signal = given.signal === undefined ? request?.signal : given.signal ?? undefined
  if (signal !== undefined && (signal.aborted || typeof signal.addEventListener !== "function")) return undefined
  const method = String(given.method ?? request?.method ?? "GET").toUpperCase()
  const route = routeOf(method, url, given.body)
  const sealed = sealedOf(request ?? url.href, given)
  const text = route !== undefined && typeof given.body === "string" ? given.body : undefined
  const headers = headersOf(request, given)
  const patience = Deadline.fromHeader(headers)
  const isSafe = idempotent.has(method) || route !== undefined || headers["idempotency-key"] !== undefined
  return {
    url,
    route,
    isStream: route?.events !== undefined && text !== undefined && /"stream"\s*:\s*true/.test(text),
    isRepeatable: isSafe && sealed.isRepeatable && (text === undefined || !/"background"\s*:\s*true/.test(text)),
    model: text === undefined ? undefined : /"model"\s*:\s*"([\w.:@/-]{1,100})"/.exec(text)?.[1],
    signal,
    patience: patience && Duration.toMillis(patience),
    measure: () => route?.events === "chat" && text !== undefined ? measureOf(text) : undefined,
    isFaulty: sealed.isFaulty,
    send: sealed.send
  }
}

/** A long prompt is parsed only for fields that make a difference. */
const measureOf = (text: string): AskedOf.Asked | undefined => {
  if (!/"(?:tools|functions|n|max_\w+)"\s*:/.test(text)) return undefined
  const request = objectIn(text)
  return request && AskedOf.askedOf(request)
}

const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])

/** That of another realm, or of another implementation, is one as well. */
const isRequest = (input: Input): input is Request =>
  typeof input === "object" && input !== null && !(input instanceof URL) && typeof input.url === "string"

/** A page of a browser may ask for paths of its own. */
const urlOf = (text: string): URL | undefined => {
  const { location } = globalThis as { readonly location?: { readonly href: string } }
  return URL.canParse(text, location?.href) ? new URL(text, location?.href) : undefined
}

/** By their names in small letters. Those that no platform sends say nothing. */
const headersOf = (request: Request | undefined, { headers }: Init): Readonly<Record<string, string>> => {
  try {
    return Object.fromEntries(new Headers(headers ?? request?.headers))
  } catch {
    return {}
  }
}

/** Fields that may be getters of something that is not a plain object, such as a `Request`. */
const names = [
  "method",
  "headers",
  "body",
  "mode",
  "credentials",
  "cache",
  "redirect",
  "referrer",
  "referrerPolicy",
  "integrity",
  "keepalive",
  "signal",
  "duplex",
  "priority"
] as const

/** The fields of the options, each read once. */
const fieldsOf = (init: Init | undefined): Init => {
  if (init === undefined || init === null) return {}
  const prototype = Object.getPrototypeOf(init)
  if (prototype === Object.prototype || prototype === null) return { ...init }
  const read = Object.fromEntries(names.flatMap((name) => {
    const value = (init as Record<string, unknown>)[name]
    return value === undefined ? [] : [[name, value]]
  }))
  return { ...init, ...read }
}
