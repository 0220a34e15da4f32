/** Plays a scenario in virtual time, and counts the calls that were answered in time. */
import { Load, VirtualClock } from "@switchgear/core/testing"
import { Cause, Effect, Exit, Random } from "effect"
import { makeProvider, type Provider, type Request, requestOf } from "./provider.ts"
import type { Scenario } from "./scenarios.ts"

/** What stands in front of the provider. */
export type Admission = (request: Request, provider: Provider) => Effect.Effect<void, unknown>

/** Shares of the measured calls, in percent. */
export interface Score {
  readonly answered: number
  readonly timedOut: number
}

export const play = (
  scenario: Scenario,
  admissionOf: (scenario: Scenario) => Effect.Effect<Admission>,
  seed: number
): Effect.Effect<Score> =>
  Effect.gen(function*() {
    const admission = yield* admissionOf(scenario)
    const provider = makeProvider(scenario.kind, { capacity: scenario.capacity, speed: 1 })
    const random = yield* Random.withSeed(Random.Random, `requests ${seed}`)
    const [from, to] = scenario.measured
    const counts = { all: 0, answered: 0, timedOut: 0 }
    const changes = yield* Effect.forkChild(changesOf(scenario, provider, seed))
    yield* Load.run(
      scenario.arrivals,
      ({ at }) => admission(requestOf(scenario.longShare(at / 1000), random), provider),
      {
        seed,
        label: labelOf,
        onSettled: ({ at, label }) => {
          if (at < from * 1000 || at >= to * 1000) return
          counts.all++
          if (label === "answered") counts.answered++
          if (label === "timed out") counts.timedOut++
        }
      }
    ).pipe(Effect.orDie)
    changes.interruptUnsafe()
    return { answered: 100 * counts.answered / counts.all, timedOut: 100 * counts.timedOut / counts.all }
  }).pipe((run) => VirtualClock.play(run, { promises: "none" }), Random.withSeed(`play ${seed}`))

const labelOf = (exit: Exit.Exit<void, unknown>): "answered" | "timed out" | "other" => {
  if (Exit.isSuccess(exit)) return "answered"
  return Cause.isTimeoutError(Cause.squash(exit.cause)) ? "timed out" : "other"
}

const changesOf = (scenario: Scenario, provider: Provider, seed: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { noise } = scenario
    let behaviour = { capacity: scenario.capacity, speed: 1 }
    let at = 0
    for (const [time, change] of scenario.changes) {
      yield* Effect.sleep((time - at) * 1000)
      at = time
      behaviour = { ...behaviour, ...change }
      provider.set(behaviour)
    }
    if (noise === 0) return
    const random = yield* Random.withSeed(Random.Random, `noise ${seed}`)
    // A speed that wanders around its mean, and remembers where it was.
    for (let state = 0;;) {
      yield* Effect.sleep("5 seconds")
      const draw = Math.sqrt(-2 * Math.log(1 - random.nextDoubleUnsafe())) *
        Math.cos(2 * Math.PI * random.nextDoubleUnsafe())
      state = 0.7 * state + Math.sqrt(1 - 0.7 ** 2) * draw
      provider.set({ ...behaviour, speed: Math.exp(noise * state - noise ** 2 / 2) })
    }
  })
