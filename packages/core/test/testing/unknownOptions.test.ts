import { Arbitraries, Chaos, Claim, Load, Scenario, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"

const arrivals = Load.constant({ rate: 1, for: "1 second" })
const night = {
  name: "night",
  load: [{ name: "load", arrivals }],
  provider: [{ name: "up" }],
  policy: Effect.succeed,
  claims: [Claim.noCustomerError]
} as const

/** What is said of options with one that does not exist. */
const told = (make: () => Effect.Effect<unknown, unknown> | object): Effect.Effect<string> =>
  Effect.suspend(() => {
    const made = make()
    return Effect.isEffect(made) ? made as Effect.Effect<unknown, unknown> : Effect.succeed(made)
  }).pipe(
    Effect.as("accepted"),
    Effect.catchCause((cause) => Effect.succeed((Cause.squash(cause) as Error).message))
  )

const run = (options: object) => Scenario.run(Scenario.make({ ...night, ...options } as typeof night))
const load = (load: object) => VirtualClock.play(Load.run(load as Load.Arrivals, () => Effect.void))

describe("an option of the testing kit that does not exist is refused by its name", () => {
  it.effect.each<readonly [string, () => Effect.Effect<unknown, unknown> | object, string]>([
    ["a service", () => SimulatedService.make({ answer: Effect.void, latancy: 1 } as never), "latancy"],
    [
      "a service that is set",
      () => Effect.flatMap(SimulatedService.make({ answer: Effect.void }), ({ set }) => set({ latancy: 1 } as never)),
      "latancy"
    ],
    ["a scenario", () => Scenario.make({ ...night, patiance: 1 } as never), "patiance"],
    ["a run", () => Scenario.run(Scenario.make(night), { twise: true } as never), "twise"],
    ["a phase of a load", () => run({ load: [{ name: "load", arrivals, four: 1 }] }), "load[0].four"],
    ["a phase of a provider", () => run({ provider: [{ name: "up", latancy: 1 }] }), "provider[0].latancy"],
    ["a rule of a phase", () => run({ provider: [{ name: "up", rules: [{ inject: Chaos.hang, wen: 1 }] }] }), "wen"],
    ["a rule", () => Chaos.make({ rules: [{ inject: Chaos.hang, wen: 1 } as never] }), "rules[0].wen"],
    [
      "bursts",
      () => Chaos.make({ rules: [{ inject: Chaos.hang, bursts: { every: 1, for: 1, fro: 1 } as never }] }),
      "rules[0].bursts.fro"
    ],
    ["a chaos", () => Chaos.make({ rules: [], sead: 1 } as never), "sead"],
    ["a phase of a script", () => Chaos.script([{ for: 1, rules: [], rulez: 1 } as never]), "script[0].rulez"],
    ["a script", () => Chaos.script([], { sead: 1 } as never), "sead"],
    ["arrivals", () => load(Load.poisson({ rate: 1, for: 1000, rat: 2 } as never)), "rat"],
    [
      "arrivals in arrivals",
      () => load(Load.sequence([Load.burst({ of: arrivals, times: 2, for: 100, evry: 1 } as never)])),
      "sequence[0].evry"
    ],
    ["a load", () => VirtualClock.play(Load.run(arrivals, () => Effect.void, { sead: 1 } as never)), "sead"],
    [
      "users",
      () => VirtualClock.play(Load.runUsers({ count: 1, think: 1, for: 10, fro: 1 } as never, () => Effect.void)),
      "fro"
    ],
    ["answered", () => Claim.answered(1, { durring: "up" } as never), "durring"],
    ["share", () => Claim.share("failure", { atMost: 1, durring: "up" } as never), "durring"],
    ["latencyWithin", () => Claim.latencyWithin("p50", 1, { durring: "up" } as never), "durring"],
    ["providerGetsAtMost", () => Claim.providerGetsAtMost(1, { provder: "up" } as never), "provder"],
    ["recoversWithin", () => Claim.recoversWithin(1, { after: "up", untill: "x" } as never), "untill"],
    ["fallsWithin", () => Claim.fallsWithin(1, { after: "up", untill: "x" } as never), "untill"],
    ["restsWithin", () => Claim.restsWithin(1, { watch: 1 } as never), "watch"],
    [
      "a claim of one's own",
      () => Claim.make({ name: "own", judge: () => Claim.holds(""), durring: "up" } as never),
      "durring"
    ],
    ["a history", () => Arbitraries.history({ ending: [] } as never), "ending"],
    ["weights", () => Arbitraries.history({ weights: { Beginn: 1 } as never }), "weights.Beginn"],
    ["a check", () => Arbitraries.check({ history: Arbitraries.history(), subject: {}, run: 1 } as never), "run"]
  ])("%s", ([, make, name]) =>
    Effect.gen(function*() {
      const message = yield* told(make)
      assert.include(message, name)
      assert.match(message, /there is no|does not exist|is not a field here/)
      assert.include(message, "There are: ")
    }))
})
