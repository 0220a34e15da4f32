import { CircuitBreaker, Registry } from "@switchgear/core"
import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"

const minute = [{ name: "load", arrivals: Load.constant({ rate: 10, for: "1 minute" }) }] as const

const outage = [
  { name: "up", for: "20 seconds", latency: "100 millis" },
  { name: "down", for: "20 seconds", rules: [{ inject: Chaos.fault("503") }] },
  { name: "back", latency: "100 millis" }
] as const

const direct = (provider: Effect.Effect<string, string>) => Effect.succeed(provider)

const secondsOf = (seconds: number, rate = 10) =>
  [{ name: "load", arrivals: Load.constant({ rate, for: `${seconds} seconds` }) }] as const

/** The verdict on one claim, with what was seen or why it is not judged. */
const verdictOn = (
  claim: Claim.Claim,
  options: {
    readonly load?: ReadonlyArray<Scenario.LoadPhase>
    readonly provider?: ReadonlyArray<Scenario.ProviderPhase>
    readonly policy?: (
      provider: Effect.Effect<string, string>
    ) => Effect.Effect<Scenario.Customer<string, string, never>>
    readonly outcomes?: ReadonlyArray<string>
    readonly patience?: `${number} seconds`
    readonly promises?: "none"
  } = {}
) => {
  const { policy = direct, ...others } = options
  const scenario = Scenario.make({
    name: "night",
    load: minute,
    provider: outage as ReadonlyArray<Scenario.ProviderPhase>,
    policy: (provider: Effect.Effect<string, string>) => policy(provider),
    claims: [claim],
    ...others
  })
  return Effect.map(Scenario.report(scenario), ({ claims }) => {
    const { verdict } = claims[0]!
    return `${verdict._tag}: ${verdict._tag === "Unjudged" ? verdict.reason : verdict.seen}`
  })
}

