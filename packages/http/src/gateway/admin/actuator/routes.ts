/** Everything below `/actuator`, in the shapes of Spring Boot and resilience4j. */
import type { AdminRoute } from "../model.ts"
import { circuitBreakerRoutes } from "./circuitBreakers.ts"
import { eventRoutes } from "./events.ts"
import { healthRoutes } from "./health.ts"
import { meterRoutes } from "./metrics.ts"
import { nameRoutes } from "./names.ts"

export const actuatorRoutes: ReadonlyArray<AdminRoute> = [
  ...healthRoutes,
  ...circuitBreakerRoutes,
  ...nameRoutes,
  ...eventRoutes,
  ...meterRoutes
]
