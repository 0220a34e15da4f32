/** The options of a family of circuit breakers as they are written. */
import { it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import { meansWhatCodeMeans, refusesNonsense, refusesWhatMakeRefuses } from "./support/optionsSchema.ts"

meansWhatCodeMeans(CircuitBreaker.Family.OptionsSchema, [
  [
    "CircuitBreaker.Family.make",
    "{ name: tenants, capacity: 50, idleTimeToLive: 5 minutes, window: { lastCalls: 7 }, halfOpen: { calls: 1 }, critical: true, measureDurations: [50, 1 second] }",
    {
      name: "tenants",
      capacity: 50,
      idleTimeToLive: "5 minutes",
      window: CircuitBreaker.lastCalls(7),
      halfOpen: { calls: 1 },
      critical: true,
      measureDurations: [50, "1 second"]
    } satisfies CircuitBreaker.Family.Options
  ]
])

it("the decoded values are what family takes", () => {
  expectTypeOf(CircuitBreaker.Family.OptionsSchema.Type).toEqualTypeOf<CircuitBreaker.Family.Options>()
})

refusesNonsense(CircuitBreaker.Family.OptionsSchema, [
  [
    "{ name: m, capacity: 0 }",
    "capacity must be a whole number of at least 1, got 0",
    "[\"capacity\"]"
  ],
  [
    "{ name: m, idleTimeToLive: -1 }",
    "idleTimeToLive must be a duration above zero, got -1",
    "[\"idleTimeToLive\"]"
  ],
  [
    "{ name: m, failureRate: 7 }",
    "failureRate must be above 0 and at most 1, got 7",
    "[\"failureRate\"]"
  ]
])

refusesWhatMakeRefuses(
  "CircuitBreaker",
  CircuitBreaker.Family.OptionsSchema,
  CircuitBreaker.Family.make,
  { name: "m" },
  [
    "minimumCalls",
    "failureRate",
    "slowCallDuration",
    "slowCallRate",
    "consecutiveFailures",
    "openFor",
    "maxRetryAfter",
    "patience",
    "capacity",
    "idleTimeToLive"
  ]
)
