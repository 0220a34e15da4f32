/** The options of a retry as they are written. */
import { it } from "@effect/vitest"
import { Retry } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(Retry.OptionsSchema, [
  [
    "Retry",
    "{ maxAttempts: 4, baseDelay: 100, maxDelay: 5 seconds, jitter: equal, maxDuration: 20 seconds }",
    {
      maxAttempts: 4,
      baseDelay: 100,
      maxDelay: "5 seconds",
      jitter: "equal",
      maxDuration: "20 seconds"
    } satisfies Retry.Options
  ]
])

leavesDefaultsToMake("Retry", Retry.OptionsSchema, {})

it("the decoded values are what make takes", () => {
  expectTypeOf(Retry.OptionsSchema.Type).not.toBeAny()
  expectTypeOf(Retry.OptionsSchema.Type).toExtend<Retry.Options<{ readonly status: number }>>()
})

refusesNonsense(Retry.OptionsSchema, [
  [
    "{ maxAttempts: 0 }",
    "maxAttempts must be a whole number of at least 1, got 0",
    "[\"maxAttempts\"]"
  ],
  [
    "{ baseDelay: -1 }",
    "baseDelay must be a finite duration above zero, got -1",
    "[\"baseDelay\"]"
  ],
  [
    "{ maxDelay: .nan }",
    "maxDelay must be a finite duration above zero, got NaN",
    "[\"maxDelay\"]"
  ],
  [
    "{ maxDuration: 0 millis }",
    "maxDuration must be a finite duration above zero, got \"0 millis\"",
    "[\"maxDuration\"]"
  ],
  [
    "{ jitter: some }",
    "jitter must be one of none, full, equal, decorrelated, got \"some\"",
    "[\"jitter\"]"
  ]
])

refusesUnknownFields(Retry.OptionsSchema, [
  ["{ atempts: 3 }", "[\"atempts\"]", "maxAttempts, baseDelay, maxDelay, jitter, maxDuration"]
])

refusesWhatMakeRefuses("Retry", Retry.OptionsSchema, Retry.make, {}, [
  "maxAttempts",
  "baseDelay",
  "maxDelay",
  "maxDuration"
])
