/**
 * The API for operators as routes of the desk: each endpoint with its path, and the scope of its group. The platform answers
 * what the desk has let pass.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as OpenApi from "effect/http-api/OpenApi"
import type { AdminRoute, HandedRoute, Running } from "../model.ts"
import { api } from "./api.ts"
import { CurrentToken } from "./currentToken.ts"
import { handlersOf } from "./handlers.ts"

const largestBody = ByteSize.mebibytes(1)

/** What each group needs. */
const scopes = { observe: "read", control: "control" } as const

export const apiRoutes = (running: Running): Effect.Effect<ReadonlyArray<HandedRoute>, never, Scope.Scope> =>
  Effect.gen(function*() {
    // That of the gateway is closed as soon as it begins to stop, and nothing is begun in it any more. Operators are answered to the end.
    const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const app = yield* HttpRouter.toHttpEffect(
      HttpApiBuilder.layer(api).pipe(
        Layer.provide(handlersOf(running)),
        Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true })),
        Layer.provide(NodeHttpServer.layerHttpServices)
      )
    ).pipe(Scope.provide(scope))
    const handlerFor = (token: "read" | "control") =>
      NodeHttpServer.makeHandler(app, { scope }).pipe(
        Effect.provideService(CurrentToken, token),
        Effect.provideService(HttpIncomingMessage.MaxBodySize, largestBody)
      )
    const handlers = { read: yield* handlerFor("read"), control: yield* handlerFor("control") }
    return Object.values(api.groups).flatMap(({ endpoints, identifier }) =>
      Object.values(endpoints).map(({ method, path }): HandedRoute => ({
        method: method as HandedRoute["method"],
        path,
        scope: scopes[identifier],
        hand: (request, response, token) => handlers[token](request, response)
      }))
    )
  })

/** The document of the API, written once. */
export const openApiRoute: AdminRoute = {
  method: "GET",
  path: "/admin/openapi.json",
  scope: "read",
  answer: () =>
    Effect.sync(() => ({ status: 200, headers: { "content-type": "application/json" }, body: documentText() }))
}

let written: string | undefined
const documentText = (): string => written ??= JSON.stringify(OpenApi.fromApi(api))
