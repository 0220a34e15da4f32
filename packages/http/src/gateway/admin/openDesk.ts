/** The address for operators, with everything that they may ask. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Admin } from "../config/model.ts"
import { actuatorRoutes } from "./actuator/routes.ts"
import { pageRoute } from "./api/page.ts"
import { apiRoutes, openApiRoute } from "./api/routes.ts"
import { Desk } from "./desk.ts"
import { metricsRoutes } from "./metrics/routes.ts"
import type { Running } from "./model.ts"
import { operatorsPageRoute } from "./page/route.ts"
import { sampling } from "./sampling.ts"

/** `now` tells milliseconds. */
export const openDesk = (
  admin: Admin,
  running: Running,
  context: Context.Context<never>,
  now: () => number
): Effect.Effect<Desk, never, Scope.Scope> =>
  Effect.gen(function*() {
    const api = yield* apiRoutes(running)
    yield* Effect.forkScoped(sampling(running))
    const routes = [operatorsPageRoute, ...metricsRoutes, ...actuatorRoutes, openApiRoute, pageRoute, ...api]
    return new Desk(admin, running, routes, context, now)
  })