describe("a claim is not judged", () => {
  it.effect.each<readonly [string, Claim.Claim]>([
    ["no error", Claim.noCustomerError],
    ["answered", Claim.answered(0)],
    ["few calls", Claim.providerGetsAtMost(1 / 10, { during: "down" })],
    ["no calls", Claim.providerGetsAtMost(0)],
    ["recovery", Claim.recoversWithin("1 second", { after: "down" })],
    ["fall", Claim.fallsWithin("1 second", { after: "down" })],
    ["latency", Claim.latencyWithin("max", "1 second")],
    ["rest", Claim.restsWithin("1 second")],
    ["nothing left", Claim.nothingLeft],
    ["own", Claim.make({ name: "own", judge: () => Claim.holds("never asked") })]
  ])("if no call reached a provider: %s", ([, claim]) =>
    Effect.gen(function*() {
      const policy = () => Effect.succeed(Effect.succeed("provider"))
      assert.strictEqual(
        yield* verdictOn(claim, { policy }),
        "Unjudged: no call reached a provider in the whole run. Does the policy use the provider that it gets?"
      )
    }))

  it.effect("if the provider that it names was never called, but for a claim that it never is", () =>
    Effect.gen(function*() {
      const scenario = Scenario.make({
        name: "two",
        load: secondsOf(10),
        providers: { gpt: [{ name: "gpt" }], claude: [{ name: "claude" }] },
        policy: ({ gpt }) => Effect.succeed(gpt),
        claims: [
          Claim.providerGetsAtMost(0.1, { provider: "claude" }),
          Claim.providerGetsAtMost(0, { provider: "claude" })
        ]
      })
      const { claims } = yield* Scenario.report(scenario)
      assert.deepStrictEqual(claims.map(({ verdict }) => verdict), [
        Claim.unjudged("no call reached \"claude\" in the whole run"),
        Claim.holds("it got 0 calls for 100 of customers (0%)")
      ])
    }))

  it.effect.each<readonly [string, Chaos.Rule<never, string>]>([
    ["that applies to no call", { inject: Chaos.fault("503"), when: ({ key }) => key === "misspelt" }],
    ["that never applies", { inject: Chaos.fault("503"), rate: 0 }]
  ])("on a recovery from a phase with a rule %s", ([, rule]) =>
    Effect.gen(function*() {
      const provider = [outage[0], { ...outage[1], rules: [rule] }, outage[2]]
      const said =
        "Unjudged: all calls during \"down\" ended as first-class, and nothing was done to any, so that there is " +
        "nothing to recover from"
      assert.strictEqual(yield* verdictOn(Claim.recoversWithin("1 second", { after: "down" }), { provider }), said)
      assert.strictEqual(yield* verdictOn(Claim.fallsWithin("1 second", { after: "down" }), { provider }), said)
      // What is slow may have harmed, and so may what failed in the app.
      assert.include(yield* verdictOn(Claim.recoversWithin("1 second", { after: "up" }), { provider }), "Holds")
      const late = (provider: Effect.Effect<string, string>) =>
        Effect.succeed(({ at }: Load.Arrival) => at === 40_000 ? Effect.andThen(provider, Effect.fail("x")) : provider)
      assert.include(
        yield* verdictOn(Claim.recoversWithin("1 second", { after: "down" }), { provider, policy: late }),
        "Holds: 190 of 190 calls did (100%); the last that did not came after 0 ms"
      )
    }))

  it.effect("about the whole run, if a phase of a provider was not part of it", () =>
    Effect.gen(function*() {
      const short = { load: secondsOf(10) }
      assert.include(yield* verdictOn(Claim.noCustomerError, short), "nothing was called during \"down\" and \"back\"")
      assert.include(yield* verdictOn(Claim.latencyWithin("max", "1 second"), short), "Unjudged: nothing was called")
      assert.strictEqual(
        yield* verdictOn(Claim.answered(1, { during: "up" }), short),
        "Holds: all 100 calls were answered"
      )
      // A retry that reaches it is enough.
      const policy = (provider: Effect.Effect<string, string>) => Effect.succeed(Effect.delay(provider, "40 seconds"))
      assert.include(
        yield* verdictOn(Claim.noCustomerError, { load: secondsOf(20), policy, patience: "100 seconds" }),
        "Unjudged: nothing was called during \"down\""
      )
    }))

  it.effect("on an outcome that nothing can have, and tells what was seen and what may be meant", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* verdictOn(Claim.share("CircuitOpened", { atMost: 0 })),
        "Unjudged: no call ended as \"CircuitOpened\", and nothing says that one can; seen were first-class 400, " +
          "failure 200. Is \"CircuitOpen\" meant? Name what can happen and does not in `outcomes` of the scenario"
      )
      assert.include(yield* verdictOn(Claim.share("Failure", { atMost: 0 })), "Is \"failure\" meant?")
      assert.include(yield* verdictOn(Claim.share("GaveUpp", { atMost: 0.1 })), "Is \"GaveUp\" meant?")
      assert.include(yield* verdictOn(Claim.share("nothing like it", { atLeast: 0.1 })), "Unjudged")
      const possible = ["GaveUp", "canned", "CircuitOpen", "defect"]
      for (const outcome of possible) {
        assert.match(yield* verdictOn(Claim.share(outcome, { atMost: 0 })), /^Holds: 0 of 600 calls did/)
      }
      assert.match(
        yield* verdictOn(Claim.share("Unpaid", { atMost: 0 }), { outcomes: ["Unpaid"] }),
        /^Holds: 0 of 600 calls did/
      )
    }))

  it.effect.each<readonly [string, Scenario.ProviderPhase]>([
    ["ServiceRefused", { name: "up", capacity: { concurrency: 10, above: "refuses" } }],
    ["ServiceRefused", { name: "up", capacity: { concurrency: 10, above: "queue", waiting: 5 } }],
    ["Lost", { name: "up", rules: [{ inject: Chaos.after(Chaos.fault({ _tag: "Lost" })), when: () => false }] }],
    ["cached", { name: "up", rules: [{ inject: Chaos.outcome({ degradation: "cached" }), when: () => false }] }],
    ["TimeoutError", { name: "up" }]
  ])(
    "but on an outcome that its own night can have it is, also if none had it: %s",
    ([outcome, phase]) =>
      Effect.gen(function*() {
        assert.strictEqual(
          (yield* verdictOn(Claim.share(outcome, { atMost: 0 }), { provider: [phase] })).slice(0, 24),
          "Holds: 0 of 600 calls di"
        )
      })
  )

  it.effect.prop(
    "on a percentile with fewer calls than it takes for one to be beyond it",
    {
      percentile: Schema.Literals(["p50", "p90", "p95", "p99", "p999"]),
      calls: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1200 }))
    },
    ({ calls, percentile }) =>
      Effect.gen(function*() {
        const told = yield* verdictOn(Claim.latencyWithin(percentile, "1 second"), {
          load: [{ name: "load", arrivals: Load.constant({ rate: 1000, for: calls }) }],
          provider: [{ name: "up" }],
          promises: "none"
        })
        const needed = { p50: 2, p90: 10, p95: 20, p99: 100, p999: 1000 }[percentile]
        if (calls < needed) assert.include(told, `made at all, and it takes ${needed.toLocaleString("en-US")}`)
        else assert.match(told, /^Holds: 0 of .* took longer/)
      }),
    { arbitrary: { runs: 30 } }
  )

  it.effect("with fewer calls than `atLeastCalls`, which is 10 for a recovery", () =>
    Effect.gen(function*() {
      const load = [{ name: "load", arrivals: Load.constant({ rate: 10, for: "40100 millis" }) }]
      assert.strictEqual(
        yield* verdictOn(Claim.recoversWithin(0, { after: "down" }), { load }),
        "Unjudged: only 1 call was made later than 0 after \"down\" had ended, and it takes 10"
      )
      assert.include(
        yield* verdictOn(Claim.recoversWithin(0, { after: "down", atLeastCalls: 1 }), { load }),
        "Holds: 1 of 1"
      )
      assert.include(
        yield* verdictOn(Claim.answered(1, { during: "up", atLeastCalls: 201 })),
        "only 200 calls were made during \"up\", and it takes 201"
      )
      assert.throws(() => Claim.answered(1, { atLeastCalls: 0 }), RangeError, /atLeastCalls must be a whole number/)
    }))

  it.effect("on a recovery from a phase in which nobody called", () =>
    Effect.gen(function*() {
      const load = [
        { name: "silence", arrivals: Load.constant({ rate: 0, for: "10 seconds" }) },
        { name: "load", arrivals: Load.constant({ rate: 10, for: "10 seconds" }) }
      ]
      const provider = [{ name: "down", for: "5 seconds" }, { name: "up" }] as const
      assert.strictEqual(
        yield* verdictOn(Claim.recoversWithin("1 second", { after: "down" }), { load, provider }),
        "Unjudged: no call was made during \"down\", so that there is nothing to recover from"
      )
    }))
})

