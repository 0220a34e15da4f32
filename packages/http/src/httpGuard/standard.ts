/** A client whose requests pass the guards of their authority. */
import * as Attempts from "@switchgear/core/Attempts"
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as Pipeline from "@switchgear/core/Pipeline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as HttpBody from "effect/http/HttpBody"
import type * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as WaitHints from "../chatError/retryAfter.ts"
import { bounded } from "./boundedResponse.ts"
import { Propagation } from "./propagation.ts"
import type { Settings } from "./settings.ts"
import { classify, isOfCaller, isUnsuccessful, Unsuccessful } from "./Unsuccessful.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Ask<E, R> = (request: Request) => Effect.Effect<Response, E, R>

/** Sends a request through the guards. */
export const guarding = Effect.fnUntraced(function*(settings: Settings) {
  const { attemptTimeout, attempts, breaker, bulkhead, capacity, concurrencyLimit, deadline, name, rateLimiter } =
    settings
  const circuits = breaker && (yield* CircuitBreaker.Family.make({ ...breaker, name, classify }))
  const retry = settings.retry && (yield* Retry.make({ ...settings.retry, name, while: isWorthRetrying }))
  const family: Pipeline.Family<any> = yield* Pipeline.family({
    name,
    capacity,
    pipeline: (key): Effect.Effect<Pipeline.Pipeline<any>> =>
      Effect.gen(function*() {
        const limiter = rateLimiter && (yield* RateLimiter.make(rateLimiter))
        const guards: Pipeline.Pipeline<any> = yield* Pipeline.make({
          ...retry && { retry },
          ...limiter && { rateLimiter: limiter },
          ...bulkhead && { bulkhead: yield* Bulkhead.make(bulkhead) },
          ...concurrencyLimit && { bulkhead: yield* ConcurrencyLimit.make(concurrencyLimit) },
          ...circuits && { breaker: yield* circuits.get(key) },
          ...deadline !== undefined && { deadline },
          ...attemptTimeout !== undefined && { attemptTimeout }
        })
        return limiter === undefined ? guards : pausing(guards, limiter)
      })
  })
  const propagation = new Propagation(settings.propagatedBy)

  return <E, R>(request: Request, ask: Ask<E, R>): Effect.Effect<Response, any, R> => {
    const key = settings.keyOf?.(request) ?? authorityOf(request)
    const protect = family.protect(key)
    const once = isRepeatable(request)
      ? protect
      : (self: Effect.Effect<Response, any, R>) => Attempts.within(1)(protect(self))
    const within = attempts === undefined ? identity : Attempts.within(attempts)
    return within(Effect.withFiber((fiber) => {
      // The budget of this call, which a request that must not be sent twice does not spend itself.
      const budget = fiber.getRef(Attempts.CurrentAttempts)
      const until = deadlineAt(fiber, deadline)
      let failed: Response | undefined
      const attempt = Effect.suspend(() => {
        const before = failed
        failed = undefined
        if (before !== undefined) discard(before, fiber)
        return Effect.flatMap(propagation.sending(key, request, budget, ask), (response) => {
          if (!isUnsuccessful(response.status)) return Effect.succeed(response)
          failed = response
          return Effect.flatMap(
            Clock.currentTimeMillis,
            (now) => Effect.fail(new Unsuccessful(response, waitOf(response, now)))
          )
        })
      })
      return once(attempt).pipe(
        Effect.catchIf((error) => error instanceof Unsuccessful, ({ response }) => Effect.succeed(response)),
        Effect.onError(() =>
          Effect.sync(() => {
            if (failed !== undefined) discard(failed, fiber)
          })
        ),
        Effect.map((response) =>
          isRedirect(response) ? response : bounded(response, { idle: settings.idle, left: leftUntil(until) })
        )
      )
    }))
  }
})

/** A rejection and what the caller has written wrong are not sent again. */
const isWorthRetrying = (error: unknown): boolean =>
  error instanceof Unsuccessful || (Outcome.isRetryable(error) && !Outcome.isRejection(error) && !isOfCaller(error))

/** A 429 that says how long to wait pauses the limiter of its authority. */
const pausing = (guards: Pipeline.Pipeline<any>, limiter: RateLimiter.RateLimiter): Pipeline.Pipeline<any> => {
  const hearing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.tapError(
      self,
      (error) =>
        error instanceof Unsuccessful && error.response.status === 429 && error.retryAfter !== undefined
          ? limiter.pause(error.retryAfter)
          : Effect.void
    )
  return {
    protect: (self) => guards.protect(hearing(self)),
    protectWith: (options) => (self) => guards.protectWith(options)(hearing(self))
  }
}

const repeatable: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"])

/** Whether the request may be sent twice, and can be. */
const isRepeatable = ({ body, headers, method }: Request): boolean =>
  (repeatable.has(method) || headers["idempotency-key"] !== undefined) && !isReadOnce(body)

/** Streams can be read once: those of Effect, of the Web and of Node, and what is iterated asynchronously. */
const isReadOnce = (body: HttpBody.HttpBody): boolean =>
  body._tag === "Stream" || body._tag === "Raw" && Predicate.isObject(body.body) &&
    ("getReader" in body.body || "pipe" in body.body || Symbol.asyncIterator in body.body)

/** Who follows redirects cancels their bodies by the response that the client gave. */
const isRedirect = ({ headers, status }: Response): boolean =>
  status >= 300 && status < 400 && headers["location"] !== undefined

/** Host and port; what is no URL has guards of its own, and fails in the client. */
const authorityOf = (request: Request): string =>
  Option.match(HttpClientRequest.toUrl(request), { onNone: () => "", onSome: ({ host }) => host })

const waitOf = ({ headers, status }: Response, now: number): Duration.Duration | undefined =>
  WaitHints.parse({
    header: (name) => headers[name],
    names: Object.keys(headers),
    waits: [],
    text: undefined,
    isQuoted: () => false,
    limit: undefined,
    isLimit: status === 429,
    now
  })

/** Gives up the body, and with it the connection. */
const discard = (response: Response, fiber: Fiber.Fiber<any, any>): void =>
  Effect.runForkWith(fiber.context)(Effect.ignore(Stream.runDrain(response.stream))).interruptUnsafe(fiber.id)

/** When the time of the call is over, in monotonic milliseconds. */
const deadlineAt = (fiber: Fiber.Fiber<any, any>, total: number | undefined): number => {
  const around = fiber.getRef(Deadline.CurrentDeadline)?.at ?? Infinity
  return total === undefined ? around : Math.min(around, monotonicMillis(fiber.getRef(Clock.Clock)) + total)
}

const leftUntil = (until: number): Effect.Effect<Duration.Duration | undefined> =>
  until === Infinity ?
    Effect.undefined :
    Effect.map(Clock.Clock, (clock) => Duration.millis(Math.max(0, until - monotonicMillis(clock))))
