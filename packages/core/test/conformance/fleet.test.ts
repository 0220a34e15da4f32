/** One node in a fleet behaves as the breaker or limiter of a process: the same vectors have the same lines. */
import { assert, it } from "@effect/vitest"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer, Random } from "effect"
import * as path from "node:path"
import { checkAll, failures, lines } from "./conformance.ts"
import { CurrentFleet } from "./currentFleet.ts"
import { judge, NotExpressible, type Plan, type Trace } from "./judge.ts"
import { planLimiter } from "./limiterPlan.ts"
import { readFolder, type Scenario } from "./scenario.ts"

const folders = [path.join(import.meta.dirname, "vectors"), process.env.SWITCHGEAR_VECTORS].filter((path) =>
  path !== undefined
)

const fleetOf = (options: Cluster.Options) =>
  Layer.provide(
    Layer.fresh(Cluster.layer(options)),
    Layer.fresh(ClusterStore.layerMemory)
  ) as Layer.Layer<any> as Layer.Layer<never>

it.effect("the lines of one node in a fleet are those of a breaker of its own", () =>
  Effect.gen(function*() {
    for (const folder of folders) {
      const scenarios = readFolder(folder).filter(({ component }) => component === "circuitBreaker")
      const alone = yield* checkAll(scenarios)
      const inFleet = yield* Effect.provideService(checkAll(scenarios), CurrentFleet, fleetOf({}))
      assert.deepStrictEqual(failures(inFleet), [])
      assert.deepStrictEqual(lines(inFleet), lines(alone))
    }
  }))

const isWindow = ({ config: { semantics } }: Scenario) => semantics === "resilience4j-cycle"

/**
 * A node knows what it has booked, and of the fleet's level no more: `available`, and how long a refused call would have waited, are
 * of that.
 */
const withoutLevels = (trace: Trace): Trace =>
  trace.map((repetitions) =>
    repetitions.map(({ available: _, nextPermitInMs: __, waitMs, ...facts }) =>
      facts["permitted"] === true && waitMs !== undefined ? { ...facts, waitMs } : facts
    )
  )

const planned = (scenario: Scenario): Plan | NotExpressible => {
  const plan = planLimiter(scenario)
  if (plan instanceof NotExpressible) return plan
  const { replay, rules, specification } = plan
  return {
    replay: Effect.map(replay, withoutLevels),
    specification: specification && Effect.map(specification, withoutLevels),
    rules: rules && { names: rules.names, under: (names) => Effect.map(rules.under(names), withoutLevels) }
  }
}

const limiters = readFolder(folders[0]!).filter(({ component }) => component === "rateLimiter")
const buckets = limiters.filter((scenario) => !isWindow(scenario))

const judged = (options: Cluster.Options | undefined) =>
  Effect.forEach(
    buckets,
    (scenario) => Effect.map(judge(scenario, planned(scenario)), (verdict) => ({ scenario, verdict }))
  )
    .pipe(options === undefined ? (same) => same : Effect.provideService(CurrentFleet, fleetOf(options)))

/** A node that has got a turn for later rests before it asks again, for a time that is drawn: all draws are as large as this one. */
const drawn = (share: number) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => share, nextIntUnsafe: () => 0 })

const shortest = drawn(0)
const longest = drawn(1 - Number.EPSILON)

it.effect("the lines of a limiter of one node in a fleet are those of a limiter of its own, but for the level of its bucket", () =>
  Effect.gen(function*() {
    const alone = yield* judged(undefined)
    const inFleet = yield* shortest(judged({ giveBack: "1 milli" }))
    assert.deepStrictEqual(failures(inFleet), [])
    assert.deepStrictEqual(lines(inFleet), lines(alone))
    assert.isAbove(buckets.length, limiters.length / 2)
  }))

it.effect("one more scenario differs where a turn may be used after its time, for `giveBack`, or where a node still rests", () =>
  Effect.gen(function*() {
    for (const fleet of [shortest(judged({})), longest(judged({})), longest(judged({ giveBack: "1 milli" }))]) {
      const differing = (yield* fleet).filter(({ verdict }) => verdict._tag === "Failed")
      assert.deepStrictEqual(differing.map(({ scenario }) => scenario.id), ["failsafe-rl-008-try-acquire"])
    }
  }))

it.effect("three of the eight scenarios of a sliding window differ: a shared one lets a tenth pass at once, and the rest evenly", () =>
  Effect.gen(function*() {
    const windows = limiters.filter(isWindow)
    assert.strictEqual(windows.length, 8)
    const played = Effect.provideService(checkAll(windows), CurrentFleet, fleetOf({}))
    for (const inFleet of [shortest(played), longest(played)]) {
      const differing = (yield* inFleet).filter(({ verdict }) => verdict._tag === "Failed")
      assert.deepStrictEqual(differing.map(({ scenario: { id } }) => id), [
        "r4j-rl-007-no-timeout-rejects-at-once",
        "r4j-rl-009-raise-limit-while-waiting",
        "r4j-rl-010-reservations-upfront"
      ])
    }
  }))
