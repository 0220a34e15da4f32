import { Bulkhead, Cascade, CircuitBreaker, Deadline, Retry, StaleCache } from "@switchgear/core"
import { Chaos, Claim, Latency, Load, Scenario } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Data, Deferred, Effect, Exit, Fiber, Random, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { queryObjects } from "node:v8"
import { expectTypeOf, vi } from "vitest"

class Overloaded extends Data.TaggedError("Overloaded") {}

const calm: Scenario.LoadPhase = {
  name: "all the time",
  arrivals: Load.constant({ rate: 1, for: "10 seconds" })
}

const steady = {
  name: "short",
  load: [calm],
  claims: [Claim.noCustomerError]
}

/** One call a second for ten seconds, and a provider that is down from the third to the sixth. */
const short = {
  ...steady,
  provider: [
    { name: "up", for: "3 seconds", latency: "100 millis" },
    { name: "down", for: "3 seconds", rules: [{ inject: Chaos.fault(new Overloaded()) }] },
    { name: "back", latency: "100 millis" }
  ]
} as const

const bare = Scenario.make({ ...short, policy: (provider) => Effect.succeed(provider) })

/** Calm, fifteen times the traffic, a provider that slows from 800 ms to 15 s, fails, and comes back slowly. */
const incident = {
  name: "the night of the incident",
  load: [
    { name: "calm", arrivals: Load.poisson({ rate: 2, for: "2 minutes" }) },
    { name: "sale", arrivals: Load.poisson({ rate: 30, for: "6 minutes" }) }
  ],
  providers: {
    gpt: [
      {
        name: "gpt is well",
        for: "3 minutes",
        latency: Latency.logNormal({ median: "800 millis", p95: "1500 millis" })
      },
      { name: "gpt is slow", for: "1 minute", latency: "15 seconds" },
      { name: "gpt is down", for: "1 minute", rules: [{ inject: Chaos.fault(new Overloaded()) }] },
      { name: "gpt recovers", for: "1 minute", latency: "3 seconds", rules: [{ inject: Chaos.hang, rate: 0.1 }] },
      { name: "gpt is back", latency: "900 millis" }
    ],
    claude: [{ name: "claude is well", latency: Latency.uniform("1 second", "2 seconds") }]
  }
} as const

