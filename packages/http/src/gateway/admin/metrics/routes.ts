/** Where Prometheus scrapes: at its usual path, and where Spring Boot has it. */
import * as Effect from "effect/Effect"
import { preferred } from "../mediaTypes.ts"
import { type AdminRoute, headerOf } from "../model.ts"
import { allFamilies } from "./all.ts"
import { type Format, mediaTypes, print } from "./text.ts"

const scraped = (path: string): AdminRoute => ({
  method: "GET",
  path,
  scope: "read",
  answer: (request, running) => {
    const format = formatOf(headerOf(request, "accept"))
    return Effect.map(allFamilies(running), (families) => ({
      status: 200,
      headers: { "content-type": mediaTypes[format] },
      body: print(families, format)
    }))
  }
})

/** Who wants neither is given the one that everybody reads, as Prometheus itself does. */
const formatOf = (accept: string | undefined): Format =>
  preferred(accept, [mediaTypes.prometheus, mediaTypes.openMetrics]) === mediaTypes.openMetrics
    ? "openMetrics"
    : "prometheus"

export const metricsRoutes: ReadonlyArray<AdminRoute> = [scraped("/metrics"), scraped("/actuator/prometheus")]