describe("what was seen agrees with the verdict", () => {
  it.effect.prop(
    "whatever the share and the limit",
    {
      failing: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
      beyond: Schema.Literals([0, 0, 1, -1, 5]),
      nudge: Schema.Literals([0, 1e-7, -1e-7, 1e-11, -1e-11])
    },
    ({ beyond, failing, nudge }) =>
      Effect.gen(function*() {
        const atMost = Math.min(1, Math.max(0, (failing + beyond) / 30 + nudge))
        const claim = Claim.share("failure", { atMost })
        const told = yield* verdictOn(claim, {
          load: [{ name: "load", arrivals: Load.constant({ rate: 30, for: "1 second" }) }],
          provider: [{ name: "up" }],
          policy: (provider) =>
            Effect.succeed(({ index }) => index < failing ? Effect.andThen(provider, Effect.fail("busy")) : provider)
        })
        const [seen, said] = told.match(/[\d.e-]+(?=%)/g)!.map(Number) as [number, number | undefined]
        const named = said ?? Number(claim.name.match(/[\d.e-]+(?=%)/)![0])
        assert.strictEqual(told.startsWith("Holds"), seen <= named, `${claim.name}: ${told}`)
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect("to the millisecond, where a rounded duration would say otherwise", () =>
    Effect.gen(function*() {
      const after = (millis: number) => ({
        load: secondsOf(1),
        provider: [{ name: "up", latency: millis }]
      })
      const within = (limit: number) => Claim.latencyWithin("max", limit)
      assert.strictEqual(
        yield* verdictOn(within(1000), after(1001)),
        "Broken: 10 of 10 calls took longer, the longest 1,001 ms"
      )
      assert.strictEqual(
        yield* verdictOn(within(1960), after(1960)),
        "Holds: 0 of 10 calls took longer, the longest 1,960 ms"
      )
      assert.strictEqual(
        yield* verdictOn(within(3000), after(1960)),
        "Holds: 0 of 10 calls took longer, the longest 2.0 s"
      )
    }))
})

describe("Claim.fallsWithin", () => {
  // Each call that fails in the outage is made five times more, 25 seconds later.
  const late = (provider: Effect.Effect<string, string>) =>
    Effect.succeed(provider.pipe(
      Effect.catch(() => Effect.delay(Effect.all([provider, provider, provider, provider, provider]), "25 seconds")),
      Effect.as("provider")
    ))

  it.effect("is broken by retries that land after the phase, and holds without them", () =>
    Effect.gen(function*() {
      const claim = Claim.fallsWithin("2 seconds", { after: "down" })
      assert.strictEqual(
        yield* verdictOn(claim, { policy: late }),
        "Broken: it got 1,180 calls for 180 of customers (655.6%)"
      )
      assert.strictEqual(yield* verdictOn(claim), "Holds: it got 180 calls for 180 of customers (100%)")
      const once = Claim.providerGetsAtMost(1, { during: "down" })
      assert.match(yield* verdictOn(once, { policy: late }), /^Holds/)
    }))
})

describe("Claim.restsWithin", () => {
  const again = (provider: Effect.Effect<string, string>): Effect.Effect<string, string> =>
    Effect.tap(provider, () => Effect.forkDetach(Effect.repeat(Effect.delay(provider, "7 seconds"), { times: 4 })))

  it.effect("is broken by calls that reach the provider after the load, also of no customer, and holds without", () =>
    Effect.gen(function*() {
      const up = { load: secondsOf(10, 1), provider: [{ name: "up", latency: "100 millis" }] } as const
      const claim = Claim.restsWithin("10 seconds")
      assert.strictEqual(yield* verdictOn(claim, up), "Holds: all had ended before the load was over")
      assert.strictEqual(
        yield* verdictOn(claim, { ...up, policy: (provider) => Effect.succeed(again(provider)) }),
        "Broken: 34 calls reached it, the last 34.5 s after the load"
      )
      assert.match(
        yield* verdictOn(Claim.restsWithin("40 seconds"), {
          ...up,
          policy: (provider) => Effect.succeed(again(provider))
        }),
        /^Holds/
      )
    }))

  it.effect("is broken by customers who still wait", () =>
    Effect.gen(function*() {
      const slow = { load: secondsOf(10, 1), provider: [{ name: "slow", latency: "30 seconds" }] } as const
      assert.strictEqual(
        yield* verdictOn(Claim.restsWithin("25 seconds"), slow),
        "Broken: 5 calls of customers ended, the last 29.0 s after the load: first-class 5"
      )
      assert.strictEqual(
        yield* verdictOn(Claim.restsWithin("30 seconds"), slow),
        "Holds: all had ended 29.0 s after the load"
      )
    }))
})

describe("Claim.nothingLeft", () => {
  const on = (one: Effect.Effect<unknown>) =>
    verdictOn(Claim.nothingLeft, {
      load: secondsOf(5, 1),
      provider: [{ name: "up" }],
      policy: (provider) => Effect.succeed(({ index }) => index === 3 ? Effect.tap(provider, one) : provider)
    })

  it.effect("holds if every fiber ends, also one that is detached for a while", () =>
    Effect.gen(function*() {
      assert.match(yield* on(Effect.void), /^Holds: all \d+ fibers ended$/)
      assert.match(yield* on(Effect.forkDetach(Effect.sleep("50 seconds"))), /^Holds/)
      assert.match(yield* on(Effect.all([Effect.sleep(1), Effect.sleep(2)], { concurrency: 2 })), /^Holds/)
    }))

  it.effect("is broken by a fiber that is left, and says which call has forked it", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* on(Effect.forkDetach(Effect.never)),
        "Broken: 1 fiber is still there, forked by call #3"
      )
      assert.strictEqual(
        yield* on(Effect.forkDetach(Effect.forever(Effect.sleep("1 second")))),
        "Broken: 1 fiber is still there, forked by call #3"
      )
    }))

  it.effect("is broken by a detached fiber that dies, but not by a customer who gets the defect", () =>
    Effect.gen(function*() {
      const unnoticed = "Broken: 1 fiber is dead of a defect that no customer got, forked by call #3 (TypeError)"
      assert.strictEqual(yield* on(Effect.forkDetach(Effect.die(new TypeError("secret")))), unnoticed)
      assert.strictEqual(
        yield* on(Effect.forkDetach(Effect.delay(Effect.die(new TypeError("secret")), "10 seconds"))),
        unnoticed
      )
      assert.match(yield* on(Effect.die(new TypeError("seen"))), /^Holds/)
      assert.match(
        yield* on(Effect.all([Effect.sleep(1), Effect.die(new TypeError("seen"))], { concurrency: 2 })),
        /^Holds/
      )
    }))

  it.effect("is broken by background work of the policy that is not in its scope", () =>
    Effect.gen(function*() {
      const ping = Effect.forever(Effect.sleep("1 second"))
      const with_ = (fork: Effect.Effect<unknown, never, any>) =>
        verdictOn(Claim.nothingLeft, {
          load: secondsOf(5, 1),
          provider: [{ name: "up" }],
          policy: (provider) => Effect.as(fork, provider) as Effect.Effect<Effect.Effect<string, string>>
        })
      assert.match(yield* with_(Effect.forkScoped(ping)), /^Holds/)
      assert.strictEqual(yield* with_(Effect.forkDetach(ping)), "Broken: 1 fiber is still there, of no call")
    }))
})

