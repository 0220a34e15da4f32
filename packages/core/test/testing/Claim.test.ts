import { CircuitBreaker, Deadline, Retry } from "@switchgear/core"
import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

/** Ten calls a second for five minutes, and a provider that is down for the second of them. */
const night = {
  name: "the night",
  load: [
    { name: "evening", arrivals: Load.constant({ rate: 10, for: "3 minutes" }) },
    { name: "break", arrivals: Load.constant({ rate: 0, for: "1 second" }) },
    { name: "late", arrivals: Load.constant({ rate: 10, for: "2 minutes" }) }
  ],
  provider: [
    { name: "well", for: "1 minute", latency: "800 millis" },
    { name: "down", for: "1 minute", latency: "15 seconds", rules: [{ inject: Chaos.fault("503") }] },
    { name: "back", latency: "800 millis" }
  ]
} as const

const sorry = "Please try again in a minute."

/** Nothing stands between. */
const bare = (claim: Claim.Claim) =>
  Scenario.make({ ...night, policy: (provider) => Effect.succeed(provider), claims: [claim] })

/** Whoever gets an error tries again, at once and three times. */
const stormy = (claim: Claim.Claim) =>
  Scenario.make({
    ...night,
    policy: (provider) =>
      Effect.succeed(provider.pipe(
        Deadline.attempt("2 seconds"),
        Retry.retry({ maxAttempts: 4, baseDelay: "1 millis", jitter: "none" })
      )),
    claims: [claim]
  })

/** A breaker, a time-out and a sentence. */
const guarded = (claim: Claim.Claim, openFor: `${number} seconds` = "10 seconds") =>
  Scenario.make({
    ...night,
    policy: (provider) =>
      Effect.map(CircuitBreaker.make({ name: "model", openFor }), (breaker) =>
        provider.pipe(Deadline.attempt("2 seconds"), breaker.protect, Effect.orElseSucceed(() => sorry))),
    claims: [claim]
  })

const ends = (effect: Effect.Effect<string, string>) => (provider: Effect.Effect<string>) =>
  Effect.andThen(provider, effect)

/** Ask the provider, and end so. */
const busy = ends(Effect.fail("busy"))

const well = ends(Effect.succeed("provider"))

/** The phases in which so many seconds have a call. */
const phasesOf = (seconds: number) =>
  [
    { name: "early", for: "1 second" },
    { name: "troubled", for: "1 second" },
    { name: "after", for: "5 seconds" },
    { name: "next" }
  ].filter((_, index) => [0, 1, 2, 7][index]! < seconds) as ReadonlyArray<{ readonly name: string }>

/** A call a second, each with a fate of its own, in a night whose second second is the troubled one. */
const eachCall = (
  calls: number,
  claim: Claim.Claim,
  fate: (index: number, provider: Effect.Effect<string>) => Effect.Effect<string, string>
) =>
  Scenario.make({
    name: "the night",
    load: [{ name: "evening", arrivals: Load.constant({ rate: 1, for: `${calls} seconds` }) }],
    provider: phasesOf(calls),
    policy: (provider) => Effect.succeed(({ index }: Load.Arrival) => fate(index, provider)),
    claims: [claim]
  })

/** What is seen, if the claim holds or if it is broken. */
const seen = <E>(scenario: Scenario.Scenario<E, never>) =>
  Effect.map(Scenario.report(scenario), ({ claims }) => {
    const { claim, evidence, verdict } = claims[0]!
    return { claim, verdict, evidence }
  })

const holds = <E>(scenario: Scenario.Scenario<E, never>, told: string) =>
  Effect.map(seen(scenario), ({ evidence, verdict }) => {
    assert.deepStrictEqual(verdict, Claim.holds(told))
    assert.isUndefined(evidence)
  })

const broken = <E>(scenario: Scenario.Scenario<E, never>, told: string, at: number) =>
  Effect.map(seen(scenario), ({ evidence, verdict }) => {
    assert.deepStrictEqual(verdict, Claim.broken(told))
    assert.strictEqual(evidence?.at, at)
  })

