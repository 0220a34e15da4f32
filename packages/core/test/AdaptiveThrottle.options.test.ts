/** The options of an adaptive throttle as they are written. */
import { assert, it } from "@effect/vitest"
import { AdaptiveThrottle } from "@switchgear/core"
import { ConfigProvider, Effect } from "effect"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "./support/optionsSchema.ts"

meansWhatCodeMeans(AdaptiveThrottle.OptionsSchema, [
  [
    "AdaptiveThrottle",
    "{ name: model, factor: 1.5, window: 30 seconds, minimumCalls: 5, maxRejectionRate: 0.8, countRejections: false }",
    {
      name: "model",
      factor: 1.5,
      window: "30 seconds",
      minimumCalls: 5,
      maxRejectionRate: 0.8,
      countRejections: false
    } satisfies AdaptiveThrottle.Options
  ]
])

leavesDefaultsToMake("AdaptiveThrottle", AdaptiveThrottle.OptionsSchema, { name: "model" })

it("the decoded values are what make takes", () => {
  expectTypeOf(AdaptiveThrottle.OptionsSchema.Type).toEqualTypeOf<AdaptiveThrottle.Options>()
})

refusesNonsense(AdaptiveThrottle.OptionsSchema, [
  ["{ name: model, factor: 0.5 }", "factor must be a number of at least 1, got 0.5", "[\"factor\"]"],
  [
    "{ name: model, countRejections: sometimes }",
    "countRejections must be true or false, got \"sometimes\"",
    "[\"countRejections\"]"
  ]
])

refusesUnknownFields(AdaptiveThrottle.OptionsSchema, [
  [
    "{ name: model, fator: 1 }",
    "[\"fator\"]",
    "name, factor, window, minimumCalls, maxRejectionRate, countRejections"
  ]
])

refusesWhatMakeRefuses("AdaptiveThrottle", AdaptiveThrottle.OptionsSchema, AdaptiveThrottle.make, { name: "model" }, [
  "factor",
  "window",
  "minimumCalls",
  "maxRejectionRate"
])

it.effect("an environment has its words in capitals", () =>
  Effect.gen(function*() {
    const throttle = yield* AdaptiveThrottle.fromConfig("throttle", { name: "model" })
    yield* Effect.exit(throttle.protect(Effect.fail("503")))
    assert.strictEqual((yield* throttle.snapshot).rejectionRate, 0.5)
  }).pipe(Effect.provideService(
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromEnv({ env: { THROTTLE_MINIMUM_CALLS: "1", THROTTLE_COUNT_REJECTIONS: "false" } })
  )))