describe("Scenario", () => {
  it.effect("of the incident is survived by a cascade of guarded models", () =>
    Effect.gen(function*() {
      const night = Scenario.make({
        ...incident,
        policy: ({ claude, gpt }) =>
          Effect.gen(function*() {
            const breaker = yield* CircuitBreaker.make({
              name: "gpt",
              slowCallDuration: "2 seconds",
              openFor: "10 seconds"
            })
            const bulkhead = yield* Bulkhead.make({ name: "claude", concurrency: 60, queue: 20, maxWait: "1 second" })
            const retry = Retry.retry({ maxAttempts: 2, baseDelay: "100 millis" })
            return Cascade.first("gpt", gpt.pipe(Deadline.attempt("4 seconds"), breaker.protect, retry)).pipe(
              Cascade.orElse("claude", claude.pipe(Deadline.attempt("4 seconds"), bulkhead.protect)),
              Cascade.orConstant("canned", "Please try again in a minute."),
              Cascade.run
            )
          }),
        claims: [
          Claim.noCustomerError,
          Claim.providerGetsAtMost(1 / 5, { during: "gpt is slow" }),
          Claim.providerGetsAtMost(1 / 10, { during: "gpt is down" }),
          Claim.recoversWithin("1 minute", { after: "gpt recovers" }),
          Claim.share("first-class", { atLeast: 0.99, during: "gpt is well" }),
          Claim.share("canned", { atMost: 0.01 }),
          Claim.latencyWithin("p99", "6 seconds")
        ]
      })
      const { all, claims, phases } = yield* Scenario.run(night)
      assert.deepStrictEqual(claims.map(({ verdict }) => verdict._tag), Array(7).fill("Holds"))
      assert.isAbove(all.calls, 10_000)
      assert.isAbove(all.outcomes.fallback!, 1000)
      assert.deepStrictEqual(
        phases.map(({ from, name, provider, to }) => [name, provider, from, to]).slice(0, 4),
        [
          ["calm", undefined, 0, 120_000],
          ["sale", undefined, 120_000, 480_000],
          ["gpt is well", "gpt", 0, 180_000],
          ["gpt is slow", "gpt", 180_000, 240_000]
        ]
      )
    }))

  it.effect("tells what was claimed and seen, since when, the calls around, the figures, and how to see it again", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Scenario.run(bare))
      assert.instanceOf(failed, Scenario.ClaimFailed)
      assert.strictEqual(
        failed.message,
        `Scenario "short", seed "1": 1 of 1 claim failed

✗ no customer gets an error: 3 of 10 calls were not answered: Overloaded 3
  since 00:03.000, in "all the time" and "down"
     call    came at    took  to provider  ended as
       #0  00:00.000  100 ms            1  first-class
       #1  00:01.000  100 ms            1  first-class
       #2  00:02.000  100 ms            1  first-class
  →    #3  00:03.000    0 ms            1  Overloaded
       #4  00:04.000    0 ms            1  Overloaded
       #5  00:05.000    0 ms            1  Overloaded
       #6  00:06.000  100 ms            1  first-class

phase          of             from         to  calls     p50     p99  to provider  outcomes
all the time   load      00:00.000  00:10.000     10  100 ms  100 ms           10  first-class 7, Overloaded 3
up             provider  00:00.000  00:03.000      3  100 ms  100 ms            3  first-class 3
down           provider  00:03.000  00:06.000      3    0 ms    0 ms            3  Overloaded 3
back           provider  00:06.000  00:10.000      4  100 ms  100 ms            4  first-class 4
the whole run  load      00:00.000  00:10.000     10  100 ms  100 ms           10  first-class 7, Overloaded 3

To see it again: Scenario.run(scenario, { seed: "1" })`
      )
      assert.deepStrictEqual(failed.claims, [{
        claim: "no customer gets an error",
        seen: "3 of 10 calls were not answered: Overloaded 3"
      }])
    }))

  it.effect("tells every claim that failed, and those that could not be judged, but not those that hold", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Scenario.run({
        ...bare,
        claims: [
          Claim.noCustomerError,
          Claim.answered(0.5),
          Claim.providerGetsAtMost(0.5, { during: "down" }),
          Claim.answered(1, { during: "lunch" })
        ]
      }))
      assert.match(failed.message, /2 of 4 claims failed/)
      assert.match(failed.message, /✗ no customer gets an error/)
      assert.match(failed.message, /✗ the provider gets at most 50% of the calls during "down"/)
      assert.match(
        failed.message,
        /\? at least 100% of the calls are answered during "lunch": there is no phase "lunch"/
      )
      assert.notMatch(failed.message, /at least 50%/)
    }))

  it.effect("renders its phases and the verdict on each claim", () =>
    Effect.gen(function*() {
      const report = yield* Scenario.report({ ...bare, claims: [Claim.answered(0.7), Claim.latencyWithin("max", 50)] })
      const lines = Scenario.render(report).split("\n")
      assert.strictEqual(lines[0], "Scenario \"short\", seed \"1\": 10 calls in 10.0 s")
      assert.deepStrictEqual(lines.slice(-2), [
        "✓ at least 70% of the calls are answered: 3 of 10 calls were not answered: Overloaded 3",
        "✗ the max latency is at most 50ms: 7 of 10 calls took longer, the longest 100 ms"
      ])
    }))

  it.effect("is the same night for the same seed, also when others are played at once, and another for another", () =>
    Effect.gen(function*() {
      const night = Scenario.make({
        ...short,
        load: [{ name: "by chance", arrivals: Load.poisson({ rate: 20, for: "10 seconds" }) }],
        policy: (provider) => Effect.succeed(provider.pipe(Retry.retry({ maxAttempts: 3, baseDelay: "100 millis" })))
      })
      const [one, again, other] = yield* Effect.all([
        Scenario.report(night, { seed: "monday" }),
        Scenario.report(night, { seed: "monday" }),
        Scenario.report(night, { seed: "tuesday" })
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(one, again)
      assert.deepStrictEqual(one, yield* Scenario.report({ ...night, seed: "monday" }))
      assert.notDeepEqual(one.load.series, other.load.series)
    }))

  it.effect("tells no more of many calls than of few", () =>
    Effect.gen(function*() {
      const sizeAt = (rate: number) =>
        Scenario.report({ ...bare, load: [{ name: "load", arrivals: Load.constant({ rate, for: "10 seconds" }) }] })
          .pipe(
            Effect.map((report) => JSON.stringify(report).length)
          )
      assert.isBelow(yield* sizeAt(1000), 1.2 * (yield* sizeAt(10)))
    }))

  it.effect("holds none of the calls that have ended but the last, while it goes on", () =>
    Effect.gen(function*() {
      const { Visit } = yield* Effect.promise(() =>
        vi.importActual<{ readonly Visit: new() => object }>("../../src/testing/scenario/visit.ts")
      )
      let held = 0
      yield* Scenario.report(Scenario.make({
        ...steady,
        load: [{ name: "load", arrivals: Load.constant({ rate: 100, for: "10 seconds" }) }],
        provider: short.provider,
        policy: (provider) =>
          Effect.succeed(({ index }: Load.Arrival) =>
            Effect.tap(provider, () =>
              index === 999
                ? Effect.sync(() => void (held = queryObjects(Visit, { format: "count" })))
                : Effect.void)
          )
      }))
      assert.isAbove(held, 0)
      assert.isBelow(held, 50)
    }))

  it.effect("without promises says so where the policy waits for what can never come", () =>
    Effect.gen(function*() {
      const policy = () => Effect.as(Effect.uninterruptible(Effect.never), Effect.void)
      const exit = yield* Effect.exit(Scenario.report({ ...bare, promises: "none", policy }))
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "the effect can never end")
      assert.deepStrictEqual(yield* Scenario.report({ ...bare, promises: "none" }), yield* Scenario.report(bare))
    }))

  it.effect("of weeks has a series in longer steps", () =>
    Effect.gen(function*() {
      const arrivals = Load.constant({ rate: 1 / 86_400, for: "1000 days" })
      const { load } = yield* Scenario.report({ ...bare, load: [{ name: "weeks", arrivals }] })
      assert.deepStrictEqual([load.calls, load.interval, load.series.length], [1000, 864_000, 100_000])
    }))

  it.effect("has phases as long as their arrivals take", () =>
    Effect.gen(function*() {
      const trace = yield* Load.trace("2026-11-11T00:00:00Z,2\n2026-11-11T00:00:01Z,3\n2026-11-11T00:00:04Z,6\n")
      const second = Load.constant({ rate: 1, for: "1 second" })
      const arrivals = [
        trace,
        Load.sequence([second, Load.ramp({ from: 1, to: 2, for: "2 seconds" })]),
        Load.burst({ of: second, times: 2, for: "5 seconds" })
      ]
      const load = arrivals.map((arrivals, index) => ({ name: `load ${index}`, arrivals }))
      const provider = [{ name: "up" }]
      const report = yield* Scenario.report(
        Scenario.make({ ...steady, load, provider, policy: (provider) => Effect.succeed(provider) })
      )
      assert.deepStrictEqual(report.phases.slice(0, 3).map(({ to }) => to), [7000, 10_000, 11_000])
      assert.strictEqual(report.load.millis, 11_000)
    }))

  it.effect("counts the calls of a trace whose last rows have one time", () =>
    Effect.gen(function*() {
      const arrivals = yield* Load.trace("0\n1000\n1000\n")
      const { phases } = yield* Scenario.report({ ...bare, load: [{ name: "log", arrivals }] })
      assert.deepInclude(phases[0], { name: "log", calls: 3, to: 2000 })
    }))

  it.effect.prop(
    "counts every call once in each timeline, whatever the night",
    {
      seed: Schema.Int,
      rates: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))).check(Schema.isMinLength(1)),
      faults: Schema.Array(Schema.Literals([0, 0.5, 1])).check(Schema.isMinLength(1)),
      attempts: Schema.Literals([1, 3])
    },
    ({ attempts, faults, rates, seed }) =>
      Effect.gen(function*() {
        const { all, load, phases } = yield* Scenario.report(Scenario.make({
          name: "any night",
          seed,
          load: rates.map((rate, index) => ({
            name: `load ${index}`,
            arrivals: Load.poisson({ rate, for: "3 seconds" })
          })),
          provider: faults.map((rate, index) => ({
            name: `provider ${index}`,
            for: "2 seconds",
            latency: Latency.uniform(0, "5 seconds"),
            rules: [{ inject: Chaos.fault(new Overloaded()), rate }]
          })),
          policy: (provider) => Effect.succeed(provider.pipe(Retry.retry({ maxAttempts: attempts }))),
          claims: []
        }))
        const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
        const callsOf = (provider: string | undefined) =>
          sum(phases.filter((phase) => phase.provider === provider).map(({ calls }) => calls))
        assert.deepStrictEqual([callsOf(undefined), callsOf("provider"), all.calls], Array(3).fill(load.calls))
        assert.deepStrictEqual(all.outcomes["first-class"] ?? 0, all.answered)
        for (const { calls, latency, outcomes } of [all, ...phases]) {
          assert.deepStrictEqual([sum(Object.values(outcomes)), latency.count], [calls, calls])
        }
        const reachedOf = phases.filter(({ provider }) => provider !== undefined).map(({ reached }) =>
          reached.provider!
        )
        assert.strictEqual(sum(reachedOf), all.reached.provider)
        assert.isTrue(all.reached.provider! >= all.calls && all.reached.provider! <= attempts * all.calls)
      })
  )

  it.effect("passes in a time of its own", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      yield* Scenario.report(bare)
      assert.strictEqual(yield* Clock.currentTimeMillis, 3_600_000)
    }))
})

