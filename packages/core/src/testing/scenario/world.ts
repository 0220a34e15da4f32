/** The nodes of a scenario: their calls count, their faults begin with the load, and their invariants are judged. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { labelOf } from "../load/report.ts"
import { moment } from "../words.ts"
import type { InvariantBroken } from "../world/invariantBroken.ts"
import { type Made, makeWorld } from "../world/make.ts"
import { Mistake } from "../world/mistake.ts"
import { checkScript } from "../world/rules.ts"
import type { Fault } from "../world/model.ts"
import type { Nodes, World } from "../world/world.ts"
import { InvalidScenario, Place, refusing } from "./invalid.ts"
import type { Judged } from "./judge.ts"
import type { Plan, WorldOf } from "./plan.ts"
import type { Stopwatch } from "./provider.ts"
import type { Recorder } from "./recorder.ts"
import { CurrentVisit } from "./visit.ts"

/** The nodes of the scenario; none if its customers call a provider. */
export const nodesOf = (plan: Plan, providers: unknown): Effect.Effect<Nodes, InvalidScenario> =>
  refusing(Effect.sync(() => checkedNodes(plan, providers)))

const checkedNodes = ({ name: scenario, providers, script, world }: Plan, made: unknown): Nodes => {
  if (world === undefined) return {}
  const nodes = typeof world.nodes === "function" ? world.nodes(made) : world.nodes
  const names = Object.keys(nodes)
  const place = new Place(scenario, "")
  if (names.length === 0) place.refuse("nodes", "at least one by name", nodes)
  const taken = names.find((node) => providers.some(({ name }) => name === node))
  if (taken !== undefined) place.reject("nodes", `must have names of their own, ${JSON.stringify(taken)} is a provider`)
  const twice = (world.invariants ?? []).find(({ name }, index, all) =>
    all.findIndex((one) => one.name === name) < index
  )
  if (twice !== undefined) {
    place.reject("invariants", `must have names of their own, ${JSON.stringify(twice.name)} is there twice`)
  }
  checkScript(place, script, names)
  return nodes
}

/** A world at work in a run. */
export interface WorldInRun {
  /** What the policy gets. */
  readonly world: World<any>
  /** The load begins. */
  readonly begin: Effect.Effect<void>
  /** The digest of all that has happened so far. */
  readonly digest: () => string
  /** Each invariant and its verdict. */
  readonly judged: (run: { readonly wasCalled: boolean }) => ReadonlyArray<Judged>
}

export const worldIn = (
  { name: scenario, script }: Plan,
  { nodes, outcomeOf, recorder, stopwatch, world: options }: {
    readonly nodes: Nodes
    readonly outcomeOf: (answer: unknown) => string
    readonly recorder: Recorder
    readonly stopwatch: Stopwatch
    readonly world: WorldOf
  }
): Effect.Effect<WorldInRun, InvalidScenario, Scope.Scope> =>
  Effect.gen(function*() {
    const broken = new Map<InvariantBroken, number>()
    const { building, world } = yield* (makeWorld(
      new Place(scenario, ""),
      { ...options, nodes },
      (error) => void broken.set(error, stopwatch.read())
    ) as Effect.Effect<Made<any>, never, Scope.Scope>)
    // A misspelt name is no outcome of the customers, but the end of the run.
    const refuse = (defect: unknown): Effect.Effect<never> => {
      building.end(defect instanceof InvalidScenario ? Exit.fail(defect) : Exit.die(defect))
      return Effect.never
    }
    const orRefuse = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.catchDefect(effect, (defect) => isMistake(defect) ? refuse(defect) : Effect.die(defect))
    const call: World<any>["call"] = (to, service, use) =>
      Effect.withFiber((fiber) => {
        const at = stopwatch.read()
        const answer = orRefuse(world.call(to, service, use))
        // Calls that the policy makes while it is made belong to no customer.
        if (Number.isNaN(at) || !Object.hasOwn(nodes, to)) return answer
        const ended = recorder.called(to, at, fiber.getRef(CurrentVisit))
        return Effect.onExit(answer, (exit) =>
          Effect.sync(() =>
            ended({
              ended: stopwatch.read(),
              outcome: exit._tag === "Success" ? outcomeOf(exit.value) : labelOf(exit),
              exit
            })
          ))
      })
    const judged = (name: string, wasCalled: boolean): Judged => {
      const [error, at] = [...broken].find(([{ invariant }]) => invariant === name) ?? []
      const common = { claim: name, evidence: undefined, margin: undefined, last: error?.last ?? [] }
      if (error !== undefined) {
        return { ...common, verdict: { _tag: "Broken", seen: `${error.problem}, ${since(at!)}` } }
      }
      return {
        ...common,
        verdict: wasCalled
          ? { _tag: "Holds", seen: "it held after every event" }
          : { _tag: "Unjudged", reason: "no customer called a node in the whole run" }
      }
    }
    return {
      world: { ...world, call, inject: (fault: Fault) => orRefuse(world.inject(fault)) },
      begin: Effect.sync(() => building.plan(script)),
      digest: () => building.report().digest,
      judged: ({ wasCalled }: { readonly wasCalled: boolean }) =>
        building.invariants.map((name) => judged(name, wasCalled))
    }
  }).pipe(refusing)

const isMistake = (defect: unknown): boolean => defect instanceof InvalidScenario || defect instanceof Mistake

const since = (at: number): string => Number.isNaN(at) ? "before the load" : `since ${moment(at)}`
