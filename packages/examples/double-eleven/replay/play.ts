/** One lane's night, from its first customer to its last, in virtual time. */
import { Load, VirtualClock } from "@switchgear/core/testing"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Effect, type Exit, Random, type Scope, Stream } from "effect"
import { HttpClient } from "effect/http"
import { interrupted, isAnswer, type Label, labelOf } from "./labels.ts"
import { laneData } from "./laneData.ts"
import * as Customers from "./customers.ts"
import * as Lanes from "./lanes.ts"
import { models, type Night } from "./night.ts"
import type { ChangeData, LaneData } from "./reportData.ts"
import * as Upstream from "./upstream.ts"

/** How far a night is. */
export interface SoFar {
  /** Seconds of the night that are over. */
  readonly seconds: number
  readonly arrived: number
  readonly answered: number
  readonly errors: number
}

/**
 * Plays it. Every lane has a provider of its own, and its customers and all chance come from the seed, so that it is the
 * same night whichever lanes are played beside it. `watch` is told how far it is, an interval at a time.
 */
export const play = (
  plan: Lanes.Plan,
  night: Night,
  seed: string,
  watch: (soFar: SoFar) => void
): Effect.Effect<LaneData> =>
  VirtualClock.play(Effect.scoped(inItsTime(plan, night, seed, watch)), { promises: "none" })

const inItsTime = (
  plan: Lanes.Plan,
  night: Night,
  seed: string,
  watch: (soFar: SoFar) => void
): Effect.Effect<LaneData, never, Scope.Scope> =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: night.phases[0]!.behaviours })
    const { begin, client, upstream } = yield* Lanes.connect(plan).pipe(
      Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)),
      Effect.flatMap((client) => Upstream.metered(client, night))
    )
    const lane = yield* plan.make(client, night)
    const questions = yield* Customers.questions(seed)

    const changes = new Map<string, Array<ChangeData>>()
    for (const { name, transitions } of lane.breakers) {
      const ofThis: Array<ChangeData> = []
      changes.set(name, ofThis)
      yield* transitions.pipe(
        Stream.runForEach(({ at, from, reason, to }) =>
          Effect.sync(() => ofThis.push({ at: Math.round(at) / 1000, from, to, reason }))
        ),
        Effect.forkChild({ startImmediately: true })
      )
    }
    yield* Effect.forEach(night.phases, (phase) =>
      Effect.gen(function*() {
        yield* Effect.forEach(models, (model) => provider.set(model, phase.behaviours[model]))
        begin(phase)
        yield* Effect.sleep(`${phase.seconds} seconds`)
      })).pipe(Effect.forkChild({ startImmediately: true }))

    const report = yield* Load.run(night.arrivals, ({ index }) => lane.ask(questions(index)), {
      seed,
      interval: Math.round(night.data.interval * 1000),
      label: (exit: Exit.Exit<Lanes.Got, { readonly _tag: string }>): Label => labelOf(exit),
      onInterval: watching(watch)
    }).pipe(Effect.orDie)
    return laneData({ plan, night: night.data, report, upstream, changes, saved: yield* lane.saved })
  }).pipe(
    Random.withSeed(seed),
    // Nobody looks at the spans of a million calls.
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

const watching = (watch: (soFar: SoFar) => void) => {
  let [arrived, answered, errors] = [0, 0, 0]
  return ({ arrivals, at, outcomes }: Load.Point<Label>): void => {
    arrived += arrivals
    for (const [label, count] of Object.entries(outcomes as Readonly<Record<Label, number>>)) {
      if (isAnswer(label)) answered += count
      else if (label !== interrupted) errors += count
    }
    watch({ seconds: at / 1000, arrived, answered, errors })
  }
}