describe("a policy", () => {
  it.effect("is made anew for each run, in a scope that ends with it", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const tell = (what: string) => Effect.sync(() => void told.push(what))
      const scenario = Scenario.make({
        ...short,
        policy: (provider) => Effect.as(Effect.acquireRelease(tell("made"), () => tell("released")), provider)
      })
      yield* Scenario.report(scenario)
      yield* Scenario.report(scenario)
      assert.deepStrictEqual(told, ["made", "released", "made", "released"])
    }))

  it.effect("is released when the run is interrupted, after all calls", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const tell = (what: string) => Effect.sync(() => void told.push(what))
      const underWay = yield* Deferred.make<void>()
      const endless = Scenario.make({
        ...short,
        load: [{ name: "endless", arrivals: Load.constant({ rate: 1, for: "3650 days" }) }],
        policy: () =>
          Effect.as(
            Effect.addFinalizer(() => tell("released")),
            Effect.andThen(Deferred.succeed(underWay, undefined), Effect.never).pipe(
              Effect.onInterrupt(() => tell("interrupted"))
            )
          )
      })
      const fiber = yield* Effect.forkChild(Scenario.report(endless))
      yield* Deferred.await(underWay)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([...new Set(told)], ["interrupted", "released"])
    }))

  it.effect("that cannot be made fails the run as it fails, or dies", () =>
    Effect.gen(function*() {
      const failing = Scenario.make({ ...short, policy: () => Effect.fail(new Overloaded()) })
      assert.deepStrictEqual<unknown>(yield* Effect.exit(Scenario.run(failing)), Exit.fail(new Overloaded()))
      const dying = Scenario.make({ ...short, policy: () => Effect.die("no key") })
      assert.deepStrictEqual<unknown>(yield* Effect.exit(Scenario.run(dying)), Exit.die("no key"))
    }))

  it.effect("whose calls die, are interrupted, hang or throw has customers with errors", () =>
    Effect.gen(function*() {
      const odd = Scenario.make({
        ...short,
        patience: "2 seconds",
        policy: (provider) =>
          Effect.succeed(({ index }: Load.Arrival): Effect.Effect<string> => {
            if (index === 0) throw new Error("a bug")
            return Effect.andThen(
              Effect.exit(provider),
              [Effect.die("a bug"), Effect.interrupt, Effect.never][index % 3]!
            )
          })
      })
      const { all } = yield* Scenario.report(odd)
      assert.deepStrictEqual(all.outcomes, { defect: 4, interrupted: 3, GaveUp: 3 })
      assert.strictEqual(all.answered, 0)
      assert.strictEqual(all.latency.max, 2000)
      assert.match((yield* Effect.flip(Scenario.run(odd))).message, /10 of 10 calls were not answered/)
    }))

  it.effect("may do something else for each customer, and takes its services from where it is run", () =>
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("Greeting") {}
      const scenario = Scenario.make({
        ...short,
        policy: (provider) =>
          Effect.map(
            Greeting,
            (greeting) => ({ index }: Load.Arrival) =>
              index % 2 === 0 ? Effect.orElseSucceed(provider, () => greeting) : Effect.succeed(greeting)
          ),
        label: (answer) => answer
      })
      expectTypeOf(Scenario.report(scenario)).toEqualTypeOf<
        Effect.Effect<Scenario.Report, Scenario.InvalidScenario | Scenario.NotDeterministic, Greeting>
      >()
      const { all } = yield* Effect.provideService(Scenario.report(scenario), Greeting, "hello")
      assert.deepStrictEqual(all.outcomes, { provider: 4, hello: 6 })
    }))

  it.effect("whose answers are Served is judged by their degradation, others by whose answer they are", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ name: "answers" })
      yield* cache.set("q", "yesterday's")
      const served = Scenario.make({
        ...short,
        policy: (provider) =>
          Effect.succeed(Cascade.run(Cascade.first("p", provider).pipe(Cascade.orLastGood("c", cache.lastGood("q")))))
      })
      assert.deepStrictEqual((yield* Scenario.report(served)).all.outcomes, { "first-class": 7, stale: 3 })
      const polite = Scenario.make({
        ...short,
        policy: (provider) => Effect.succeed(Effect.orElseSucceed(provider, () => "sorry"))
      })
      assert.deepStrictEqual((yield* Scenario.report(polite)).all.outcomes, { "first-class": 7, degraded: 3 })
      const two = Scenario.make({
        ...steady,
        providers: {
          gpt: [{ name: "gpt is down", rules: [{ inject: Chaos.fault("503") }] }],
          claude: [{ name: "up" }]
        },
        policy: ({ claude, gpt }) => Effect.succeed(Effect.catch(gpt, () => claude))
      })
      assert.deepStrictEqual((yield* Scenario.report(two)).all.outcomes, { fallback: 10 })
    }))

  it.effect("draws its chance from the seed", () =>
    Effect.gen(function*() {
      const drawn: Array<number> = []
      const scenario = Scenario.make({
        ...short,
        policy: (provider) => Effect.as(Effect.map(Random.next, (number) => drawn.push(number)), provider)
      })
      for (const seed of [1, 1, 2]) yield* Scenario.report(scenario, { seed })
      assert.strictEqual(drawn[0], drawn[1])
      assert.notStrictEqual(drawn[0], drawn[2])
    }))
})