describe("a customer", () => {
  it.effect("takes an answer that comes at the very end of the patience, whoever comes first or later", () =>
    Effect.gen(function*() {
      const twoWaits = (provider: Effect.Effect<string, string>) => Effect.andThen(provider, Effect.sleep("900 millis"))
      for (
        const policy of [twoWaits, (provider: Effect.Effect<string, string>) => Effect.delay(provider, "900 millis")]
      ) {
        const scenario = Scenario.make({
          name: "ties",
          load: minute,
          provider: [{ name: "up", latency: "100 millis" }] as ReadonlyArray<Scenario.ProviderPhase>,
          patience: "1 second",
          policy: (provider: Effect.Effect<string, string>) => Effect.succeed(policy(provider)),
          label: () => "answered",
          claims: [Claim.noCustomerError]
        })
        for (const order of ["fifo", { seed: 1 }] as const) {
          assert.deepStrictEqual((yield* Scenario.run({ ...scenario, order })).all.outcomes, { answered: 600 })
        }
      }
    }))

  it.effect("leaves when the patience ends, and not when the call has cleaned up", () =>
    Effect.gen(function*() {
      let cleaned = 0
      const scenario = Scenario.make({
        name: "slow to leave",
        load: secondsOf(5, 1),
        provider: [{ name: "hangs", rules: [{ inject: Chaos.hang }] }],
        patience: "2 seconds",
        policy: (provider) =>
          Effect.succeed(
            Effect.ensuring(provider, Effect.delay(Effect.sync(() => void cleaned++), "1 second"))
          ),
        claims: [Claim.latencyWithin("max", "2 seconds"), Claim.nothingLeft]
      })
      const { all } = yield* Scenario.run(scenario)
      assert.deepStrictEqual([all.outcomes, all.latency.min, all.latency.max], [{ GaveUp: 5 }, 2000, 2000])
      assert.strictEqual(cleaned, 5)
    }))

  it.effect("has left when the call cleans up, for which the policy is kept", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const tell = (what: string) => Effect.sync(() => void told.push(what))
      yield* Scenario.report(Scenario.make({
        name: "kept",
        load: secondsOf(1, 1),
        provider: [{ name: "hangs", rules: [{ inject: Chaos.hang }] }],
        patience: "2 seconds",
        policy: (provider) =>
          Effect.as(
            Effect.acquireRelease(Effect.void, () => tell("released")),
            Effect.ensuring(provider, Effect.delay(tell("cleaned up"), "1 second"))
          ),
        claims: []
      }))
      assert.deepStrictEqual(told, ["cleaned up", "released"])
    }))

  it.effect("leaves also a call that never ends, which is then left", () =>
    Effect.gen(function*() {
      const scenario = Scenario.make({
        name: "never",
        load: secondsOf(5, 1),
        provider: [{ name: "up" }],
        policy: (provider) => Effect.succeed(Effect.andThen(provider, Effect.uninterruptible(Effect.never))),
        claims: [Claim.latencyWithin("max", "1 minute"), Claim.nothingLeft]
      })
      const { claims } = yield* Scenario.report(scenario)
      assert.deepStrictEqual(claims.map(({ verdict }) => verdict._tag), ["Holds", "Broken"])
    }))
})

describe("a breaker in a scenario", () => {
  it.effect("has the same id in each run, whatever else was made", () =>
    Effect.gen(function*() {
      yield* CircuitBreaker.make({ name: "model" })
      const ids: Array<string> = []
      const scenario = Scenario.make({
        name: "named",
        load: secondsOf(5),
        provider: [{ name: "up" }],
        policy: (provider) =>
          Effect.gen(function*() {
            const breaker = yield* CircuitBreaker.make({ name: "model" })
            ids.push(...(yield* Registry.entries).map(({ id }) => id))
            return provider.pipe(breaker.protect)
          }),
        claims: []
      })
      yield* Effect.all([Scenario.report(scenario), Scenario.report(scenario)], { concurrency: 2 })
      assert.deepStrictEqual(ids, ["model", "model"])
    }))
})
