import { CircuitBreaker, Deadline, RateLimiter } from "@switchgear/core"
import { Chaos, Claim, Latency, Load, Scenario, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as NodeCrypto from "node:crypto"
import { randomUUID } from "node:crypto"
import { Clock, Effect, Random, Schema } from "effect"
import { vi } from "vitest"

const load = [{ name: "load", arrivals: Load.constant({ rate: 10, for: "10 seconds" }) }] as const
const provider = [{ name: "up", latency: "10 millis" }] as const
const claims = [Claim.answered(0)]

const reasonOf = <A, E, R>(run: Effect.Effect<A, E | Scenario.NotDeterministic, R>) =>
  Effect.map(Effect.flip(run), (error) => {
    assert.instanceOf(error, Scenario.NotDeterministic)
    return (error as Scenario.NotDeterministic).reason
  })

/** Does this for each customer, and then asks the provider. */
const doing = (what: (index: number) => Effect.Effect<unknown>) =>
  Scenario.make({
    name: "wild",
    load,
    provider,
    policy: (provider) => Effect.succeed(({ index }: Load.Arrival) => Effect.andThen(what(index), provider)),
    claims
  })

describe("Scenario.run twice", () => {
  it.effect("passes if both runs have the same steps", () =>
    Effect.gen(function*() {
      const scenario = Scenario.make({
        name: "tame",
        load: [{ name: "load", arrivals: Load.poisson({ rate: 20, for: "10 seconds" }) }],
        provider: [{
          name: "up",
          latency: Latency.logNormal({ median: "300 millis", p95: "2 seconds" }),
          rules: [{ inject: Chaos.fault("503"), rate: 0.3 }]
        }],
        policy: (provider) => Effect.succeed(provider.pipe(Deadline.attempt("1 second"), Effect.retry({ times: 2 }))),
        claims
      })
      const report = yield* Scenario.run(scenario, { twice: true })
      assert.deepStrictEqual(report, yield* Scenario.run(scenario))
    }))

  it.effect("names the first step that differs", () =>
    Effect.gen(function*() {
      let runs = 0
      const scenario = Scenario.make({
        name: "wild",
        load,
        provider,
        policy: (provider) =>
          Effect.sync(() => {
            const run = ++runs
            return ({ index }: Load.Arrival) =>
              index === 7 && run === 2 ? Effect.andThen(provider, Effect.fail("coin")) : provider
          }),
        claims
      })
      assert.match(
        yield* reasonOf(Scenario.run(scenario, { twice: true })),
        /^step 24 of two runs differs: call #7 ended as first-class at 710 ms, and then call #7 ended as failure at 710 ms\./
      )
    }))

  it.effect("names a difference in time, in the calls that reach the provider, and in the end", () =>
    Effect.gen(function*() {
      const changing = (policy: (run: number, provider: Effect.Effect<string>) => Effect.Effect<string>) => {
        let runs = 0
        return Scenario.make({
          name: "wild",
          load,
          provider,
          policy: (provider) => Effect.sync(() => policy(++runs, provider)),
          claims
        })
      }
      const later = changing((run, provider) => Effect.delay(provider, run))
      assert.match(yield* reasonOf(Scenario.report(later, { twice: true })), /step 2 .* at 1 ms, and then .* at 2 ms/)
      const oftener = changing((run, provider) => run === 2 ? Effect.andThen(provider, provider) : provider)
      assert.match(
        yield* reasonOf(Scenario.report(oftener, { twice: true })),
        /step 3 .*: call #0 ended as first-class at 10 ms, and then call #0 reached "provider" at 10 ms/
      )
      const detached = changing((run, provider) =>
        run === 1 ? Effect.tap(provider, Effect.forkDetach(Effect.delay(provider, 1))) : provider
      )
      assert.match(yield* reasonOf(Scenario.report(detached, { twice: true })), /reached "provider"/)
    }))

  it.effect("names a step that only one of the runs has at its end", () =>
    Effect.gen(function*() {
      const longer = (longerRun: number) => {
        let runs = 0
        return Scenario.make({
          name: "wild",
          load,
          provider,
          policy: (provider) =>
            Effect.sync(() => {
              const isLonger = ++runs === longerRun
              const late = Effect.forkDetach(Effect.delay(provider, "30 millis"))
              return ({ index }: Load.Arrival) => index === 99 && isLonger ? Effect.tap(provider, late) : provider
            }),
          claims
        })
      }
      const step = "call #99 reached \"provider\" at 9940 ms"
      assert.include(
        yield* reasonOf(Scenario.report(longer(1), { twice: true })),
        `step 301 of two runs differs: ${step}, and then the run was over.`
      )
      assert.include(
        yield* reasonOf(Scenario.report(longer(2), { twice: true })),
        `step 301 of two runs differs: the run was over, and then ${step}.`
      )
    }))

  it.effect("finds a coin that is not of the seed", () =>
    Effect.gen(function*() {
      const coin = doing(() =>
        Effect.sync(() => Math.random()).pipe(Effect.flatMap((wait) => Effect.sleep(1 + wait * 1000)))
      )
      assert.match(yield* reasonOf(Scenario.run(coin, { twice: true })), /two runs differ/)
      const seeded = doing(() => Effect.flatMap(Random.next, (wait) => Effect.sleep(1 + wait * 1000)))
      yield* Scenario.run(seeded, { twice: true })
    }))
})

describe("the option trap", () => {
  const all: ReadonlyArray<Scenario.Trap> = [
    "Math.random",
    "Date.now",
    "performance.now",
    "setTimeout",
    "crypto",
    "Clock"
  ]
  const caught = (what: () => unknown, trap = all) => reasonOf(Scenario.run(doing(() => Effect.sync(what)), { trap }))

  it.effect("says what was called and where", () =>
    Effect.gen(function*() {
      const place = /Scenario\.seed\.test\.ts:\d+:\d+/
      for (
        const [name, what] of [
          ["Math.random", () => Math.random()],
          ["Date.now", () => Date.now()],
          ["new Date()", () => new Date()],
          ["Date()", () => Date()],
          ["performance.now", () => performance.now()],
          ["process.hrtime", () => process.hrtime()],
          ["process.hrtime.bigint", () => process.hrtime.bigint()],
          ["process.uptime", () => process.uptime()],
          ["setTimeout", () => clearTimeout(setTimeout(() => {}))],
          ["setInterval", () => clearInterval(setInterval(() => {}, 1000))],
          ["crypto.randomUUID", () => crypto.randomUUID()],
          ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(1))],
          ["randomUUID", () => randomUUID()],
          ["randomBytes", () => NodeCrypto.randomBytes(1)]
        ] as const
      ) {
        const reason = yield* caught(what)
        assert.include(reason, `it called ${name} at `)
        assert.match(reason, place)
      }
    }))

  it.effect("finds a live clock, also of an inner runtime", () =>
    Effect.gen(function*() {
      assert.include(yield* caught(() => Effect.runSync(Clock.currentTimeMillis)), "it called Clock at ")
      const inner = doing((index) =>
        index === 3 ? Effect.promise(() => Effect.runPromise(Effect.sleep("1 millis"))) : Effect.void
      )
      assert.include(yield* reasonOf(Scenario.run(inner, { trap: ["Clock"] })), "Clock at ")
    }))

  it.effect("finds what a promise calls after it has waited", () =>
    Effect.gen(function*() {
      const later = doing(() =>
        Effect.promise(async () => {
          await Promise.resolve()
          await Promise.resolve()
          return Math.random()
        })
      )
      assert.match(yield* reasonOf(Scenario.run(later, { trap: ["Math.random"] })), /Math\.random at .*seed\.test\.ts/)
    }))

  it.effect("passes a run that takes nothing from outside, changes no result, and leaves the platform as it was", () =>
    Effect.gen(function*() {
      const { random } = Math
      const [date, uuid, { hrtime }, { bigint }] = [Date, randomUUID, process, process.hrtime]
      const tame = doing(() => Effect.andThen(Random.next, Effect.sleep("20 millis")))
      const report = yield* Scenario.run(tame, { trap: all })
      assert.deepStrictEqual(report, yield* Scenario.run(tame))
      yield* caught(() => Math.random())
      assert.strictEqual(Math.random, random)
      assert.strictEqual(Date, date)
      assert.strictEqual(new Date(0).constructor, date)
      assert.strictEqual(randomUUID, uuid)
      assert.strictEqual(process.hrtime, hrtime)
      assert.strictEqual(process.hrtime.bigint, bigint)
      yield* Scenario.run(doing(() => Effect.sync(() => Math.random())), { trap: ["Date.now"] })
    }))

  it.effect("sees no date that is given a time, and leaves dates what they are", () =>
    Effect.gen(function*() {
      const seen: Array<boolean> = []
      const dates = doing(() =>
        Effect.sync(() => {
          const date = new Date(2026, 0)
          class Day extends Date {}
          seen.push(
            date instanceof Date,
            date.constructor === Date,
            new Day(0) instanceof Day,
            new Date(0).getTime() === 0
          )
        })
      )
      yield* Scenario.run(dates, { trap: all })
      assert.isTrue(seen.length > 0 && seen.every((one) => one))
    }))

  it.effect("refuses a trap and an option that do not exist", () =>
    Effect.gen(function*() {
      const tame = doing(() => Effect.void)
      const died = (options: object) =>
        Effect.map(Effect.exit(Scenario.run(tame, options)), (exit) => String(exit._tag === "Failure" && exit.cause))
      assert.include(yield* died({ trap: ["Math.rnadom"] }), "trap[0] must be one of Math.random")
      assert.include(yield* died({ traps: all }), "there is no traps")
    }))

  it.effect("does not see what others do at the same time", () =>
    Effect.gen(function*() {
      const tame = doing(() => Effect.sleep("20 millis"))
      const wild = Effect.repeat(Effect.andThen(Effect.sync(() => Math.random() + Date.now()), Effect.yieldNow), {
        times: 500
      })
      yield* Effect.all([Scenario.run(tame, { trap: all }), wild], { concurrency: 2 })
    }))
})