describe("a provider", () => {
  it.effect("fails and answers as its rules say, also in its type", () =>
    Effect.gen(function*() {
      const scenario = Scenario.make({
        ...short,
        provider: [
          { name: "odd", for: "5 seconds", rules: [{ inject: Chaos.outcome(42) }] },
          { name: "down", rules: [{ inject: Chaos.fault(new Overloaded()) }] }
        ],
        policy: (provider) => {
          expectTypeOf(provider).toExtend<Effect.Effect<string | number, Overloaded>>()
          return Effect.succeed(provider)
        }
      })
      assert.deepStrictEqual((yield* Scenario.report(scenario)).all.outcomes, { degraded: 5, Overloaded: 5 })
    }))

  it.effect("lasts in its last phase until the end, however long that was to be", () =>
    Effect.gen(function*() {
      const provider = [{ name: "up", for: "1 second" }, { name: "down", for: "2 seconds" }] as const
      const { phases } = yield* Scenario.report(
        Scenario.make({ ...short, provider, policy: (provider) => Effect.succeed(provider) })
      )
      assert.deepStrictEqual(phases.map(({ calls, to }) => [calls, to]), [[10, 10_000], [1, 1000], [9, 10_000]])
    }))

  it.effect("in a phase after the last customer has come is asked nothing", () =>
    Effect.gen(function*() {
      const provider = [{ name: "up", for: "1 hour" }, { name: "down", rules: [{ inject: Chaos.hang }] }] as const
      const { phases } = yield* Scenario.report(
        Scenario.make({ ...steady, provider, policy: (provider) => Effect.succeed(provider) })
      )
      assert.deepInclude(phases[2], { name: "down", from: 3_600_000, to: 3_600_000, calls: 0, outcomes: {} })
    }))

  it.effect("can stand around the app's own call", () =>
    Effect.gen(function*() {
      const own = Effect.as(Effect.sleep("1 second"), "provider")
      const scenario = Scenario.make({ ...short, policy: ({ inject }) => Effect.succeed(inject(own)) })
      const { all } = yield* Scenario.report(scenario)
      assert.deepStrictEqual(all.outcomes, { "first-class": 7, Overloaded: 3 })
      assert.deepStrictEqual(all.reached, { provider: 10 })
      assert.strictEqual(all.latency.max, 1100)
    }))

  it.effect("can stand around an HTTP client", () =>
    Effect.gen(function*() {
      const network = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response("hello")))
      )
      const scenario = Scenario.make({
        ...short,
        provider: [
          { name: "up", for: "3 seconds" },
          { name: "refuses", for: "3 seconds", rules: [{ inject: Chaos.respond(503) }] },
          { name: "gone", rules: [{ inject: Chaos.disconnect() }] }
        ],
        policy: (provider) =>
          Effect.succeed(Chaos.httpClient(provider)(network).execute(HttpClientRequest.get("http://model.test"))),
        label: ({ status }) => String(status)
      })
      assert.deepStrictEqual((yield* Scenario.report(scenario)).all.outcomes, { 200: 3, 503: 3, HttpClientError: 4 })
    }))

  it.effect("counts what it met, and what was asked of it before anybody came is nobody's call", () =>
    Effect.gen(function*() {
      const met: Array<Chaos.Counts> = []
      const scenario = Scenario.make({
        ...short,
        policy: (provider) =>
          Effect.gen(function*() {
            yield* Effect.orDie(provider)
            yield* Effect.addFinalizer(() => Effect.map(provider.counts, (counts) => met.push(counts)))
            return provider
          })
      })
      assert.deepStrictEqual((yield* Scenario.report(scenario)).all.reached, { provider: 10 })
      assert.deepStrictEqual(met, [
        { calls: 11, passed: 8, latency: 8, fault: 3, outcome: 0, defect: 0, hang: 0, after: 0 }
      ])
    }))
})

