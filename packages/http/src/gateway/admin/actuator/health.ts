/**
 * `/actuator/health`: circuits, limiters and the fleet, with the statuses and the aggregation of resilience4j in Spring Boot. That
 * aggregation passes over CIRCUIT_OPEN and its like, so that an open circuit beside another one leaves the sum UP.
 */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Registry from "@switchgear/core/Registry"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { clusterOf } from "../api/readings.ts"
import type { Guards } from "../guards.ts"
import type * as Schemas from "../api/schemas.ts"
import { permissionsOf } from "../metrics/resilience4j.ts"
import type { AdminRequest, AdminRoute, Running } from "../model.ts"
import { type Answered, partOf, reading, refused } from "./answers.ts"
import { detailsOf } from "./circuitBreakers.ts"

interface Health {
  readonly status: string
  readonly details: unknown
}

interface Component {
  readonly status: string
  readonly details: { readonly [name: string]: Health }
}

/** The whole of a gateway: components of several parts, and such as are one thing. */
interface Components {
  readonly [name: string]: Component | Health
}

/** Those that count, the worst first. */
const order = ["DOWN", "OUT_OF_SERVICE", "UP", "UNKNOWN"]

const aggregated = (statuses: ReadonlyArray<string>): string =>
  order.find((status) => statuses.includes(status)) ?? "UNKNOWN"

const circuitStatus: { readonly [S in CircuitBreaker.State]: string } = {
  Closed: "UP",
  Open: "CIRCUIT_OPEN",
  HalfOpen: "CIRCUIT_HALF_OPEN",
  ForcedOpen: "UNKNOWN",
  Disabled: "UNKNOWN",
  MetricsOnly: "UNKNOWN"
}

const circuitHealth = (circuit: CircuitBreaker.Snapshot, mayFail: boolean): Health => ({
  status: circuit.state === "Open" && mayFail ? "DOWN" : circuitStatus[circuit.state],
  details: detailsOf(circuit)
})

const limiterHealth = (limiter: RateLimiter.Snapshot, mayFail: boolean): Health => {
  const availablePermissions = permissionsOf(limiter) ?? 0
  return {
    status: availablePermissions > 0 || limiter.waiting === 0
      ? "UP"
      : limiter.pausedFor === undefined
      ? "UNKNOWN"
      : mayFail
      ? "DOWN"
      : "RATE_LIMITED",
    details: { availablePermissions, numberOfWaitingThreads: limiter.waiting }
  }
}

const componentOf = <S>(
  snapshots: ReadonlyArray<Registry.Snapshot<S>>,
  healthOf: (snapshot: S, mayFail: boolean) => Health,
  mayFail: (id: string) => boolean
): Component => {
  const details = Object.fromEntries(snapshots.map(({ id, snapshot }) => [id, healthOf(snapshot, mayFail(id))]))
  return { status: aggregated(Object.values(details).map(({ status }) => status)), details }
}

const componentsOf = (
  guards: Guards,
  { models }: Running["config"]
): Components => {
  const limiters = guards.of(RateLimiter.kind)
  const mayFail = (guard: "CircuitBreaker" | "RateLimiter") => (id: string) =>
    own(models, id)?.failsHealth.includes(guard) === true
  return {
    circuitBreakers: componentOf(guards.of(CircuitBreaker.kind), circuitHealth, mayFail("CircuitBreaker")),
    ...limiters.length > 0 && { rateLimiters: componentOf(limiters, limiterHealth, mayFail("RateLimiter")) }
  }
}

/** It is never down: a gateway whose Redis is away goes on by itself. Spring's aggregation passes over AWAY. */
const clusterHealth = (cluster: typeof Schemas.Cluster.Type): Health => {
  const { because, state, ...details } = cluster
  return {
    status: state === "joined" ? "UP" : state === "joining" ? "UNKNOWN" : "AWAY",
    details: { state, ...because !== null && { because }, ...details }
  }
}

const answered = (health: { readonly status: string }): Answered => ({
  status: health.status === "DOWN" || health.status === "OUT_OF_SERVICE" ? 503 : 200,
  json: health
})

const ofPath = (
  running: Running,
  request: AdminRequest,
  find: (components: Components) => { readonly status: string } | undefined
): Effect.Effect<Answered> =>
  Effect.map(Effect.all([running.view.guards, clusterOf(running)]), ([guards, cluster]) => {
    const found = find({
      ...componentsOf(guards, running.config),
      ...cluster !== null && { cluster: clusterHealth(cluster) }
    })
    return found === undefined ? refused(404, request, "There is no such component.") : answered(found)
  })

const own = <Things extends object>(things: Things, name: string): Things[keyof Things] | undefined =>
  Object.hasOwn(things, name) ? things[name as keyof Things] : undefined

export const healthRoutes: ReadonlyArray<AdminRoute> = [
  reading("/health", (request, running) =>
    ofPath(running, request, (components) => {
      const status = aggregated(Object.values(components).map(({ status }) => status))
      return { status: running.isReady ? status : "OUT_OF_SERVICE", components }
    })),
  reading(
    "/health/:component",
    (request, running) => ofPath(running, request, (components) => own(components, partOf(request, 1)))
  ),
  reading(
    "/health/:component/:name",
    (request, running) =>
      ofPath(
        running,
        request,
        (components) => {
          const part = own(own(components, partOf(request, 1))?.details ?? {}, partOf(request, 2))
          return Predicate.hasProperty(part, "status") ? part as Health : undefined
        }
      )
  )
]
