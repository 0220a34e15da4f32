/**
 * What is beneath a chat client: it sends a request once, and tells what came back or how it was lost. It knows HTTP and
 * time-outs, and nothing about chats. There are two: `portableTransport.ts` works over any `HttpClient`, and
 * `nodeTransport/direct/` is the cheaper one of Node's own client.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Pull from "effect/Pull"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ChatError } from "../ChatError.ts"

/** Where requests go, and what they have in common. */
export interface Endpoint {
  readonly method: "GET" | "POST"
  readonly url: string
  /** It may hold a key, so no span shows it. */
  readonly query: ReadonlyArray<readonly [name: string, value: Redacted.Redacted]>
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>
}

/** A request to an endpoint. */
export interface Outgoing {
  /** JSON, where there is one. */
  readonly body: string | undefined
  /** The bearer token, where there is one. */
  readonly secret: string | undefined
}

type AnyFiber = Fiber.Fiber<unknown, unknown>

export type Headers = Readonly<Record<string, string | undefined>>

/** The beginning of a response. Header names are in small letters. */
export interface Head {
  readonly status: number
  readonly headers: Headers
}

/**
 * A response whose body was read. Of a failed status it is as much as came within a second and a limit, whatever ended it.
 */
export interface Received extends Head {
  readonly text: string
  /** Whether all of the body is in the text; else it is longer than its limit. */
  readonly isWhole: boolean
}

/** A response of a good status whose body is read piece by piece. */
export interface Opened extends Head {
  /** Waits for what has come since the last time, for as long as the time-outs allow. */
  readonly pieces: Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, Lost | ChatError>
  /** Has the pieces heard as they come, for as long as the time-outs allow. A piece that was not heard can be waited for. */
  readonly listen: <A, E>(hearing: Hearing<A, E>) => Effect.Effect<A, E>
  /**
   * Waits for the end of a body of which nothing more is needed, for 100 milliseconds at most. The provider closes its side
   * right after the last event, and a connection that was read to its end can be used again.
   */
  readonly ended: Effect.Effect<void>
}

/** Hears the pieces of a body. Each function gives what the listening goes on with, which ends it. */
export interface Hearing<out A, out E> {
  /** Hears what has come. Undefined asks for more. It runs where the bytes come in, so it may not wait, nor use a connection to a provider. */
  readonly pieces: (pieces: NonEmptyReadonlyArray<Uint8Array>) => Effect.Effect<A, E> | undefined
  readonly stopped: (error: Lost | ChatError | Cause.Done) => Effect.Effect<A, E>
}

/** Listens to pieces that are waited for one after the other. */
export const listeningTo = (pieces: Opened["pieces"]) => <A, E>(hearing: Hearing<A, E>): Effect.Effect<A, E> => {
  const listening: Effect.Effect<A, E> = Effect.matchEffect(pieces, {
    onSuccess: (some) => hearing.pieces(some) ?? listening,
    onFailure: (error) => hearing.stopped(error)
  })
  return listening
}

/** No response came, or its body broke off; then the status is that of its head. */
export interface Lost {
  readonly _tag: "Lost"
  readonly status: number | undefined
  readonly cause: unknown
}

/** The time of an exchange was over. */
export interface Late {
  readonly _tag: "Late"
}

/** When an exchange has to have ended. */
export interface Until {
  /** Monotonic milliseconds. */
  readonly due: number
  /** Milliseconds from the beginning of the call to then. */
  readonly millis: number
}

/** The time-outs of a stream, which count only waits. */
export interface Waits {
  /**
   * Begins a wait, which ends by `end` or by a call of `onLate`. Returns the error at once where no time is left; then
   * nothing was begun.
   */
  readonly begin: (onLate: (error: ChatError) => void) => ChatError | undefined
  readonly end: () => void
  /** Begins the next wait in the step in which the last one ended. */
  readonly goOn: Waits["begin"]
  /** Nothing is waited for any more. */
  readonly stop: () => void
}

/** Sends requests to one endpoint, for the fiber that runs. */
export interface Exchanges {
  /** Whether exchanges for a fiber keep its deadline themselves: when it comes, they are left and interrupted. */
  readonly keepsDeadline: (fiber: AnyFiber) => boolean
  /** Sends a request and reads the response. */
  readonly exchange: (outgoing: Outgoing, until: Until, fiber: AnyFiber) => Effect.Effect<Received, Lost | Late>
  /** Sends a request; a response of a failed status is read. The end of the scope closes the connection. */
  readonly open: (
    outgoing: Outgoing,
    waits: Waits,
    fiber: AnyFiber
  ) => Effect.Effect<Received | Opened, Lost | ChatError, Scope.Scope>
}

export interface Transport {
  readonly to: (endpoint: Endpoint) => Exchanges
  /** Whether the calls of a fiber can go this way. */
  readonly serves: (fiber: AnyFiber) => boolean
}

export const isGood = (status: number): boolean => status >= 200 && status <= 299

/** Milliseconds. The end of a body comes right after its last event. */
export const endMillis = 100

/** Milliseconds. What explains a failure comes at once, or is not waited for. */
export const explanationMillis = 1000

/**
 * The transports that need no HTTP client, by the client in whose place they stand. Whatever wraps or maps that client is
 * another object, so its requests pass the client.
 */
const direct = new WeakMap<HttpClient.HttpClient, Transport>()

/** Notes that requests need not pass an HTTP client. */
export const noteDirect = (http: HttpClient.HttpClient, transport: Transport): HttpClient.HttpClient => {
  direct.set(http, transport)
  return http
}

export const directOf = (http: HttpClient.HttpClient): Transport | undefined => direct.get(http)

/** The one transport for the calls that it serves, and else the other. */
export const preferring = (one: Transport, other: Transport): Transport => ({
  serves: (fiber) => one.serves(fiber) || other.serves(fiber),
  to: (endpoint) => {
    const [first, second] = [one.to(endpoint), other.to(endpoint)]
    const of = (fiber: AnyFiber) => one.serves(fiber) ? first : second
    return {
      keepsDeadline: (fiber) => of(fiber).keepsDeadline(fiber),
      exchange: (outgoing, until, fiber) => of(fiber).exchange(outgoing, until, fiber),
      open: (outgoing, waits, fiber) => of(fiber).open(outgoing, waits, fiber)
    }
  }
})
