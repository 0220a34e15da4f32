/** A request as it is when it is given: it is sent later, and perhaps more than once. */
import type { Fetch } from "./options.ts"

/** The options of a `fetch`. */
export type Init = NonNullable<Parameters<Fetch>[1]>

export interface Sealed {
  /** Whether it can be sent more than once. */
  readonly isRepeatable: boolean
  /** Whether no platform would send it: what its rejection says is about its caller. */
  readonly isFaulty: () => boolean
  readonly send: (fetch: Fetch, signal: AbortSignal) => Promise<Response>
}

/**
 * A request that later changes of what was given do not reach. A body that can be read once stays as it is, so that after a
 * refusal it is there for another try.
 */
export const sealedOf = (input: Request | string, given: Init): Sealed => {
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
  const wasUsed = typeof input === "object" && input.bodyUsed && body === undefined
  const isBare = typeof input === "string" || input.body === null
  return {
    isFaulty: () => wasUsed || !isRequestOf(input, sealed, copied ?? (isReadOnce(body) ? new ReadableStream() : body)),
    isRepeatable: body === undefined ? isBare : copied !== undefined,
    send: (fetch, signal) => fetch(input, { ...sealed, signal })
  }
}

const isReadOnce = (body: unknown): boolean =>
  typeof body === "object" && body !== null && ("getReader" in body || Symbol.asyncIterator in body)

const isRequestOf = (input: Request | string, init: Init, body: Init["body"]): boolean => {
  try {
    const [url, own] = typeof input === "string" ? [input, undefined] : [input.url, input]
    const options = { ...init, body, method: init.method ?? own?.method, headers: init.headers ?? own?.headers }
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    return new Request(url, given).method !== ""
  } catch {
    return false
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
