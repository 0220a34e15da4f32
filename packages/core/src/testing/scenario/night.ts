/** One run of a scenario, from its first call until everything has ended. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Load from "../Load.ts"
import { labelOf } from "../load/report.ts"
import type { Claim } from "./claims.ts"
import type { Figures } from "./figures.ts"
import type { Judged } from "./judge.ts"
import { knownOutcomes, nameOf } from "./outcomes.ts"
import { Abandoned } from "./patience.ts"
import type { Plan } from "./plan.ts"
import { makeProvider, type Provider, Stopwatch } from "./provider.ts"
import { Recorder } from "./recorder.ts"
import type { Steps } from "./steps.ts"
import { CurrentVisit } from "./visit.ts"

/** The parts of a scenario that a run needs besides the plan. */
export interface Parts<E, R> {
  readonly policy: (
    providers: Readonly<Record<string, Provider<any, any>>>
  ) => Effect.Effect<
    Effect.Effect<any, any, R> | ((arrival: Load.Arrival) => Effect.Effect<any, any, R>),
    E,
    R | Scope.Scope
  >
  readonly label: ((answer: any) => string) | undefined
  readonly outcomes: ReadonlyArray<string> | undefined
}

/** What a run has shown. */
export interface Night {
  readonly all: Figures
  readonly phases: ReadonlyArray<Figures>
  readonly claims: ReadonlyArray<Judged>
  readonly load: Load.Report
}

/** A longer load has longer intervals. */
const mostSteps = 100_000

/** How long a run goes on when a claim asks for what is left of it. */
const grace = 60_000

export const night = <E, R>(
  parts: Parts<E, R>,
  plan: Plan,
  seed: string,
  steps: Steps | undefined
): Effect.Effect<Night, E | Load.InvalidLoad, R> =>
  Effect.gen(function*() {
    const recorder = new Recorder(plan, steps)
    const followed = followedBy(recorder)
    const scope = yield* Scope.make()
    const load = yield* followed(evening(parts, plan, seed, recorder)).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => Scope.close(scope, exit))
    )
    // What was forked in the run has this long to end by itself.
    if (recorder.fibers !== undefined) yield* Effect.sleep(grace)
    steps?.end()
    return { ...recorder.end(load.millis, knownOutcomes(plan, parts)), load }
  })

const followedBy = ({ fibers }: Recorder) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  fibers === undefined ? effect : Effect.provideService(effect, Metric.FiberRuntimeMetrics, fibers)

const evening = <E, R>(
  { label, policy }: Parts<E, R>,
  plan: Plan,
  seed: string,
  recorder: Recorder
): Effect.Effect<Load.Report, E | Load.InvalidLoad, R | Scope.Scope> =>
  Effect.gen(function*() {
    const stopwatch = new Stopwatch()
    const made = yield* Effect.forEach(plan.providers, (provider) =>
      makeProvider(provider, { recorder, seed, stopwatch }))
    const customer = yield* policy(Object.fromEntries(made.map((one) => [one.name, one])))
    const callOf = Effect.isEffect(customer)
      ? () =>
        customer
      : customer
    const outcomeOf = label ?? nameOf(plan.providers.map(({ name }) => name))
    const clock = yield* Clock.Clock
    const abandoned = new Abandoned(plan.patience)
    stopwatch.begin(clock)
    const load = yield* Load.run(
      plan.arrivals,
      (arrival) => {
        const visit = recorder.arrived(arrival.index, arrival.at)
        return Effect.provideService(
          abandoned.patiently(Effect.suspend(() => callOf(arrival))),
          CurrentVisit,
          visit
        )
      },
      {
        seed,
        interval: Math.max(1000, plan.load.at(-1)!.to / mostSteps),
        label: (exit): string => exit._tag === "Success" ? outcomeOf(exit.value) : labelOf(exit),
        onSettled: ({ ended, exit, index, label }) => recorder.settled(index, { ended, outcome: label, exit })
      }
    )
    const until = watchedUntil(plan)
    const now = stopwatch.read(clock)
    if (until > now) yield* Effect.sleep(until - now)
    yield* abandoned.within(plan.patience)
    return load
  })

/** Until when there is something to see for a claim about the time after the load. */
const watchedUntil = ({ claims, load }: Plan): number => {
  const over = load.at(-1)!.to
  const needed = (claim: Claim): number =>
    claim._tag === "Share" && claim.window._tag === "AfterLoad"
      ? over + claim.window.millis + claim.window.watched
      : 0
  return Math.max(...claims.map(needed), 0)
}
