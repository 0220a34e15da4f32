/** The options of a retry budget as they are written. */
import { it } from "@effect/vitest"
import { RetryBudget } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(RetryBudget.OptionsSchema, [
  [
    "RetryBudget",
    "{ name: model, ratio: 0.1, floor: 3, window: 30 seconds }",
    { name: "model", ratio: 0.1, floor: 3, window: "30 seconds" } satisfies RetryBudget.Options
  ]
])

leavesDefaultsToMake("RetryBudget", RetryBudget.OptionsSchema, { name: "model" })

it("the decoded values are what make takes", () => {
  expectTypeOf(RetryBudget.OptionsSchema.Type).toEqualTypeOf<RetryBudget.Options>()
})

refusesNonsense(RetryBudget.OptionsSchema, [
  ["{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  [
    "{ name: m, ratio: -0.1 }",
    "ratio must be a number of zero or more, got -0.1",
    "[\"ratio\"]"
  ],
  [
    "{ name: m, ratio: .nan }",
    "ratio must be a number of zero or more, got NaN",
    "[\"ratio\"]"
  ],
  [
    "{ name: m, ratio: .inf }",
    "ratio must be a number of zero or more, got Infinity",
    "[\"ratio\"]"
  ],
  [
    "{ name: m, ratio: ' ' }",
    "ratio must be a number of zero or more, got \" \"",
    "[\"ratio\"]"
  ],
  [
    "{ name: m, floor: -1 }",
    "floor must be a whole number of at least 0, got -1",
    "[\"floor\"]"
  ],
  [
    "{ name: m, floor: 1.5 }",
    "floor must be a whole number of at least 0, got 1.5",
    "[\"floor\"]"
  ],
  [
    "{ name: m, window: 0 }",
    "window must be a finite duration above zero, got 0",
    "[\"window\"]"
  ],
  [
    "{ name: m, window: Infinity }",
    "window must be a finite duration above zero, got \"Infinity\"",
    "[\"window\"]"
  ]
])

refusesWhatMakeRefuses("RetryBudget", RetryBudget.OptionsSchema, RetryBudget.make, { name: "m" }, [
  "ratio",
  "floor",
  "window"
])