describe("state from outside", () => {
  const failing = [{ name: "up", for: "5 seconds" }, { name: "down", rules: [{ inject: Chaos.fault("x") }] }] as const
  class Circuit
    extends CircuitBreaker.Service<Circuit>()("app/Circuit", { consecutiveFailures: 2, openFor: "30 seconds" })
  {}
  const shared = Scenario.make({
    name: "shared",
    load,
    provider: failing,
    policy: (provider) => Effect.succeed(provider.pipe(Circuit.protect)),
    claims
  })

  it.effect("is refused in the second run, and named", () =>
    Effect.gen(function*() {
      const reason = yield* Effect.gen(function*() {
        yield* Scenario.report(shared)
        return yield* reasonOf(Scenario.report(shared))
      }).pipe(Effect.provide(Circuit.layer))
      assert.match(
        reason,
        /^it used CircuitBreaker "app\/Circuit.*", made outside of the run, which a run before had used/
      )
    }))

  it.effect("is refused in the second of two runs that are compared", () =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(Scenario.report(shared, { twice: true })).pipe(Effect.provide(Circuit.layer))
      assert.match(reason, /which a run before had used/)
    }))

  it.effect("is refused also without a service, and of any guard", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({
        name: "outside",
        limits: [RateLimiter.requests(50, "1 minute")]
      })
      const scenario = Scenario.make({
        name: "limited",
        load,
        provider,
        policy: (provider) => Effect.succeed(limiter.protect(provider)),
        claims
      })
      yield* Scenario.report(scenario)
      assert.match(yield* reasonOf(Scenario.report(scenario)), /RateLimiter "outside/)
    }))

  it.effect("passes if it is made for each run, or not used", () =>
    Effect.gen(function*() {
      const one = Effect.provide(Scenario.report(shared), Circuit.layer)
      assert.deepStrictEqual(yield* one, yield* one)
      yield* CircuitBreaker.make({ name: "of no run" })
      yield* Scenario.report(doing(() => Effect.void))
      yield* Scenario.report(doing(() => Effect.void))
    }))

  it.effect("is not that of a chaos made outside, which begins anew in each run", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.script([
        { for: "1 minute", rules: [{ inject: Chaos.fault("down"), rate: 0.5 }] },
        { for: "1 minute", rules: [{ inject: Chaos.outcome("canned"), when: ({ index }) => index % 2 === 0 }] }
      ])
      yield* Effect.exit(Effect.void.pipe(chaos.inject))
      const told: Array<string> = []
      const run = Effect.gen(function*() {
        for (let second = 0; second < 150; second += 5) {
          told.push(yield* Effect.succeed("up").pipe(chaos.inject, Effect.catch(() => Effect.succeed("down"))))
          yield* Effect.sleep("5 seconds")
        }
      })
      yield* VirtualClock.play(run)
      const first = told.splice(0)
      yield* VirtualClock.play(run)
      assert.deepStrictEqual(told, first)
      assert.includeMembers(first.slice(0, 12), ["up", "down"])
      assert.deepStrictEqual(first.slice(12, 16), ["canned", "up", "canned", "up"])
      assert.deepStrictEqual(first.slice(24), Array(6).fill("up"))
      assert.strictEqual((yield* chaos.counts).calls, 61)
    }))

  it.effect("is not that of a chaos made outside, whose faults are of the seed of each run", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.fault("x"), rate: 0.2 }] })
      const scenario = Scenario.make({
        name: "outside",
        load,
        provider,
        policy: (provider) => Effect.succeed(provider.pipe(chaos.inject)),
        claims
      })
      const seriesOf = (seed: string) => Effect.map(Scenario.report(scenario, { seed }), ({ load }) => load.series)
      assert.deepStrictEqual(yield* seriesOf("1"), yield* seriesOf("1"))
      assert.notDeepEqual(yield* seriesOf("1"), yield* seriesOf("2"))
    }))
})