const unjudged = <E>(scenario: Scenario.Scenario<E, never>, reason: string) =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(Scenario.run(scenario))
    assert.deepInclude(error, { _tag: "ClaimUnjudged", scenario: "the night", reason })
    assert.strictEqual(
      (error as Error).message,
      `Scenario "the night": the claim that ${scenario.claims[0]!.name} cannot be judged: ${reason}.`
    )
  })

describe("the claim that", () => {
  it.effect("no customer gets an error holds behind a breaker with a sentence, and not without", () =>
    Effect.gen(function*() {
      yield* holds(guarded(Claim.noCustomerError), "all 3,000 calls were answered")
      yield* broken(bare(Claim.noCustomerError), "600 of 3,000 calls were not answered: failure 600", 75_000)
    }))

  it.effect("a share of the calls is answered is judged inclusively, in its phase", () =>
    Effect.gen(function*() {
      yield* holds(bare(Claim.answered(0.8)), "600 of 3,000 calls were not answered: failure 600")
      yield* broken(bare(Claim.answered(0.81)), "600 of 3,000 calls were not answered: failure 600", 89_000)
      yield* holds(bare(Claim.answered(1, { during: "well" })), "all 600 calls were answered")
      yield* broken(
        bare(Claim.answered(0.01, { during: "down" })),
        "600 of 600 calls were not answered: failure 600",
        75_000
      )
    }))

  it.effect("a share of the calls ends in one way is judged at least and at most", () =>
    Effect.gen(function*() {
      const fifth = "600 of 3,000 calls did (20%), the others: first-class 2,400"
      yield* holds(bare(Claim.share("failure", { atMost: 0.2 })), fifth)
      yield* broken(bare(Claim.share("failure", { atMost: 0.19 })), fifth, 89_000)
      const during = { well: { atLeast: 1, during: "well" }, down: { atLeast: 0.1, during: "down" } }
      yield* holds(guarded(Claim.share("first-class", during.well)), "600 of 600 calls did (100%)")
      yield* broken(
        guarded(Claim.share("first-class", during.down)),
        "0 of 600 calls did (0%), the others: degraded 600",
        62_000
      )
    }))

  it.effect("a provider gets few calls holds behind a breaker, and not in a storm of retries", () =>
    Effect.gen(function*() {
      const few = Claim.providerGetsAtMost(1 / 5, { during: "down" })
      yield* holds(guarded(few), "it got 89 calls for 600 of customers (14.8%)")
      yield* broken(bare(few), "it got 600 calls for 600 of customers (100%)", 60_000)
      const none = Claim.providerGetsAtMost(1, { during: "down" })
      yield* broken(stormy(none), "it got 2,280 calls for 600 of customers (380%)", 62_001)
    }))

  it.effect("all is well soon after a phase holds with a short opening, and not with one that outlasts the night", () =>
    Effect.gen(function*() {
      const recovers = Claim.recoversWithin("15 seconds", { after: "down" })
      yield* holds(guarded(recovers), "1,650 of 1,650 calls did (100%); the last that did not came after 6.6 s")
      yield* broken(
        guarded(recovers, "500 seconds"),
        "0 of 1,650 calls did (0%), the others: degraded 1,650; the last that did not came after 3 min 1 s",
        135_000
      )
      yield* holds(
        bare(Claim.recoversWithin(0, { after: "down" })),
        "1,800 of 1,800 calls did (100%), from the first on"
      )
    }))

  it.effect("all is well again can allow for a few who do not see it, and end where another phase begins", () =>
    Effect.gen(function*() {
      const few = "1,738 of 1,800 calls did (96.6%), the others: degraded 62; the last that did not came after 6.6 s"
      yield* holds(guarded(Claim.recoversWithin(0, { after: "down", atLeast: 0.96 })), few)
      yield* broken(guarded(Claim.recoversWithin(0, { after: "down", atLeast: 0.97 })), few, 120_000)
      yield* holds(
        guarded(Claim.recoversWithin("7 seconds", { after: "down", until: "late" }), "10 seconds"),
        "530 of 530 calls did (100%); the last that did not came after 6.6 s"
      )
    }))

  it.effect("calls are fast counts all of them, to the millisecond", () =>
    Effect.gen(function*() {
      const all = "0 of 3,000 calls took longer, the longest 2.0 s"
      yield* holds(guarded(Claim.latencyWithin("max", "2 seconds")), all)
      const most = "89 of 3,000 calls took longer, the longest 2.0 s"
      yield* broken(guarded(Claim.latencyWithin("max", "1999 millis")), most, 62_000)
      const some = "600 of 3,000 calls took longer, the longest 15.0 s"
      yield* holds(bare(Claim.latencyWithin("p50", "800 millis")), some)
      yield* broken(bare(Claim.latencyWithin("p90", "800 millis")), some, 81_600)
    }))

  it.effect("is one's own is judged by the figures of its phase", () =>
    Effect.gen(function*() {
      const own = (during?: string) =>
        Claim.make({
          name: "many come",
          during,
          judge: ({ calls, name }) =>
            calls > 1000 ? Claim.holds(`${name}: ${calls}`) : Claim.broken(`${name}: ${calls}`)
        })
      assert.deepStrictEqual((yield* seen(bare(own()))).verdict, Claim.holds("the whole run: 3000"))
      assert.deepStrictEqual((yield* seen(bare(own("down")))).verdict, Claim.broken("down: 600"))
      const failed = yield* Effect.flip(Scenario.run(bare(own("down"))))
      assert.instanceOf(failed, Scenario.ClaimFailed)
      assert.match(failed.message, /✗ many come: down: 600\n\nphase/)
    }))
})

