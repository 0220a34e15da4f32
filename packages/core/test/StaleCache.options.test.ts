/** The options of a stale cache as they are written. */
import { it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(StaleCache.OptionsSchema, [
  [
    "StaleCache",
    "{ name: answers, capacity: 50, maxBytes: 1000, timeToLive: 1 minute, staleFor: 1 day, after: 1 second, storeTimeout: 20 }",
    {
      name: "answers",
      capacity: 50,
      maxBytes: 1000,
      timeToLive: "1 minute",
      staleFor: "1 day",
      after: "1 second",
      storeTimeout: 20
    } satisfies StaleCache.Options
  ]
])

leavesDefaultsToMake("StaleCache", StaleCache.OptionsSchema, { name: "model" })

it("the decoded values are what make takes", () => {
  expectTypeOf(StaleCache.OptionsSchema.Type).not.toBeAny()
  expectTypeOf(StaleCache.OptionsSchema.Type).toExtend<StaleCache.Options<string>>()
})

refusesNonsense(StaleCache.OptionsSchema, [
  ["{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  [
    "{ name: m, capacity: 0 }",
    "capacity must be a whole number from 1 to 16777216, got 0",
    "[\"capacity\"]"
  ],
  [
    "{ name: m, maxBytes: 0 }",
    "maxBytes must be a whole number of at least 1, got 0",
    "[\"maxBytes\"]"
  ],
  [
    "{ name: m, after: -1 }",
    "after must be a duration of zero or more, got -1",
    "[\"after\"]"
  ],
  [
    "{ name: m, timeToLive: -1 }",
    "timeToLive must be a duration of zero or more, got -1",
    "[\"timeToLive\"]"
  ],
  [
    "{ name: m, staleFor: .nan }",
    "staleFor must be a duration of zero or more, got NaN",
    "[\"staleFor\"]"
  ],
  [
    "{ name: m, storeTimeout: 0 }",
    "storeTimeout must be a finite duration above zero, got 0",
    "[\"storeTimeout\"]"
  ]
])

refusesWhatMakeRefuses("StaleCache", StaleCache.OptionsSchema, StaleCache.make, { name: "m" }, [
  "capacity",
  "maxBytes",
  "timeToLive",
  "staleFor",
  "after",
  "storeTimeout"
])
