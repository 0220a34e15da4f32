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

/** `now` tells milliseconds. */
export const openDesk = (
  admin: Admin,
  running: Running,
  context: Context.Context<never>,
  now: () => number
): Effect.Effect<Desk, never, Scope.Scope> =>
  Effect.map(
    apiRoutes(running),
    (api) =>
      new Desk(admin, running, [...metricsRoutes, ...actuatorRoutes, openApiRoute, pageRoute, ...api], context, now)
  )
