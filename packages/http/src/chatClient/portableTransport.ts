/** The transport over any `HttpClient`: one that is simulated, wrapped, mapped or traced, too. */
import * as Deadline from "@switchgear/core/Deadline"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import type { ChatError } from "../ChatError.ts"
import { maxErrorBytes, maxReplyBytes } from "../chatReply/limits.ts"
import { readBody, readExplanation } from "./readBody.ts"
import { CurrentHeadersListener } from "./responseHeaders.ts"
import { quietOf } from "./wholeBody.ts"
import {
  endMillis,
  type Endpoint,
  type Exchanges,
  explanationMillis,
  isGood,
  type Late,
  listeningTo,
  type Lost,
  type Opened,
  type Outgoing,
  type Received,
  type Transport,
  type Until,
  type Waits
} from "./transport.ts"

export const make = (client: HttpClient.HttpClient): Transport => {
  const http = HttpClient.withScope(client)
  return { serves: () => true, to: (endpoint) => exchangesOf(http, endpoint) }
}

type Scoped = HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>
type Response = HttpClientResponse.HttpClientResponse

const exchangesOf = (http: Scoped, { headers, method, query, url }: Endpoint): Exchanges => {
  const blank = HttpClientRequest.make(method)(url, { headers, urlParams: query })

  /** All requests leave here, and the heads of all responses arrive here. */
  const send = ({ body, secret }: Outgoing): Effect.Effect<Response, Lost, Scope.Scope> => {
    const written = body === undefined
      ? blank
      : HttpClientRequest.setBody(blank, HttpBody.text(body, "application/json"))
    return Effect.matchEffect(
      http.execute(secret === undefined ? written : HttpClientRequest.bearerToken(written, secret)),
      {
        onFailure: (error) => Effect.fail(lost(undefined, error)),
        onSuccess: (response) =>
          Effect.withFiber((fiber) => {
            fiber.getRef(CurrentHeadersListener)?.heard(response.headers, fiber)
            return Effect.succeed(response)
          })
      }
    )
  }

  return {
    keepsDeadline: () => false,
    exchange: (outgoing, until, fiber) => {
      const duration = timeLeft(until, monotonicMillis(fiber.getRef(Clock.Clock)))
      return duration <= 0
        ? Effect.fail(late)
        : Deadline.timeoutOrElse({ duration, orElse: () => Effect.fail(late) })(
          untilAnswered(Effect.flatMap(
            send(outgoing),
            (response): Effect.Effect<Received, Lost> =>
              isGood(response.status) ? received(response, quietOf(until.millis)) : explained(response)
          ))
        )
    },
    open: (outgoing, waits) =>
      Effect.flatMap(Effect.context<Scope.Scope>(), (context) => {
        const response = Effect.flatMap(
          send(outgoing),
          (response): Effect.Effect<Received | Opened, Lost, Scope.Scope> =>
            isGood(response.status) ? opened(response, waits, context) : explained(response)
        )
        return within(waits, response, context)
      })
  }
}

const late: Late = { _tag: "Late" }

/** Time-outs of one length share a timer, so what has just begun has all of its time. */
const timeLeft = ({ due, millis }: Until, now: number): number => due - now > millis - 1 ? millis : due - now

const lost = (status: number | undefined, { reason }: HttpClientError.HttpClientError): Lost => ({
  _tag: "Lost",
  status,
  cause: "cause" in reason ? reason.cause : undefined
})

const received = (response: Response, quiet: number): Effect.Effect<Received, Lost> =>
  Effect.matchEffect(readBody(response, maxReplyBytes, quiet), {
    onFailure: (error) => Effect.fail(lost(response.status, error)),
    onSuccess: ({ text, whole }) =>
      Effect.succeed({ status: response.status, headers: response.headers, text, isWhole: whole })
  })

const explained = (response: Response): Effect.Effect<Received> =>
  Effect.map(
    readExplanation(response, maxErrorBytes, Duration.millis(explanationMillis)),
    (text) => ({ status: response.status, headers: response.headers, text, isWhole: true })
  )

const opened = (
  response: Response,
  waits: Waits,
  context: Context.Context<Scope.Scope>
): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.map(Stream.toPull(response.stream), (bytes) => {
    const { headers, status } = response
    const pieces: Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, Lost> = Effect.mapError(
      bytes,
      (error) => Cause.isDone(error) ? error : isEmptyBody(error) ? Cause.Done() : lost(status, error)
    )
    const inTime = within(waits, pieces, context)
    return {
      status,
      headers,
      pieces: inTime,
      listen: listeningTo(inTime),
      ended: Effect.ignore(Effect.timeoutOption(pieces, endMillis))
    }
  })

const isEmptyBody = ({ reason }: HttpClientError.HttpClientError): boolean => reason._tag === "EmptyBodyError"

/** Waits for the effect until one of the time-outs ends it. */
const within = <A, E, R>(
  waits: Waits,
  self: Effect.Effect<A, E, R>,
  context: Context.Context<R>
): Effect.Effect<A, E | ChatError> =>
  Effect.callback((resume) => {
    let late: ChatError | undefined
    let child: Fiber.Fiber<A, E> | undefined
    const refused = waits.begin((error) => {
      late = error
      child?.interruptUnsafe()
    })
    if (refused !== undefined) return resume(Effect.fail(refused))
    // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
    const started = child = Effect.runForkWith(context)(self)
    started.addObserver((exit) => {
      if (late === undefined) waits.end()
      // Nothing is waited for after a failure.
      if (exit._tag === "Failure") waits.stop()
      resume(late === undefined ? exit : Effect.fail(late))
    })
    return Fiber.interrupt(started)
  })

/**
 * A scope that is closed unless there is an answer: all it holds is the abort of a request, which costs more than
 * making one, and of one that was answered to its end nothing is left to abort.
 */
const untilAnswered = <A, E>(work: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    return Effect.onExitPrimitive(
      Effect.provideService(work, Scope.Scope, scope),
      (exit) => exit._tag === "Success" ? undefined : Scope.close(scope, exit)
    )
  })
