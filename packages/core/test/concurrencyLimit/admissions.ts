/** What can stand in front of the provider: the rows of the tables. */
import { Bulkhead, CircuitBreaker, ConcurrencyLimit } from "@switchgear/core"
import { Effect } from "effect"
import { fourBrakes } from "./fourBrakes.ts"
import type { Admission } from "./play.ts"
import type { Scenario } from "./scenarios.ts"

export type AdmissionOf = (scenario: Scenario) => Effect.Effect<Admission>

const classes = ["chat", "long"] as const

const limited = (options: Partial<ConcurrencyLimit.Options> = {}): AdmissionOf => () =>
  Effect.map(
    ConcurrencyLimit.make({ name: "provider", max: 400, ...options }),
    (limit): Admission => (request, provider) =>
      Effect.provideService(
        limit.protect(provider.call(request, ConcurrencyLimit.firstToken)),
        ConcurrencyLimit.CurrentClass,
        classes[request.class]
      )
  )

export const admissions: { readonly [name: string]: AdmissionOf } = {
  "no limit": () => Effect.succeed<Admission>((request, provider) => provider.call(request, Effect.void)),
  "fixed, the capacity": ({ fixed }) =>
    Effect.map(
      Bulkhead.make({ name: "provider", concurrency: fixed }),
      (bulkhead): Admission => (request, provider) => bulkhead.protect(provider.call(request, Effect.void))
    ),
  "circuit breaker alone": () =>
    Effect.map(
      CircuitBreaker.make({ name: "provider", openFor: "30 seconds" }),
      (breaker): Admission => (request, provider) => breaker.protect(provider.call(request, Effect.void))
    ),
  aimd: limited({ algorithm: "aimd", min: 1 }),
  vegas: limited({ algorithm: "vegas", min: 1 }),
  // Netflix's window has ten calls.
  gradient2: limited({ algorithm: "gradient2", min: 1, minimumCalls: 10 }),
  "gradient, four brakes": limited({ algorithm: fourBrakes }),
  gradient: limited()
}
