/** What a request says by its head, before anything of its body is read. */
import * as Deadline from "@switchgear/core/Deadline"
import * as Duration from "effect/Duration"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { attemptsIn } from "../propagation/attempts.ts"
import { type Told, toldIn } from "../propagation/baggage.ts"
import type { Settings } from "./settings.ts"

export interface Asked {
  /** Whose share it is taken from. */
  readonly key: string | undefined
  /** Undefined where nobody has said it. */
  readonly priority: number | undefined
  /** Milliseconds until the head of the response has to be there; infinity without a limit. */
  readonly left: number
  /** Further attempts, besides this one, that the caller leaves; undefined where it does not say. */
  readonly attempts: number | undefined
  /** The length of the body; undefined where it is not told. */
  readonly length: number | undefined
}

export const askedOf = (request: HttpServerRequest, settings: Settings): Asked => {
  const { headers } = request
  const { deadline = Infinity, keyOf, priorityOf, trust } = settings
  const left = Deadline.fromHeader(headers)
  const told = headers["baggage"] !== undefined && trust(request) ? toldIn(headers["baggage"]) : nothing
  const priority = priorityOf === undefined ? told.priority : priorityOf(request)
  return {
    key: keyOf === undefined ? told.key : keyOf(request),
    priority: priority === undefined || Number.isFinite(priority) ? priority : undefined,
    left: Math.min(deadline, left === undefined ? Infinity : Duration.toMillis(left)),
    attempts: attemptsIn(headers),
    length: lengthOf(request)
  }
}

const nothing: Told = { priority: undefined, key: undefined }

const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT"])

/** Over HTTP/2, a body need not tell its length in any header. */
const lengthOf = ({ headers, method }: HttpServerRequest): number | undefined => {
  if (headers["transfer-encoding"] !== undefined) return undefined
  const length = headers["content-length"]
  if (length !== undefined) return /^\d{1,15}$/.test(length) ? Number(length) : undefined
  return bodiless.has(method) ? 0 : undefined
}