describe("a claim", () => {
  it.effect("tells when it was broken for good, and the calls around", () =>
    Effect.gen(function*() {
      const { evidence } = yield* seen(stormy(Claim.noCustomerError))
      assert.isDefined(evidence)
      assert.strictEqual(evidence.at, 68_007)
      assert.strictEqual(evidence.culprit, 600)
      assert.deepStrictEqual(evidence.calls.map(({ index }) => index), [597, 598, 599, 600, 601, 602, 603])
      assert.deepInclude(evidence.calls[3], { at: 60_000, ended: 68_007, outcome: "DeadlineExceeded", reached: 4 })
    }))

  it.effect("that was kept again in between tells when it was broken at last", () =>
    Effect.gen(function*() {
      const { evidence } = yield* seen(
        eachCall(14, Claim.answered(0.5), (index, provider) => (index < 2 || index > 7 ? busy : well)(provider))
      )
      assert.deepInclude(evidence, { at: 12_000, culprit: 12 })
      assert.deepStrictEqual(evidence?.calls.map(({ index }) => index), [9, 10, 11, 12, 13])
    }))

  it.effect("on calls to the provider that was kept again in between tells when it was broken at last", () =>
    Effect.gen(function*() {
      const scenario = eachCall(
        10,
        Claim.providerGetsAtMost(0.5),
        (index, provider) => index === 1 ? Effect.succeed("provider") : provider
      )
      const { evidence, verdict } = yield* seen(scenario)
      assert.deepStrictEqual(verdict, Claim.broken("it got 9 calls for 10 of customers (90%)"))
      assert.deepInclude(evidence, { at: 2000, culprit: 2 })
    }))

  it.effect("that holds by a last call that never reaches the provider has no evidence", () =>
    holds(
      eachCall(
        2,
        Claim.providerGetsAtMost(0.5),
        (index, provider) => index === 0 ? provider : Effect.succeed("provider")
      ),
      "it got 1 call for 2 of customers (50%)"
    ))

  it.effect("that all is well again looks no further than where the next phase begins", () =>
    Effect.gen(function*() {
      const troubled = (index: number, provider: Effect.Effect<string>) =>
        (index === 2 || index > 6 ? busy : well)(provider)
      const recovers = { after: "troubled", until: "next", atLeastCalls: 1 }
      yield* holds(
        eachCall(10, Claim.recoversWithin("2 seconds", recovers), troubled),
        "3 of 3 calls did (100%); the last that did not came after 0 ms"
      )
      yield* unjudged(
        eachCall(10, Claim.recoversWithin("5 seconds", recovers), troubled),
        "no call was made later than 5s after \"troubled\" had ended and before \"next\""
      )
    }))

  it.effect("that all is well again tells the last that came and was not, in whatever order they end", () =>
    holds(
      eachCall(
        10,
        Claim.recoversWithin("4 seconds", { after: "troubled", until: "next", atLeastCalls: 1 }),
        (index, provider) =>
          index === 3 ? Effect.delay(busy(provider), "20 seconds") : index === 5 ? busy(provider) : well(provider)
      ),
      "1 of 1 call did (100%); the last that did not came after 3.0 s"
    ))

  it.effect("is told with as many digits as it takes not to be all or nothing", () =>
    Effect.gen(function*() {
      const none = Claim.share("first-class", { atLeast: 0 })
      const but = (index: number, provider: Effect.Effect<string>) => (index === 7 ? busy : well)(provider)
      const only = (index: number, provider: Effect.Effect<string>) => (index === 7 ? well : busy)(provider)
      const seenOf = (scenario: Scenario.Scenario<never, never>) =>
        Effect.map(seen(scenario), ({ verdict }) => "seen" in verdict && verdict.seen)
      assert.strictEqual(
        yield* seenOf(eachCall(3000, none, but)),
        "2,999 of 3,000 calls did (99.967%), the others: failure 1"
      )
      assert.strictEqual(
        yield* seenOf(eachCall(3000, none, only)),
        "1 of 3,000 calls did (0.033%), the others: failure 2,999"
      )
      assert.strictEqual(
        yield* seenOf(eachCall(3, none, (index, provider) => (index === 0 ? well : busy)(provider))),
        "1 of 3 calls did (33.3%), the others: failure 2"
      )
      const names = [0, 1e-6, 0.0125, 0.5, 0.999999, 1 - 1 / 3e7, 1].map((share) => Claim.answered(share).name)
      assert.deepStrictEqual(
        names.map((name) => name.split(" ")[2]),
        ["0%", "0.0001%", "1.25%", "50%", "99.9999%", "99.999997%", "100%"]
      )
    }))

  it.effect("tells the call that reached the provider when it has ended, however late", () =>
    Effect.gen(function*() {
      const { evidence } = yield* seen(bare(Claim.providerGetsAtMost(0.5, { during: "down" })))
      assert.isDefined(evidence)
      assert.strictEqual(evidence.at, 60_000)
      assert.deepInclude(evidence.calls.at(-1), { index: evidence.culprit!, at: 60_000, ended: 75_000 })
    }))

  it.effect("that was broken for a while, and holds in the end, holds", () =>
    Effect.gen(function*() {
      const up = Claim.share("first-class", { atLeast: 0.5 })
      const scenario = Scenario.make({
        ...night,
        provider: [{ name: "down", for: "1 minute", rules: [{ inject: Chaos.fault("503") }] }, { name: "up" }],
        policy: (provider) => Effect.succeed(provider),
        claims: [up]
      })
      yield* holds(scenario, "2,400 of 3,000 calls did (80%), the others: failure 600")
    }))

  it.effect("on a phase of a provider counts that provider's calls, and one on the load those of all", () =>
    Effect.gen(function*() {
      const claims = [
        Claim.providerGetsAtMost(0, { during: "gpt is gone" }),
        Claim.providerGetsAtMost(0, { during: "claude is up" }),
        Claim.providerGetsAtMost(0),
        Claim.providerGetsAtMost(0, { provider: "claude" }),
        Claim.providerGetsAtMost(0, { during: "evening", provider: "gpt" })
      ]
      const scenario = Scenario.make({
        name: "two models",
        load: [{ name: "evening", arrivals: Load.constant({ rate: 10, for: "1 minute" }) }],
        providers: {
          gpt: [{ name: "gpt is up", for: "45 seconds" }, {
            name: "gpt is gone",
            rules: [{ inject: Chaos.fault("503") }]
          }],
          claude: [{ name: "claude is up" }]
        },
        policy: ({ claude, gpt }) => Effect.succeed(Effect.catch(gpt, () => claude)),
        claims
      })
      const told = (yield* Scenario.report(scenario)).claims.map(({ verdict }) => "seen" in verdict && verdict.seen)
      assert.deepStrictEqual(told, [
        "it got 150 calls for 150 of customers (100%)",
        "it got 150 calls for 600 of customers (25%)",
        "it got 750 calls for 600 of customers (125%)",
        "it got 150 calls for 600 of customers (25%)",
        "it got 600 calls for 600 of customers (100%)"
      ])
    }))

  it.effect("that names what there is not, or what nobody saw, is not judged and not passed", () =>
    Effect.gen(function*() {
      const phases = "there are \"evening\", \"break\", \"late\", \"well\", \"down\" and \"back\""
      const own = Claim.make({ name: "it is silent", during: "break", judge: () => Claim.holds("never asked") })
      yield* unjudged(bare(Claim.answered(1, { during: "lunch" })), `there is no phase "lunch"; ${phases}`)
      yield* unjudged(bare(Claim.answered(1, { during: "break" })), "no call was made during \"break\"")
      yield* unjudged(bare(own), "no call was made during \"break\"")
      yield* unjudged(
        bare(Claim.providerGetsAtMost(1, { provider: "claude" })),
        "there is no provider \"claude\"; there is \"provider\""
      )
      yield* unjudged(bare(Claim.recoversWithin(0, { after: "lunch" })), `there is no phase "lunch"; ${phases}`)
      yield* unjudged(
        bare(Claim.recoversWithin(0, { after: "down", until: "lunch" })),
        `there is no phase "lunch"; ${phases}`
      )
      yield* unjudged(
        bare(Claim.recoversWithin(0, { after: "back" })),
        "\"back\" lasts until the end, as the last phase of a provider does"
      )
      yield* unjudged(
        bare(Claim.recoversWithin("1 hour", { after: "down" })),
        "no call was made later than 1h after \"down\" had ended"
      )
      yield* unjudged(
        bare(Claim.make({ name: "it is cheap", judge: () => Claim.unjudged("there are no prices") })),
        "there are no prices"
      )
    }))

  it.effect("on a night without a call is not judged", () =>
    Effect.gen(function*() {
      const load = [{ name: "silence", arrivals: Load.constant({ rate: 0, for: "1 minute" }) }]
      yield* unjudged({ ...bare(Claim.noCustomerError), load }, "no call was made at all")
    }))

  it("that is out of range is refused where it is made", () => {
    const mistakes: ReadonlyArray<readonly [make: () => Claim.Claim, message: string]> = [
      [() => Claim.answered(1.1), "Claim.answered: atLeast must be from 0 to 1, got 1.1"],
      [() => Claim.share("stale", { atMost: -1 }), "Claim.share: atMost must be from 0 to 1, got -1"],
      [() => Claim.share("stale", { atLeast: NaN }), "Claim.share: atLeast must be from 0 to 1, got NaN"],
      [
        () => Claim.providerGetsAtMost(-1),
        "Claim.providerGetsAtMost: atMost must be a number of zero or more, got -1"
      ],
      [
        () => Claim.recoversWithin(-1, { after: "down" }),
        "Claim.recoversWithin: duration must be a duration of zero or more, got -1"
      ],
      [
        () => Claim.recoversWithin(1, { after: "down", atLeast: 2 }),
        "Claim.recoversWithin: atLeast must be from 0 to 1, got 2"
      ],
      [
        () => Claim.latencyWithin("p99", -1),
        "Claim.latencyWithin: limit must be a finite duration of zero or more, got -1"
      ],
      [
        () => Claim.latencyWithin("p99", "Infinity"),
        "Claim.latencyWithin: limit must be a finite duration of zero or more, got \"Infinity\""
      ],
      [
        () => Claim.latencyWithin("p75" as "p99", 1),
        "Claim.latencyWithin: percentile must be one of p50, p90, p95, p99, p999, max, got \"p75\""
      ],
      [
        () => Claim.make({ name: "", judge: () => Claim.holds("") }),
        "Claim.make: name must be a text that is not empty, got \"\""
      ]
    ]
    for (const [make, message] of mistakes) assert.throws(make, RangeError, message)
  })
})
