/** What a throttle is worth, in virtual time: the numbers of the design, within 4 points. */
import { AdaptiveThrottle } from "@switchgear/core"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Random } from "effect"

type Target = (now: number, draw: number) => Effect.Effect<void, string>

const slowly = Effect.sleep("1 second")
const refuses = Effect.delay(Effect.fail("503"), 100)

const targets = {
  /** Answers everything. */
  calm: () => slowly,
  /** Fails for two minutes, and then answers for two. */
  outage: (now) => now < 120_000 ? refuses : slowly,
  /** Fails three of ten, whatever is asked. */
  errors: (_now, draw) => draw < 0.3 ? refuses : slowly
} satisfies Record<string, Target>

const played = (target: Target, options: Partial<AdaptiveThrottle.Options> | undefined, seed: number) =>
  VirtualClock.play(
    Effect.gen(function*() {
      const throttle = options && (yield* AdaptiveThrottle.make({ name: "model", ...options }))
      const counts = { all: 0, served: 0, failed: 0 }
      const ask = Effect.gen(function*() {
        counts.all++
        const now = yield* Clock.currentTimeMillis
        const draw = (yield* Random.Random).nextDoubleUnsafe()
        const call = Effect.tapError(target(now, draw), () => Effect.sync(() => counts.failed++))
        const exit = yield* Effect.exit(throttle === undefined ? call : throttle.protect(call))
        if (Exit.isSuccess(exit)) counts.served++
      })
      yield* Effect.orDie(Load.run(Load.poisson({ rate: 10, for: "4 minutes" }), () => ask, { seed }))
      return { served: 100 * counts.served / counts.all, failed: 100 * counts.failed / counts.all }
    }),
    { promises: "none" }
  )

const seeds = [1, 2, 3, 4]

/** Percent of the calls that were served, and that failed at the target. */
const cases: ReadonlyArray<
  readonly [
    target: keyof typeof targets,
    name: string,
    options: Partial<AdaptiveThrottle.Options> | undefined,
    served: number,
    failed: number
  ]
> = [
  ["calm", "the default", {}, 100, 0],
  ["outage", "no throttle", undefined, 50, 50],
  ["outage", "the default", {}, 48, 12],
  ["errors", "no throttle", undefined, 70, 30],
  ["errors", "the default", {}, 70, 30],
  ["errors", "a factor of 1.25 over 30 seconds", { factor: 1.25, window: "30 seconds" }, 31, 13]
]

describe("of throttles, a simulation says:", () => {
  for (const [target, name, options, served, failed] of cases) {
    it.effect(`${target}, ${name}`, () =>
      Effect.gen(function*() {
        const scores = yield* Effect.forEach(seeds, (seed) =>
          Effect.promise(() => Effect.runPromise(played(targets[target], options, seed))))
        const mean = (key: "served" | "failed") =>
          scores.reduce((sum, score) => sum + score[key], 0) / scores.length
        assert.closeTo(mean("served"), served, 4)
        assert.closeTo(mean("failed"), failed, 4)
      }))
  }
})
