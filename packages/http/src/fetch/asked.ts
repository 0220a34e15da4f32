/**
 * What a `fetch` is called with, as it is at that moment: a call that waits, or is sent again, is sent as it was given.
 */
import { objectIn } from "../apis/objectIn.ts"
import * as AskedOf from "../chatReply/asked.ts"
import { type Route, routeOf } from "./routes.ts"
import type { Fetch } from "./options.ts"

export interface Asked {
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
  readonly send: (fetch: Fetch, signal: AbortSignal) => Promise<Response>
}

type Input = Parameters<Fetch>[0]
type Init = NonNullable<Parameters<Fetch>[1]>

/** Undefined for what no guard is for: a URL that is none or not HTTP, and a call that was aborted before. */
export const askedOf = (input: Input, init: Init | undefined): Asked | undefined => {
  const request = isRequest(input) ? input : undefined
  const url = urlOf(request?.url ?? String(input))
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  const given = fieldsOf(init)
  const signal = given.signal === undefined ? request?.signal : given.signal ?? undefined
  if (signal !== undefined && (signal.aborted || typeof signal.addEventListener !== "function")) return undefined
  const method = (given.method ?? request?.method ?? "GET").toUpperCase()
  const route = routeOf(method, url, given.body)
  const sealed = sealedOf(request ?? url.href, given)
  const text = route !== undefined && typeof given.body === "string" ? given.body : undefined
  const seconds = Number(headerOf(request, given, "x-stainless-timeout") ?? NaN)
  const isSafe = idempotent.has(method) || route !== undefined || headerOf(request, given, "idempotency-key") !== null
  return {
    url,
    route,
    isStream: route?.events !== undefined && text !== undefined && /"stream"\s*:\s*true/.test(text),
    isRepeatable: isSafe && sealed.isRepeatable && (text === undefined || !/"background"\s*:\s*true/.test(text)),
    model: text === undefined ? undefined : /"model"\s*:\s*"([\w.:@/-]{1,100})"/.exec(text)?.[1],
    signal,
    patience: seconds >= 1 ? seconds * 1000 : undefined,
    measure: () => route?.events === "chat" && text !== undefined ? measureOf(text) : undefined,
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

const headerOf = (request: Request | undefined, { headers }: Init, name: string): string | null => {
  try {
    return new Headers(headers ?? request?.headers).get(name)
  } catch {
    return null
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

type Sealed = Pick<Asked, "send" | "isRepeatable">

/**
 * A request that later changes of what was given do not reach. A body that can be read once stays as it is, so that after a
 * refusal it is there for another try.
 */
const sealedOf = (input: Request | string, given: Init): Sealed => {
  const { signal: _, ...rest } = given
  const body = given.body ?? undefined
  const copied = copyOf(body)
  const headers = copyOfHeaders(given.headers)
  const sealed = {
    ...typeof input === "object" && referrerOf(input),
    ...rest,
    ...headers !== undefined && { headers },
    ...copied !== undefined && { body: copied }
  }
  const isBare = typeof input === "string" || input.body === null
  return {
    isRepeatable: body === undefined ? isBare : copied !== undefined,
    send: (fetch, signal) => fetch(input, { ...sealed, signal })
  }
}

/** A request that is given with options loses it. */
const referrerOf = ({ referrer, referrerPolicy }: Request): Init =>
  typeof referrer === "string" ? { referrer, referrerPolicy } : {}

/** A body that can be sent again, as it is now; undefined for one that can be read once. */
const copyOf = (body: unknown): Exclude<Init["body"], null | undefined> | undefined => {
  if (typeof body === "string" || body instanceof Blob) return body
  if (body instanceof URLSearchParams) return new URLSearchParams(body)
  if (body instanceof ArrayBuffer) return body.slice(0)
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
  if (!(body instanceof FormData)) return undefined
  const copy = new FormData()
  for (const [name, value] of body) {
    if (typeof value === "string") copy.append(name, value)
    else copy.append(name, value, value.name)
  }
  return copy
}

/** In the form in which they were given: a `fetch` of the user's may look at them. */
const copyOfHeaders = (headers: Init["headers"]): Init["headers"] =>
  headers instanceof Headers
    ? new Headers(headers)
    : Array.isArray(headers)
    ? headers.map((pair) => [...pair] as [string, string])
    : typeof headers === "object" && headers !== null && Object.getPrototypeOf(headers) === Object.prototype
    ? { ...headers }
    : headers
