/**
 * What a throttle is worth, in virtual time: the numbers of the design, which an independent simulation has measured, within
 * 4 points. The circuit breaker is ours: where a provider refuses half of its calls, it opens, and its probes are refused.
 */
import { AdaptiveThrottle, CircuitBreaker } from "@switchgear/core"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Random } from "effect"
import { readFileSync } from "node:fs"

/** Answers the calls of one run. */
interface Target {
  /** Calls in a second. */
  readonly rate: number
  readonly make: () => (now: number, draw: number) => Effect.Effect<void, string>
}

const slowly = Effect.sleep("1 second")
const refuses = Effect.delay(Effect.fail("503"), 100)

/** Refuses what it has no slot for. */
const shedding = () => {
  let busy = 0
  return Effect.suspend(() => {
    if (busy >= 40) return refuses
    busy++
    return Effect.ensuring(slowly, Effect.sync(() => busy--))
  })
}

const targets = {
  /** Answers everything. */
  calm: { rate: 10, make: () => () => slowly },
  /** Gets twice as many calls as it can answer, and refuses the rest. */
  shedding: {
    rate: 80,
    make: () => {
      const answer = shedding()
      return () => answer
    }
  },
  /** Fails for two minutes, and then answers for two. */
  outage: { rate: 10, make: () => (now) => now < 120_000 ? refuses : slowly },
  /** Fails three of ten, whatever is asked. */
  errors: { rate: 10, make: () => (_now, draw) => draw < 0.3 ? refuses : slowly }
} satisfies Record<string, Target>

type Lane = Partial<AdaptiveThrottle.Options> | "breaker" | undefined

const guardOf = (lane: Lane) =>
  lane === "breaker" ? CircuitBreaker.make({ name: "model" }) : AdaptiveThrottle.make({ name: "model", ...lane })

const played = ({ make, rate }: Target, lane: Lane, seed: number) =>
  VirtualClock.play(
    Effect.gen(function*() {
      const guard = lane && (yield* guardOf(lane))
      const target = make()
      const counts = { all: 0, served: 0, failed: 0 }
      const ask = Effect.gen(function*() {
        counts.all++
        const now = yield* Clock.currentTimeMillis
        const draw = (yield* Random.Random).nextDoubleUnsafe()
        const call = Effect.tapError(target(now, draw), () => Effect.sync(() => counts.failed++))
        const guarded: Effect.Effect<void, unknown> = guard === undefined ? call : guard.protect(call)
        const exit = yield* Effect.exit(guarded)
        if (Exit.isSuccess(exit)) counts.served++
      })
      yield* Effect.orDie(Load.run(Load.poisson({ rate, for: "4 minutes" }), () => ask, { seed }))
      return { served: 100 * counts.served / counts.all, failed: 100 * counts.failed / counts.all }
    }),
    { promises: "none" }
  )

const seeds = [1, 2, 3, 4]

const tight = { factor: 1.25, window: "30 seconds" } as const
const failsafe = { factor: 1 / 0.9, window: "60 seconds", countRejections: false, minimumCalls: 0 } as const

/** Percent of the calls that were served, and that failed at the target. */
const cases: ReadonlyArray<
  readonly [
    target: keyof typeof targets,
    name: string,
    lane: Lane,
    served: number,
    failed: number
  ]
> = [
  ["calm", "the default", {}, 100, 0],
  ["shedding", "no throttle", undefined, 49, 51],
  ["shedding", "the default", {}, 49, 44],
  ["shedding", "a factor of 1.25 over 30 seconds", tight, 47, 12],
  ["shedding", "that of failsafe-go", failsafe, 48, 25],
  ["shedding", "a circuit breaker", "breaker", 2, 1],
  ["outage", "no throttle", undefined, 50, 50],
  ["outage", "the default", {}, 48, 12],
  ["errors", "no throttle", undefined, 70, 30],
  ["errors", "the default", {}, 70, 30],
  ["errors", "a factor of 1.25 over 30 seconds", tight, 31, 13],
  ["errors", "that of failsafe-go", failsafe, 56, 24]
]

const plain = (page: string) =>
  readFileSync(new URL(`../../../docs/${page}.md`, import.meta.url), "utf8").replaceAll(/\s+/g, " ")

/** What the documentation says of a case. */
const said = (key: string, served: number, failed: number): readonly [page: string, text: string] | undefined => {
  const row = (name: string) => ["adaptive-throttle", `| ${name} | ${served} % | ${failed} % |`] as const
  switch (key) {
    case "shedding, no throttle":
      return row("none")
    case "shedding, the default":
      return row("throttle")
    case "shedding, a factor of 1.25 over 30 seconds":
      return row("throttle, `factor: 1.25, window: 30 s`")
    case "shedding, that of failsafe-go":
      return row("throttle, `factor: 1 / 0.9, window: 60 s`, as in failsafe-go")
    case "shedding, a circuit breaker":
      return row("circuit breaker")
    case "outage, no throttle":
      return ["choosing", `in an outage, ${failed} % of all calls fail there`]
    case "outage, the default":
      return ["choosing", `of all calls fail there → ${failed} %`]
    case "errors, the default":
      return ["adaptive-throttle", `${served} % are served with a factor of 2`]
    case "errors, a factor of 1.25 over 30 seconds":
      return ["adaptive-throttle", `and ${served} % with 1.25 and 30 seconds`]
  }
  return undefined
}

describe("of throttles, a simulation says:", () => {
  for (const [target, name, lane, served, failed] of cases) {
    it.effect(`${target}, ${name}`, () =>
      Effect.gen(function*() {
        const scores = yield* Effect.forEach(seeds, (seed) =>
          Effect.promise(() => Effect.runPromise(played(targets[target], lane, seed))))
        const mean = (key: "served" | "failed") =>
          scores.reduce((sum, score) => sum + score[key], 0) / scores.length
        assert.closeTo(mean("served"), served, 4)
        assert.closeTo(mean("failed"), failed, 4)
        const row = said(`${target}, ${name}`, Math.round(mean("served")), Math.round(mean("failed")))
        if (row !== undefined) assert.include(plain(row[0]), row[1])
      }))
  }
})
