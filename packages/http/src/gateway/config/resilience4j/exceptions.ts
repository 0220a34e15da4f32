/**
 * Which errors of a model an exception of Java stands for. It is known by the last part of its name, whatever its package
 * or the class around it.
 */
import * as ChatError from "../../../ChatError.ts"
import type { ModelError } from "../../../ChatModel.ts"
import type { Given } from "./given.ts"

/** Some errors of a model. */
export interface Errors {
  /** By their names. */
  readonly told: string
  readonly has: (error: ModelError) => boolean
}

const tagged = (tags: ReadonlyArray<ModelError["_tag"]>): Errors => ({
  told: tags.join(", "),
  has: (error) => tags.includes(error._tag)
})

const timedOut: Errors = {
  told: "TimedOut",
  has: (error) =>
    error._tag === "TimedOut" && error.phase !== "reader" ||
    error._tag === "DeadlineExceeded" && error.limit === "attempt"
}

const withStatus = (tag: "ProviderFault", status: number): Errors => ({
  told: `${tag} with status ${status}`,
  has: (error) => error._tag === tag && error.status === status
})

const either = (...all: ReadonlyArray<Errors>): Errors => ({
  told: all.map(({ told }) => told).join(", "),
  has: (error) => all.some(({ has }) => has(error))
})

const connection = tagged(["ConnectFailed", "Truncated"])
const server = tagged(["ProviderFault", "Overloaded"])
const badRequest = tagged(["InvalidRequest", "ContextTooLong", "ContentBlocked"])
const tooMany = tagged(["ProviderRateLimited", "QuotaExhausted"])
const client = either(badRequest, tagged(["Unauthorized", "Forbidden", "ModelNotFound"]), tooMany)
const response = either(server, client)
const unreadable = tagged(["MalformedReply"])
const all: Errors = {
  told: "every error",
  has: (error) => ChatError.isChatError(error) || timedOut.has(error)
}

const known: { readonly [name: string]: Errors } = {
  IOException: connection,
  UncheckedIOException: connection,
  ConnectException: connection,
  SocketException: connection,
  UnknownHostException: connection,
  ResourceAccessException: connection,
  WebClientRequestException: connection,
  RetryableException: connection,
  HttpServerErrorException: server,
  FeignServerException: server,
  InternalServerError: withStatus("ProviderFault", 500),
  BadGateway: withStatus("ProviderFault", 502),
  ServiceUnavailable: tagged(["Overloaded"]),
  GatewayTimeout: withStatus("ProviderFault", 504),
  HttpClientErrorException: client,
  FeignClientException: client,
  BadRequest: badRequest,
  UnprocessableEntity: badRequest,
  Unauthorized: tagged(["Unauthorized"]),
  Forbidden: tagged(["Forbidden"]),
  NotFound: tagged(["ModelNotFound"]),
  TooManyRequests: tooMany,
  HttpStatusCodeException: response,
  FeignException: response,
  WebClientResponseException: response,
  RestClientResponseException: response,
  DecodeException: unreadable,
  HttpMessageConversionException: unreadable,
  HttpMessageNotReadableException: unreadable,
  RestClientException: either(connection, response, unreadable),
  RuntimeException: all,
  Exception: all,
  Throwable: all
}

/** Rejections by guards of resilience4j: here no circuit counts them, and they are not tried again. */
const rejections = ["CallNotPermittedException", "RequestNotPermitted", "BulkheadFullException"]

const lastPart = (name: string): string => name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("$")) + 1)

const errorsOf = (name: string): Errors | undefined =>
  name.endsWith("TimeoutException") ? timedOut : Object.hasOwn(known, name) ? known[name] : undefined

/** The errors that a list of exceptions stands for; undefined where there is no list. */
export const listed = (given: Given, key: string): Errors | undefined => {
  const names = given.optional<ReadonlyArray<string>>(key)
  if (names === undefined) return undefined
  const isIgnoring = key === "ignoreExceptions"
  const errors = names.flatMap((name, i) => {
    const part = lastPart(name)
    const found = errorsOf(part)
    if (found !== undefined) return found
    if (isIgnoring && rejections.includes(part)) return []
    const why = rejections.includes(part)
      ? `${part} is the rejection of a guard, which is neither counted nor tried again here`
      : `nothing is known that ${part} stands for. Known are *TimeoutException, ${Object.keys(known).join(", ")}`
    given.refuse(key, `Expected an exception that a model can fail with, got ${JSON.stringify(name)}: ${why}`, [i])
    return []
  })
  return either(...new Set(errors))
}
