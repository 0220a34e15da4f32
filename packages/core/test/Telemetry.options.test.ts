/** The options of telemetry as they are written. */
import { it } from "@effect/vitest"
import { Telemetry } from "@switchgear/core"
import { Effect, Layer } from "effect"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(Telemetry.OptionsSchema, [
  ["Telemetry", "{ maxNames: 9 }", { maxNames: 9 } satisfies Telemetry.Options]
])

leavesDefaultsToMake("Telemetry", Telemetry.OptionsSchema, {})

it("the decoded values are what layer takes", () => {
  expectTypeOf(Telemetry.OptionsSchema.Type).toEqualTypeOf<Telemetry.Options>()
})

refusesNonsense(Telemetry.OptionsSchema, [
  [
    "{ maxNames: -1 }",
    "maxNames must be a whole number of at least 0, got -1",
    "[\"maxNames\"]"
  ]
])

refusesWhatMakeRefuses(
  "Telemetry",
  Telemetry.OptionsSchema,
  (options) => Effect.scoped(Layer.build(Telemetry.layer(options))),
  {},
  ["maxNames"]
)
