import { Chaos, Claim, Latency, Load, Scenario } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const load = [
  { name: "calm", arrivals: Load.poisson({ rate: 3, for: "1 minute" }) },
  {
    name: "sale",
    arrivals: Load.burst({
      of: Load.ramp({ from: 5, to: 10, for: "1 minute" }),
      times: 4,
      after: "20 seconds",
      for: "10 seconds"
    })
  }
]

const night = Scenario.make({
  name: "the night",
  load,
  provider: [
    { name: "up", for: "50 seconds", latency: Latency.logNormal({ median: "300 millis", p95: "1 second" }) },
    { name: "slow", for: "20 seconds", latency: "2 seconds", rules: [{ inject: Chaos.fault("429"), rate: 0.1 }] },
    { name: "down", for: "10 seconds", rules: [{ inject: Chaos.fault("503"), rate: 0.5 }] },
    { name: "back", latency: "300 millis" }
  ],
  policy: Effect.succeed,
  claims: [
    Claim.share("failure", { atMost: 0.04, during: "down" }),
    Claim.latencyWithin("max", "1 hour"),
    Claim.answered(0.1)
  ]
})

const failureOf = <E, R>(scenario: Scenario.Scenario<E, R>, n: number) =>
  Effect.map(Effect.flip(Scenario.seeds(scenario, n)), (error) => {
    assert.instanceOf(error, Scenario.SeedsFailed)
    return error as Scenario.SeedsFailed
  })

describe("Scenario.seeds", () => {
  it.effect("reports the worst seed, and the smallest night in which its claim is still broken", () =>
    Effect.gen(function*() {
      const error = yield* failureOf(night, 4)
      assert.deepStrictEqual(error.failed, ["1", "1-2", "1-3", "1-4"])
      assert.deepStrictEqual(error.night, [
        "load \"sale\": poisson, 2 a second for 1s",
        "provider \"down\": until the end, fault"
      ])
      assert.include(error.message, `4 of 4 seeds failed, the worst is "${error.worst}".`)
      assert.include(error.message, "The smallest night in which that still fails:\n  load \"sale\"")
      assert.include(error.message, "1 of 1 call did (100%)")
    }))

  it.effect("makes a capacity smaller part by part, and a latency that varies one that does not", () =>
    Effect.gen(function*() {
      const crowded = Scenario.make({
        name: "crowded",
        load: [{ name: "load", arrivals: Load.poisson({ rate: 20, for: "1 minute" }) }],
        provider: [{
          name: "busy",
          latency: Latency.exponential("900 millis"),
          capacity: { concurrency: 10, above: "slows", abandoned: "goes on", slots: 30, waiting: 20 }
        }],
        policy: Effect.succeed,
        claims: [Claim.share("ServiceRefused", { atMost: 0 })]
      })
      assert.deepStrictEqual((yield* failureOf(crowded, 1)).night, [
        "load \"load\": poisson, 4 a second for 1s",
        "provider \"busy\": until the end, latency 100ms, capacity {\"concurrency\":1,\"above\":\"slows\",\"slots\":1,\"waiting\":0}"
      ])
    }))

  it.effect("lets a rule apply to all calls, where that still fails", () =>
    Effect.gen(function*() {
      const rare = Scenario.make({
        name: "rare",
        load: [{ name: "load", arrivals: Load.constant({ rate: 20, for: "1 minute" }) }],
        provider: [{
          name: "shaky",
          rules: [{
            inject: Chaos.fault("503"),
            rate: 0.5,
            bursts: { every: "10 seconds", for: "5 seconds" },
            when: ({ index }) => index > 100
          }]
        }],
        policy: Effect.succeed,
        claims: [Claim.noCustomerError]
      })
      assert.deepStrictEqual((yield* failureOf(rare, 1)).night, [
        "load \"load\": constant, 1 a second for 1s",
        "provider \"shaky\": until the end, fault"
      ])
    }))

  it.effect("is the same each time, and its worst seed fails the most", () =>
    Effect.gen(function*() {
      const [one, again] = [yield* failureOf(night, 3), yield* failureOf(night, 3)]
      assert.strictEqual(one.message, again.message)
      const shareOf = (seed: string) => Effect.map(Scenario.report(night, { seed }), ({ claims }) => claims[0]!.margin!)
      const margins = yield* Effect.forEach(one.failed, shareOf)
      assert.strictEqual(Math.min(...margins), yield* shareOf(one.worst))
    }))

  it.effect("keeps what a failure needs: a phase, a time, a rate", () =>
    Effect.gen(function*() {
      // Broken only by a call that comes in the third second or later, while five others wait.
      const crowded = Scenario.make({
        name: "crowded",
        load: [{ name: "load", arrivals: Load.constant({ rate: 10, for: "30 seconds" }) }],
        provider: [{ name: "up", latency: "800 millis" }],
        policy: (provider) =>
          Effect.sync(() => {
            let waiting = 0
            return ({ at }: Load.Arrival) =>
              at >= 2000 && waiting >= 5
                ? Effect.fail("crowded")
                : Effect.ensuring(Effect.andThen(Effect.sync(() => waiting++), provider), Effect.sync(() => waiting--))
          }),
        claims: [Claim.noCustomerError]
      })
      const { night, runs } = yield* failureOf(crowded, 1)
      assert.deepStrictEqual(night, [
        "load \"load\": constant, 9 a second for 3s",
        "provider \"up\": until the end, latency 600ms"
      ])
      assert.isBelow(runs, 100)
    }))

  it.effect("succeeds with the seed that is nearest to a limit if all claims hold", () =>
    Effect.gen(function*() {
      const claims = [Claim.share("failure", { atMost: 0.9, during: "down" })]
      const { seeds, worst } = yield* Scenario.seeds({ ...night, claims }, 4)
      assert.strictEqual(seeds, 4)
      const margins = yield* Effect.forEach(["1", "1-2", "1-3", "1-4"], (seed) =>
        Effect.map(Scenario.report({ ...night, claims }, { seed }), ({ claims }) => claims[0]!.margin!))
      assert.strictEqual(worst.claims[0]!.margin, Math.min(...margins))
    }))

  it.effect("fails on a claim that cannot be judged, on a scenario without claims, and on no seeds", () =>
    Effect.gen(function*() {
      const unjudged = yield* Effect.flip(
        Scenario.seeds({ ...night, claims: [Claim.answered(1, { during: "lunch" })] }, 2)
      )
      assert.instanceOf(unjudged, Scenario.ClaimUnjudged)
      assert.instanceOf(yield* Effect.flip(Scenario.seeds({ ...night, claims: [] }, 2)), Scenario.InvalidScenario)
      const defect = yield* Effect.exit(Scenario.seeds(night, 0))
      assert.include(String(defect), "Scenario.seeds: n must be a whole number of at least 1, got 0")
    }))
})
