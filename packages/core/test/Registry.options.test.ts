/** The options of the registry as they are written. */
import { it } from "@effect/vitest"
import { Registry } from "@switchgear/core"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(Registry.OptionsSchema, [
  ["Registry", "{ history: 7 }", { history: 7 } satisfies Registry.Options]
])

leavesDefaultsToMake("Registry", Registry.OptionsSchema, {})

it("the decoded values are what make takes", () => {
  expectTypeOf(Registry.OptionsSchema.Type).toEqualTypeOf<Registry.Options>()
})

refusesNonsense(Registry.OptionsSchema, [
  ["{ history: 1e12 }", "history must be at most 1000000, got 1000000000000", "[\"history\"]"],
  ["{ history: -1 }", "history must be a whole number of at least 0, got -1", "[\"history\"]"]
])

refusesWhatMakeRefuses("Registry", Registry.OptionsSchema, Registry.make, {}, ["history"])
