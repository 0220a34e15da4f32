/** One run of a scenario, from its first call until everything has ended. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Load from "../Load.ts"
import { labelOf } from "../load/report.ts"
import { inPlace, outside } from "../world/outside.ts"
import type { Claim } from "./claims.ts"
import type { Nodes } from "../world/world.ts"
import type { InvalidScenario } from "./invalid.ts"
import { knownOutcomes, nameOf } from "./outcomes.ts"
import { Abandoned } from "./patience.ts"
import type { Plan } from "./plan.ts"
import { makeProvider, type Provider, Stopwatch } from "./provider.ts"
import { type Recorded, Recorder } from "./recorder.ts"
import type { Steps } from "./steps.ts"
import { CurrentVisit } from "./visit.ts"
import { nodesOf, worldIn, type WorldInRun } from "./world.ts"

/** The parts of a scenario that a run needs besides the plan. */
export interface Parts<E, R> {
  /** The providers as the policy and the nodes know them. */
  readonly providersOf: (all: Readonly<Record<string, Provider<any, any>>>) => unknown
  readonly policy: (
    providers: any
  ) => Effect.Effect<
    Effect.Effect<any, any, R> | ((arrival: Load.Arrival) => Effect.Effect<any, any, R>),
    E,
    R | Scope.Scope
  >
  readonly label: ((answer: any) => string) | undefined
  readonly outcomes: ReadonlyArray<string> | undefined
}

/** What a run has shown. */
export interface Night extends Recorded {
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
): Effect.Effect<Night, E | InvalidScenario | Load.InvalidLoad, R> =>
  Effect.gen(function*() {
    const stopwatch = new Stopwatch(yield* Clock.Clock)
    const ofNodes = yield* outside
    const made = yield* Effect.forEach(plan.providers, (provider) =>
      makeProvider(provider, {
        seed,
        stopwatch,
        wrapping: plan.world === undefined ? inPlace : ofNodes,
        onReached: (...reached) => recorder.reached(...reached)
      }))
    const providers = parts.providersOf(Object.fromEntries(made.map(({ provider }) => [provider.name, provider])))
    const nodes = yield* nodesOf(plan, providers)
    const recorder = new Recorder(plan, Object.keys(nodes), steps)
    const followed = followedBy(recorder)
    const scope = yield* Scope.make()
    const { load, world } = yield* followed(evening(parts, plan, { nodes, providers, recorder, seed, stopwatch })).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => Scope.close(scope, exit))
    )
    // What was forked in the run has this long to end by itself.
    if (recorder.fibers !== undefined) yield* Effect.sleep(grace)
    if (world !== undefined) steps?.world(load.millis, world.digest())
    steps?.end()
    const harmless = yield* Effect.all(made.map(({ harmless }) => harmless))
    const recorded = recorder.end(load.millis, {
      outcomes: knownOutcomes(plan, parts),
      harmless: new Set(harmless.flat())
    })
    const invariants = world?.judged({ wasCalled: recorded.nodes.some(({ calls }) => calls > 0) }) ?? []
    return { ...recorded, claims: [...recorded.claims, ...invariants], load }
  })

const followedBy = ({ fibers }: Recorder) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  fibers === undefined ? effect : Effect.provideService(effect, Metric.FiberRuntimeMetrics, fibers)

const evening = <E, R>(
  { label, policy }: Parts<E, R>,
  plan: Plan,
  { nodes, providers, recorder, seed, stopwatch }: {
    readonly nodes: Nodes
    readonly providers: unknown
    readonly recorder: Recorder
    readonly seed: string
    readonly stopwatch: Stopwatch
  }
): Effect.Effect<
  { readonly load: Load.Report; readonly world: WorldInRun | undefined },
  E | InvalidScenario | Load.InvalidLoad,
  R | Scope.Scope
> =>
  Effect.gen(function*() {
    const named = nameOf(plan.providers.map(({ name }) => name))
    const world = plan.world === undefined
      ? undefined
      : yield* worldIn(plan, {
        nodes,
        recorder,
        stopwatch,
        world: plan.world,
        outcomeOf: (answer) => named(answer, true)
      })
    const outcomeOf = label ?? named
    const rest = Effect.gen(function*() {
      const customer = yield* policy(world === undefined ? providers : world.world)
      const callOf = Effect.isEffect(customer)
        ? () => customer
        : customer
      const abandoned = new Abandoned(plan.patience)
      stopwatch.begin()
      if (world !== undefined) yield* world.begin
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
          label: (exit, { index }): string =>
            exit._tag === "Success"
              ? outcomeOf(exit.value, recorder.isOfNode(index, exit.value))
              : labelOf(exit),
          onSettled: ({ ended, exit, index, label }) => recorder.settled(index, { ended, outcome: label, exit })
        }
      )
      const until = watchedUntil(plan)
      const now = stopwatch.read()
      if (until > now) yield* Effect.sleep(until - now)
      yield* abandoned.within(plan.patience)
      return load
    })
    // A node whose layer fails is the end of the run.
    const load = yield* world === undefined ? rest : Effect.raceFirst(rest, world.world.broken)
    return { load, world }
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
