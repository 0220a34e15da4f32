/** The guard of a server: decides about requests before their bodies are read, and runs the handlers of those it takes. */
import * as Attempts from "@switchgear/core/Attempts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"
import { attemptsHeader } from "../propagation/attempts.ts"
import { Admission } from "./admission.ts"
import { type Asked, askedOf } from "./asked.ts"
import { type Counts, Held, type Shared } from "./held.ts"
import { inTime } from "./inTime.ts"
import type { ServerGuard } from "./model.ts"
import { responseOf } from "./refusals.ts"
import type { Settings } from "./settings.ts"

export const guarded = (settings: Settings): ServerGuard => {
  const requests = new Admission(settings.maxRequests)
  const bytes = new Admission(settings.maxBytes)
  const counts: Counts = {
    taken: 0,
    timedOut: 0,
    refused: { "requests": 0, "bytes": 0, "too-large": 0, "limit": 0, "deadline": 0 }
  }
  return {
    name: settings.name,
    protect: protecting({ settings, requests, bytes, counts }),
    snapshot: Effect.sync(() => ({
      name: settings.name,
      inFlight: requests.inFlight,
      bytes: bytes.inFlight,
      ...counts,
      refused: { ...counts.refused }
    }))
  }
}

type Response = HttpServerResponse.HttpServerResponse

const protecting =
  (shared: Shared): ServerGuard["protect"] =>
  <E, R>(handler: Effect.Effect<Response, E, R>): Effect.Effect<Response, E, R | HttpServerRequest | Scope.Scope> =>
    Effect.withFiber((fiber) => {
      const { settings } = shared
      const asked = askedOf(Context.getUnsafe(fiber.context, HttpServerRequest), settings)
      const held = new Held(shared, asked)
      // Before anything is taken, so that no interruption can come between the two.
      return Effect.flatMap(
        Scope.addFinalizerExit(Context.getUnsafe(fiber.context, Scope.Scope), held.giveBack),
        () => {
          const refused = held.take()
          return refused === undefined
            ? inTime(asked, settings, held, budgeted(asked, settings, fiber.context, handler))
            : Effect.succeed(responseOf(refused.answer))
        }
      )
    })

/** Runs the handler with the attempts that its caller leaves it, and tells in the response what is left of them. */
const budgeted = <E, R>(
  { attempts: told }: Asked,
  { attempts: own = Infinity }: Settings,
  context: Context.Context<never>,
  handler: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R> => {
  const attempts = Math.min(own, told === undefined ? Infinity : told + 1)
  if (attempts === Infinity) return handler
  let budget: Attempts.Budget | undefined
  if (told !== undefined) {
    HttpEffect.appendPreResponseHandlerUnsafe(
      context,
      (_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, attemptsHeader, String(budget?.left ?? told)))
    )
  }
  return Attempts.within(attempts)(Effect.withFiber((fiber) => {
    budget = fiber.getRef(Attempts.CurrentAttempts)
    return handler
  }))
}
