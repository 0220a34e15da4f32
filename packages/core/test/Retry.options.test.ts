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
    "{ name: model, maxAttempts: 4, baseDelay: 100, factor: 1.5, maxDelay: 5 seconds, jitter: equal, maxDuration: 20 seconds }",
    {
      name: "model",
      maxAttempts: 4,
      baseDelay: 100,
      factor: 1.5,
      maxDelay: "5 seconds",
      jitter: "equal",
      maxDuration: "20 seconds"
    } satisfies Retry.Options
  ],
  [
    "Retry with a share for jitter and no wait",
    "{ baseDelay: 0 millis, jitter: 0.25 }",
    { baseDelay: "0 millis", jitter: 0.25 } satisfies Retry.Options
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
    "baseDelay must be a finite duration of zero or more, got -1",
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
    "{ jitter: ful }",
    "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got \"ful\"",
    "[\"jitter\"]"
  ],
  [
    "{ jitter: 1.5 }",
    "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got 1.5",
    "[\"jitter\"]"
  ],
  [
    "{ jitter: -0.1 }",
    "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got -0.1",
    "[\"jitter\"]"
  ],
  [
    "{ factor: 0.5 }",
    "factor must be a finite number of at least 1, got 0.5",
    "[\"factor\"]"
  ],
  [
    "{ factor: .inf }",
    "factor must be a finite number of at least 1, got Infinity",
    "[\"factor\"]"
  ],
  [
    "{ factor: .nan }",
    "factor must be a finite number of at least 1, got NaN",
    "[\"factor\"]"
  ]
])

refusesUnknownFields(Retry.OptionsSchema, [
  ["{ atempts: 3 }", "[\"atempts\"]", "name, maxAttempts, baseDelay, factor, maxDelay, jitter, maxDuration"]
])

refusesWhatMakeRefuses("Retry", Retry.OptionsSchema, Retry.make, {}, [
  "maxAttempts",
  "baseDelay",
  "factor",
  "maxDelay",
  "jitter",
  "maxDuration"
])
