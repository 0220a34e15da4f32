/** The options of a server's guard, and what it is. */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"

/**
 * What a server takes in. Only `name` is required.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Appears in health and metrics. */
  readonly name: string
  /** Requests in flight, until their responses have been sent. Beyond it, each key has its share. @default no limit */
  readonly maxRequests?: number | undefined
  /** Bytes of request bodies in flight, in the same way. A body that is longer by itself is a 413. @default no limit */
  readonly maxBytes?: number | undefined
  /** What a body counts that does not tell its length. It may not be longer. @default a hundredth of `maxBytes` */
  readonly assumedBytes?: number | undefined
  /** A bulkhead, or a `ConcurrencyLimit` that finds by itself how much the server can do. @default none */
  readonly limit?: Bulkhead.Bulkhead | undefined
  /** The longest time until the head of a response. That of the caller is kept where it is nearer. @default none */
  readonly deadline?: Duration.Input | undefined
  /** The most attempts that a request may make further in, whatever its caller tells. @default as the caller tells */
  readonly attempts?: number | undefined
  /** Whose priority and key are believed: they can be given by anybody. @default nobody's */
  readonly trust?: ((request: HttpServerRequest) => boolean) | undefined
  /** For whom a request counts, such as a tenant. @default the key of a caller that is trusted; all others are one */
  readonly keyOf?: ((request: HttpServerRequest) => string) | undefined
  /** How urgent a request is: the higher, the later it is shed. @default that of a caller that is trusted, or else 0 */
  readonly priorityOf?: ((request: HttpServerRequest) => number) | undefined
}

/**
 * Why a request was not taken: too many requests, too many bytes, a body that is too large, `limit`, or no time left.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = "requests" | "bytes" | "too-large" | "limit" | "deadline"

/**
 * The numbers of a server's guard at one moment.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface Snapshot {
  readonly name: string
  /** Requests that were taken, and whose responses have not been sent. */
  readonly inFlight: number
  /** Bytes of their bodies. */
  readonly bytes: number
  /** Requests taken since the guard was made. */
  readonly taken: number
  /** Requests whose time was over before their response was there: their handlers were interrupted, and they got a 504. */
  readonly timedOut: number
  /** Requests refused since then, by reason: their handlers were not begun. */
  readonly refused: { readonly [R in Reason]: number }
}

/**
 * The guard of a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerGuard {
  readonly name: string
  /** Wraps the handler of requests. Its errors stay what they are; a refused request is answered, and the handler not begun. */
  readonly protect: <E, R>(
    handler: Effect.Effect<HttpServerResponse, E, R>
  ) => Effect.Effect<HttpServerResponse, E, R | HttpServerRequest | Scope.Scope>
  readonly snapshot: Effect.Effect<Snapshot>
}