describe("all chance is of the seed", () => {
  const faults = (seed: string, options?: Chaos.Settings) => {
    const failed: Array<number> = []
    const scenario = Scenario.make({
      name: "chaos in the policy",
      load,
      provider,
      policy: (provider) =>
        Effect.map(
          Chaos.make({ rules: [{ inject: Chaos.fault("x"), rate: 0.2 }], ...options }),
          (chaos) => ({ index }: Load.Arrival) =>
            Effect.onError(provider.pipe(chaos.inject), () => Effect.sync(() => void failed.push(index)))
        ),
      claims: []
    })
    return Effect.as(Scenario.report(scenario, { seed }), failed)
  }

  it.effect("also that of a chaos made in the policy, with and without a seed of its own", () =>
    Effect.gen(function*() {
      for (const options of [{}, { seed: "own" }, { name: "own" }]) {
        const [one, again, other] = [
          yield* faults("1", options),
          yield* faults("1", options),
          yield* faults("2", options)
        ]
        assert.deepStrictEqual(one, again)
        assert.notDeepEqual(one, other)
      }
    }))

  it.effect("and no two names and seeds share it", () =>
    Effect.gen(function*() {
      const pattern = (settings: Chaos.Settings) =>
        Effect.gen(function*() {
          const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.fault("f"), rate: 0.5 }], ...settings })
          const call = Effect.match(Effect.void.pipe(chaos.inject), { onFailure: () => "x", onSuccess: () => "." })
          return (yield* Effect.forEach(Array.from({ length: 64 }), () => call)).join("")
        })
      const all = yield* Effect.forEach([
        { seed: "a b", name: "c" },
        { seed: "a", name: "b c" },
        { seed: "a", name: "b\",\"c" },
        { seed: "a\",\"b", name: "c" },
        { seed: "a b c", name: "" },
        { seed: "1 times" },
        { seed: "1", name: "times" }
      ], pattern)
      assert.strictEqual(new Set(all).size, all.length)
    }))

  it.effect.prop("a seed is another for any other parts", {
    one: Schema.Array(Schema.String),
    other: Schema.Array(Schema.String)
  }, ({ one, other }) =>
    Effect.gen(function*() {
      const { seedOf } = yield* Effect.promise(() =>
        vi.importActual<{ readonly seedOf: (...parts: ReadonlyArray<string>) => string }>(
          "../../src/testing/chaos/seeds.ts"
        )
      )
      const same = one.length === other.length && one.every((part, index) => part === other[index])
      assert.strictEqual(seedOf("kind", ...one) === seedOf("kind", ...other), same)
    }))
})
