/** The options of a hedge as they are written. */
import { assert, it } from "@effect/vitest"
import { Hedge } from "@switchgear/core"
import { ConfigProvider, Duration, Effect } from "effect"
import { expectTypeOf } from "vitest"
import {
  leavesDefaultsToMake,
  meansWhatCodeMeans,
  refusesNonsense,
  refusesUnknownFields,
  refusesWhatMakeRefuses
} from "../support/optionsSchema.ts"

meansWhatCodeMeans(Hedge.OptionsSchema, [
  [
    "Hedge",
    "{ name: model, delay: { quantile: 0.9 }, on: result, maxHedges: 2, budget: { ratio: 0.1, burst: 5 }, minimumWinRate: 0.5 }",
    {
      name: "model",
      delay: { quantile: 0.9 },
      on: "result",
      maxHedges: 2,
      budget: { ratio: 0.1, burst: 5 },
      minimumWinRate: 0.5
    } satisfies Hedge.Options
  ],
  [
    "Hedge with a fixed delay",
    "{ name: model, delay: 2 seconds }",
    { name: "model", delay: "2 seconds" } satisfies Hedge.Options
  ]
])

leavesDefaultsToMake("Hedge", Hedge.OptionsSchema, { name: "model" })

it("the decoded values are what make takes", () => {
  expectTypeOf(Hedge.OptionsSchema.Type).toEqualTypeOf<Hedge.Options>()
})

refusesNonsense(Hedge.OptionsSchema, [
  ["{ name: model, maxHedges: 0 }", "maxHedges must be a whole number from 1 to 10, got 0", "[\"maxHedges\"]"],
  [
    "{ name: model, budget: { ratio: 0 } }",
    "budget.ratio must be above 0 and at most 1, got 0",
    "[\"budget\"][\"ratio\"]"
  ],
  [
    "{ name: model, delay: soon }",
    "delay must be a duration above zero, or { quantile }, as in { quantile: 0.95 }, got \"soon\". "
    + "A duration is written as \"30 seconds\" or as a number of milliseconds",
    "[\"delay\"]"
  ]
])

refusesUnknownFields(Hedge.OptionsSchema, [
  ["{ name: model, dely: 1 }", "[\"dely\"]", "name, delay, on, maxHedges, budget, minimumWinRate"],
  ["{ name: model, budget: { rate: 1 } }", "[\"budget\"][\"rate\"]", "ratio, burst"]
])

refusesWhatMakeRefuses("Hedge", Hedge.OptionsSchema, Hedge.make, { name: "model" }, [
  "delay",
  "maxHedges",
  "minimumWinRate"
])

it("a hedge without a budget does not compile", () => {
  // @ts-expect-error: a budget is { ratio, burst }
  const none = () => Hedge.make({ name: "model", budget: "none" })
  // @ts-expect-error: nor is there one that is off
  const off = () => Hedge.make({ name: "model", budget: false })
  expectTypeOf(none).toBeFunction()
  expectTypeOf(off).toBeFunction()
})

it.effect("an environment has its words in capitals", () =>
  Effect.gen(function*() {
    const hedge = yield* Hedge.fromConfig(["model", "hedge"], { name: "model" })
    yield* hedge.protect(Effect.void)
    const { budget, classes } = yield* hedge.snapshot
    assert.strictEqual(budget, 3)
    assert.strictEqual(Duration.toMillis(classes[0]!.delay!), 2000)
  }).pipe(Effect.provideService(
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromEnv({ env: { MODEL_HEDGE_DELAY: "2 seconds", MODEL_HEDGE_BUDGET_BURST: "3" } })
  )))
