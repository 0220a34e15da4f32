import { CircuitBreaker, Deadline, Retry } from "@switchgear/core"
import { Chaos, Claim, Latency, Load, Scenario, type SimulatedService } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { expectTypeOf } from "vitest"

type Capacity = SimulatedService.Capacity

/** A provider with twice the capacity that its customers need, which is slow for ten seconds. */
const blip = (capacity?: Capacity) => {
  const phase = { capacity } as const
  return {
    load: [{ name: "customers", arrivals: Load.poisson({ rate: 8, for: "4 minutes" }) }],
    provider: [
      { ...phase, name: "up", for: "1 minute", latency: "1 second" },
      { ...phase, name: "blip", for: "10 seconds", latency: "8 seconds" },
      { ...phase, name: "back", latency: "1 second" }
    ],
    patience: "20 seconds",
    claims: [Claim.recoversWithin("30 seconds", { after: "blip" })]
  } as const
}

const naive = (capacity: Capacity | undefined, retries = 2) =>
  Scenario.make({
    name: "naive retries",
    ...blip(capacity),
    policy: (provider) => Effect.succeed(Effect.retry(Effect.timeout(provider, "2 seconds"), Schedule.recurs(retries)))
  })

const queue = { concurrency: 14, above: "queue" } as const
const goesOn = { ...queue, abandoned: "goes on" } as const

const failed = ({ all }: Scenario.Report) => all.calls - (all.outcomes["first-class"] ?? 0)

describe("the night of the naive retries", () => {
  it.effect("passes where the provider cannot be overloaded: only calls of the blip fail", () =>
    Effect.gen(function*() {
      const report = yield* Scenario.run(naive(undefined))
      assert.strictEqual(failed(report), failed({ ...report, all: report.phases.find(({ name }) => name === "blip")! }))
    }))

  it.effect("never ends at a provider that works on for customers who have left", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Scenario.run(naive(goesOn)))
      assert.strictEqual(error._tag, "ClaimFailed")
      const report = yield* Scenario.report(naive(goesOn))
      const back = report.phases.find(({ name }) => name === "back")!
      // Two and a half minutes after the blip, every call fails, and the provider gets three for each.
      assert.deepStrictEqual(Object.keys(back.outcomes), ["TimeoutError"])
      assert.isAbove(back.reached["provider"]! / back.calls, 2.9)
    }))

  it.effect("ends after the blip where the work of a customer who has left stops", () =>
    Effect.gen(function*() {
      const stops = yield* Scenario.run(naive(queue))
      assert.isBelow(failed(stops), failed(yield* Scenario.report(naive(goesOn))) / 4)
    }))

  it.effect("fails less where work stops also with more retries than the provider can bear", () =>
    Effect.gen(function*() {
      const seen = yield* Effect.forEach(
        [{ concurrency: 10, above: "queue" }, { concurrency: 10, above: "slows" }] as const,
        (capacity) =>
          Effect.forEach(
            ["stops", "goes on"] as const,
            (abandoned) => Scenario.report(naive({ ...capacity, abandoned }, 5))
          )
      )
      for (const [stops, goesOn] of seen) {
        assert.strictEqual(stops!.claims[0]!.verdict._tag, "Broken")
        assert.strictEqual(goesOn!.claims[0]!.verdict._tag, "Broken")
        assert.isBelow(failed(stops!), failed(goesOn!))
      }
    }))

  it.effect("ends behind a circuit, whatever the provider does with the work", () =>
    Effect.gen(function*() {
      const guarded = Scenario.make({
        name: "guarded",
        ...blip(goesOn),
        policy: (provider) =>
          Effect.map(CircuitBreaker.make({ name: "model", openFor: "5 seconds" }), (breaker) =>
            provider.pipe(
              Deadline.attempt("2 seconds"),
              breaker.protect,
              Retry.retry({ maxAttempts: 2, baseDelay: "200 millis" })
            ))
      })
      assert.isBelow(failed(yield* Scenario.run(guarded)), 250)
    }))
})

/** When each of some calls at once ends, and how. */
const together = (provider: ReadonlyArray<Scenario.ProviderPhase>, rate = 1) =>
  Effect.gen(function*() {
    const scenario = Scenario.make({
      name: "together",
      load: [{ name: "calls", arrivals: Load.constant({ rate, for: "3 seconds" }) }],
      provider,
      policy: (provider) => Effect.succeed(provider),
      claims: []
    })
    const { load, phases } = yield* Scenario.report(scenario)
    return { millis: load.millis, outcomes: load.outcomes, p100: phases[0]!.latency.max }
  })

