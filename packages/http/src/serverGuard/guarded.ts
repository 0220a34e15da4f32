/** Decides about requests before their bodies are read. */
import * as Attempts from "@switchgear/core/Attempts"
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Deadline from "@switchgear/core/Deadline"
import { respond } from "@switchgear/core/runtime"
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"
import { attemptsHeader, attemptsIn } from "../propagation/attempts.ts"
import { type Told, toldIn } from "../propagation/baggage.ts"
import { Admission } from "./admission.ts"
import { holding } from "./holding.ts"
import type { Reason, ServerGuard } from "./model.ts"
import * as Refusals from "./refusals.ts"
import type { Settings } from "./settings.ts"

type Response = HttpServerResponse.HttpServerResponse

export const guarded = (settings: Settings): ServerGuard => {
  const { limit, maxBytes, maxRequests, name } = settings
  const requests = new Admission(maxRequests)
  const bytes = new Admission(maxBytes)
  const refused: Record<Reason, number> = { "requests": 0, "bytes": 0, "too-large": 0, "limit": 0, "deadline": 0 }
  let taken = 0

  const protect: ServerGuard["protect"] = (handler) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const request = Context.getUnsafe(fiber.context as Context.Context<HttpServerRequest>, HttpServerRequest)
        const scope = Context.getUnsafe(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
        const left = timeLeft(request, settings.deadline)
        if (left === 0) return refuse("deadline", respond(exceeded.toResponse()))
        const size = sizeOf(request, settings.assumedBytes)
        if (size.bytes > maxBytes) return refuse("too-large", Refusals.tooLarge(maxBytes))
        const told = settings.trust(request) ? toldIn(request.headers["baggage"]) : nothing
        const key = settings.keyOf === undefined ? told.key : settings.keyOf(request)
        const priority = numberOf(settings.priorityOf === undefined ? told.priority : settings.priorityOf(request))
        const reason = take(key ?? "", priority, size.bytes)
        if (reason !== undefined) return refuse(reason, Refusals.shed)
        const run = limit === undefined ? handler : holding(limit.protect, handler, scope)
        const context = contextOf(fiber.context, key, priority, size)
        const call = restore(budgeted(request, settings, left === undefined ? run : Deadline.within(left)(run))).pipe(
          Effect.provideContext(context as Context.Context<never>),
          Effect.catchIf(isOwn, (rejection) =>
            refuse(rejection._tag === "BulkheadFull" ? "limit" : "deadline", respond(rejection.toResponse())))
        )
        return Effect.andThen(
          Scope.addFinalizer(
            scope,
            Effect.sync(() =>
              giveBack(key ?? "", priority, size.bytes)
            )
          ),
          call
        ) as Effect.Effect<Response, any, any>
      })
    )

  const refuse = (reason: Reason, answer: Effect.Effect<Response>): Effect.Effect<Response> => {
    refused[reason]++
    return answer
  }

  const isOwn = (error: unknown): error is Bulkhead.BulkheadFull | Deadline.DeadlineExceeded =>
    error instanceof Bulkhead.BulkheadFull
      ? error.bulkhead === limit?.name
      : error instanceof Deadline.DeadlineExceeded && error.limit === "total"

  const take = (key: string, priority: number, size: number): Reason | undefined => {
    if (!requests.take(key, priority, 1)) return "requests"
    if (!bytes.take(key, priority, size)) {
      requests.giveBack(key, priority, 1)
      return "bytes"
    }
    taken++
    return undefined
  }

  const giveBack = (key: string, priority: number, size: number): void => {
    requests.giveBack(key, priority, 1)
    bytes.giveBack(key, priority, size)
  }

  return {
    name,
    protect,
    snapshot: Effect.sync(() => ({
      name,
      inFlight: requests.inFlight,
      bytes: bytes.inFlight,
      taken,
      refused: { ...refused }
    }))
  }
}

const nothing: Told = { priority: undefined, key: undefined }

const exceeded = new Deadline.DeadlineExceeded({ limit: "total", after: Duration.zero })

/** Milliseconds until the head of the response has to be there; undefined without a limit. */
const timeLeft = (request: HttpServerRequest, own: number | undefined): number | undefined => {
  const told = Deadline.fromHeader(request.headers)
  return told === undefined ? own : Math.min(Duration.toMillis(told), own ?? Infinity)
}

/** The body of a request: its length, or what it may have. */
interface Size {
  readonly bytes: number
  readonly isTold: boolean
}

const sizeOf = ({ headers }: HttpServerRequest, assumed: number): Size => {
  const length = headers["content-length"]
  if (length !== undefined && /^\d{1,15}$/.test(length)) return { bytes: Number(length), isTold: true }
  return headers["transfer-encoding"] === undefined ? { bytes: 0, isTold: true } : { bytes: assumed, isTold: false }
}

const numberOf = (priority: number | undefined): number =>
  priority !== undefined && Number.isFinite(priority) ? priority : 0

/** What the handler runs with. A body that does not tell its length may not be longer than what it was taken for. */
const contextOf = (
  context: Context.Context<never>,
  key: string | undefined,
  priority: number,
  { bytes, isTold }: Size
): Context.Context<never> => {
  let own = Context.add(context, Bulkhead.CurrentPriority, priority)
  if (key !== undefined) own = Context.add(own, Bulkhead.CurrentKey, key)
  return isTold || bytes === Infinity
    ? own
    : Context.add(own, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(Math.floor(bytes)))
}

/** Runs the handler with the attempts that its caller leaves it, and tells in the response what is left of them. */
const budgeted = <E, R>(
  { headers }: HttpServerRequest,
  { attempts: own }: Settings,
  handler: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R> => {
  const told = attemptsIn(headers)
  const attempts = told === undefined ? own : Math.min(told + 1, own ?? Infinity)
  if (attempts === undefined) return handler
  return Attempts.within(attempts)(Effect.withFiber((fiber) => {
    const budget = fiber.getRef(Attempts.CurrentAttempts)!
    if (told !== undefined) {
      HttpEffect.appendPreResponseHandlerUnsafe(
        fiber.context,
        (_, response) => Effect.succeed(HttpServerResponse.setHeader(response, attemptsHeader, String(budget.left)))
      )
    }
    return handler
  }))
}