describe("an invalid scenario", () => {
  const invalid: ReadonlyArray<readonly [change: Partial<typeof bare>, at: string, reason: string]> = [
    [{ name: "" }, "name", "must be a text that is not empty, got \"\""],
    [{ load: [] }, "load", "must be a list with something in it, got []"],
    [{ claims: [] }, "claims", "must have at least one: without it, any night would pass"],
    [{ patience: 0 }, "patience", "must be a finite duration above zero, got 0"],
    [{ load: [{ ...calm, name: "" }] }, "load[0].name", "must be a text that is not empty, got \"\""],
    [
      { load: [calm, { name: "sale", arrivals: Load.poisson({ rate: 1, for: 0 }) }] },
      "load[1].arrivals.for",
      "must be a finite duration above zero, got 0"
    ],
    [
      { load: [{ name: "sale", arrivals: Load.burst({ of: calm.arrivals, times: -1, for: "1 second" }) }] },
      "load[0].arrivals.times",
      "must be a number above zero, got -1"
    ],
    [
      { load: [{ name: "sale", arrivals: { _tag: "Trace", at: [7, 7], calls: [1, 2] } }] },
      "load[0].arrivals",
      "must take some time, but all come at once"
    ],
    [{ load: [calm, calm] }, "load[1].name", "must be a name of its own, \"all the time\" is load[0]"],
    [{ providers: {} }, "providers", "must be at least one by name, got {}"],
    [{ providers: { provider: [] } }, "provider", "must be a list with something in it, got []"],
    [
      { providers: { provider: [{ name: "a" }, { name: "b" }] } },
      "provider[0].for",
      "must be given for every phase but the last"
    ],
    [
      { providers: { provider: [{ name: "a", for: "1 second" }, { name: "b", for: 0 }] } },
      "provider[1].for",
      "must be a duration above zero, got 0"
    ],
    [
      { providers: { provider: [{ name: "all the time" }] } },
      "provider[0].name",
      "must be a name of its own, \"all the time\" is load[0]"
    ],
    [
      { providers: { provider: [{ name: "a", latency: Latency.uniform(-1, 2) }] } },
      "provider[0].latency.min",
      "must be a finite duration of zero or more, got -1"
    ],
    [
      { providers: { provider: [{ name: "a", latency: "-1 seconds" }] } },
      "provider[0].latency",
      "must be a finite duration of zero or more, got \"-1 seconds\""
    ],
    [
      { providers: { provider: [{ name: "a", latency: "Infinity" }] } },
      "provider[0].latency",
      "must be a finite duration of zero or more, got \"Infinity\""
    ],
    [
      { providers: { provider: [{ name: "a", rules: [{ inject: Chaos.hang }, { inject: Chaos.hang, rate: 2 }] }] } },
      "provider[0].rules[1].rate",
      "must be from 0 to 1, got 2"
    ],
    [
      { providers: { provider: [{ name: "a", rules: [{ inject: Chaos.latency(Latency.constant(-1)) }] }] } },
      "provider[0].rules[0].latency.duration",
      "must be a finite duration of zero or more, got -1"
    ]
  ]

  it.effect("is told by the place and the reason before the policy is made", () =>
    Effect.gen(function*() {
      for (const [change, at, reason] of invalid) {
        const scenario = change.name ?? "short"
        const error = yield* Effect.flip(Scenario.run({ ...bare, policy: () => Effect.die("made"), ...change }))
        assert.deepInclude(error, { _tag: "InvalidScenario", scenario, at, reason })
        assert.strictEqual(error.message, `The scenario "${scenario}" cannot be run: ${at} ${reason}.`)
      }
    }))

  it.effect("with several providers is told by the provider's name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Scenario.run(Scenario.make({
        ...steady,
        providers: { "gpt-4.1": [{ name: "a", for: "Infinity" }, { name: "b" }] },
        policy: (providers) => Effect.succeed(providers["gpt-4.1"])
      })))
      assert.match(
        error.message,
        /providers\["gpt-4.1"\]\[0\].for must be a finite duration above zero, got "Infinity"/
      )
    }))

  it.effect("is one that claims nothing, but it can be looked at", () =>
    Effect.gen(function*() {
      const report = yield* Scenario.report({ ...bare, claims: [] })
      assert.strictEqual(report.all.calls, 10)
      assert.strictEqual(Scenario.render(report).split("\n").length, 8)
    }))
})
