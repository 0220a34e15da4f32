/** What can stand in front of the provider: the rows of the tables. */
import { Bulkhead, CircuitBreaker, ConcurrencyLimit } from "@switchgear/core"
import { Effect } from "effect"
import type { Admission } from "./play.ts"
import type { Scenario } from "./scenarios.ts"

type AdmissionOf = (scenario: Scenario) => Effect.Effect<Admission>

const classes = ["chat", "long"] as const

export const limited = (options: Partial<ConcurrencyLimit.Options> = {}): AdmissionOf => () =>
  Effect.map(
    ConcurrencyLimit.make({ name: "provider", max: 400, ...options }),
    (limit): Admission => (request, provider) =>
      Effect.provideService(
        limit.protect(provider.call(request, ConcurrencyLimit.firstToken)),
        ConcurrencyLimit.CurrentClass,
        classes[request.class]
      )
  )

export const admissions = {
  none: () => Effect.succeed<Admission>((request, provider) => provider.call(request, Effect.void)),
  fixed: ({ fixed }) =>
    Effect.map(
      Bulkhead.make({ name: "provider", concurrency: fixed }),
      (bulkhead): Admission => (request, provider) => bulkhead.protect(provider.call(request, Effect.void))
    ),
  breaker: () =>
    Effect.map(
      CircuitBreaker.make({ name: "provider", openFor: "30 seconds" }),
      (breaker): Admission => (request, provider) => breaker.protect(provider.call(request, Effect.void))
    ),
  aimd: limited({ algorithm: "aimd", min: 1 }),
  vegas: limited({ algorithm: "vegas", min: 1 }),
  gradient2: limited({ algorithm: "gradient2", min: 1, minimumCalls: 10 }),
  gradient: limited()
} satisfies { readonly [name: string]: AdmissionOf }
