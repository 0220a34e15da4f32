/** The options of a pipeline as they are written. */
import { it } from "@effect/vitest"
import { Pipeline } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(Pipeline.OptionsSchema, [
  [
    "Pipeline",
    "{ deadline: 30 seconds, attemptTimeout: 10000 }",
    { deadline: "30 seconds", attemptTimeout: 10_000 } satisfies Pipeline.Times
  ]
])

leavesDefaultsToMake("Pipeline", Pipeline.OptionsSchema, {})

it("the decoded values are what make takes", () => {
  expectTypeOf(Pipeline.OptionsSchema.Type).not.toBeAny()
  expectTypeOf(Pipeline.OptionsSchema.Type).toExtend<Pipeline.Parts>()
})

refusesNonsense(Pipeline.OptionsSchema, [
  ["{ deadline: 0 }", "deadline must be a finite duration above zero, got 0", "[\"deadline\"]"],
  [
    "{ attemptTimeout: .nan }",
    "attemptTimeout must be a finite duration above zero, got NaN",
    "[\"attemptTimeout\"]"
  ]
])

refusesWhatMakeRefuses("Pipeline", Pipeline.OptionsSchema, Pipeline.make, {}, ["deadline", "attemptTimeout"])