describe("the capacity of a phase of a provider", () => {
  it.effect("lets calls wait, share or be refused", () =>
    Effect.gen(function*() {
      const provider = (capacity: Capacity) => [{ name: "up", latency: "2 seconds", capacity }] as const
      const queued = yield* together(provider({ concurrency: 1, above: "queue" }))
      assert.deepStrictEqual([queued.millis, queued.outcomes], [6000, { "first-class": 3 }])
      // The first has half of its work to do when the second comes, and so on.
      const slowed = yield* together(provider({ concurrency: 1, above: "slows" }))
      assert.deepStrictEqual([slowed.millis, slowed.outcomes], [6000, { "first-class": 3 }])
      const refused = yield* together(provider({ concurrency: 1, above: "refuses" }))
      assert.deepStrictEqual([refused.millis, refused.outcomes], [4000, { "first-class": 2, ServiceRefused: 1 }])
    }))

  it.effect("is that of the whole provider: calls that wait at the end of a phase go into the next", () =>
    Effect.gen(function*() {
      const { millis } = yield* together([
        { name: "few", for: "2500 millis", latency: "10 seconds", capacity: { concurrency: 1, above: "queue" } },
        { name: "many", latency: "1 second", capacity: { concurrency: 2, above: "queue" } }
      ])
      // The first works for ten seconds; the others wait until there is a second slot, and then take a second each.
      assert.strictEqual(millis, 10_000)
      const { p100 } = yield* together([
        { name: "few", for: "2500 millis", latency: "10 seconds", capacity: { concurrency: 1, above: "queue" } },
        { name: "without limit", latency: "1 second" }
      ])
      assert.strictEqual(p100, 10_000)
    }))

  it.effect("changes the speed of work in progress at the boundary", () =>
    Effect.gen(function*() {
      const { millis } = yield* together([
        { name: "one", for: "4 seconds", latency: "4 seconds", capacity: { concurrency: 1, above: "slows" } },
        { name: "three", capacity: { concurrency: 3, above: "slows" } }
      ])
      // Until 4 s: 1 s alone, half of 1 s, a third of 2 s. Then at full speed, the last of the three longest.
      assert.closeTo(millis, 4000 + 4000 - 2000 / 3, 0.01)
    }))

  it.effect("can stand still for a phase, and goes on after it", () =>
    Effect.gen(function*() {
      const capacity = { concurrency: 1, above: "queue" } as const
      const { millis } = yield* together([
        { name: "up", for: "1 second", latency: "2 seconds", capacity },
        { name: "hangs", for: "10 seconds", latency: "2 seconds", capacity: { ...capacity, speed: 0 } },
        { name: "twice as fast", latency: "2 seconds", capacity: { ...capacity, speed: 2 } }
      ])
      assert.strictEqual(millis, 11_000 + 500 + 1000 + 1000)
    }))

  it.effect("holds the slot also through the faults of its rules", () =>
    Effect.gen(function*() {
      const { outcomes } = yield* together([{
        name: "hangs",
        capacity: { concurrency: 1, above: "refuses" },
        rules: [{ inject: Chaos.hang, when: ({ index }) => index === 0 }]
      }])
      assert.deepStrictEqual(outcomes, { GaveUp: 1, ServiceRefused: 2 })
    }))

  it.effect("gives the same run for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const night = Scenario.make({
        name: "drawn",
        load: [{ name: "calls", arrivals: Load.constant({ rate: 10, for: "10 seconds" }) }],
        provider: [{
          name: "up",
          latency: Latency.exponential("300 millis"),
          capacity: { concurrency: 4, above: "slows" }
        }],
        policy: (provider) => Effect.succeed(provider),
        claims: []
      })
      const one = yield* Scenario.report(night)
      assert.deepStrictEqual(yield* Scenario.report(night), one)
      assert.notDeepEqual((yield* Scenario.report(night, { seed: 2 })).all.latency, one.all.latency)
    }))

  it.effect("is checked with the scenario", () =>
    Effect.gen(function*() {
      const at = (phase: object) =>
        Effect.map(Effect.flip(together([{ name: "up", ...phase } as Scenario.ProviderPhase])), ({ message }) =>
          message.replace("The scenario \"together\" cannot be run: ", ""))
      assert.strictEqual(
        yield* at({ capacity: { concurrency: 0, above: "queue" } }),
        "provider[0].capacity.concurrency must be a whole number of at least 1, got 0."
      )
      assert.strictEqual(
        yield* at({ capacity: { concurrency: 1, above: "queue" }, latency: -1 }),
        "provider[0].latency must be a finite duration of zero or more, got -1."
      )
      assert.strictEqual(
        yield* at({ capacty: 5 }),
        "provider[0].capacty is not a field here. There are: name, for, latency, capacity, rules."
      )
    }))

  it("adds its refusal to the errors of the provider, and only where it refuses", () => {
    Scenario.make({
      name: "types",
      load: [],
      provider: [{ name: "up", capacity: { concurrency: 1, above: "refuses" } }],
      policy: (provider) => {
        expectTypeOf(provider).toExtend<Effect.Effect<string, SimulatedService.ServiceRefused>>()
        expectTypeOf(provider).not.toExtend<Effect.Effect<string>>()
        return Effect.succeed(provider)
      },
      claims: []
    })
    Scenario.make({
      name: "types",
      load: [],
      provider: [{ name: "up", capacity: { concurrency: 1, above: "queue" } }],
      policy: (provider) => {
        expectTypeOf(provider).toExtend<Effect.Effect<string>>()
        return Effect.succeed(provider)
      },
      claims: []
    })
  })
})
