/** Makes a world on the clock of the running fiber. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import type { OptionsOf } from "../../internal/config/checks.ts"
import { RunSeed } from "../chaos/seeds.ts"
import { Building } from "./build.ts"
import type { InvariantBroken } from "./invariantBroken.ts"
import { Node } from "./node.ts"
import type { FailureOf, NeedsOf, Nodes, Options, World } from "./world.ts"

/** A world, and its parts. */
export interface Made<E> {
  readonly world: World<E>
  readonly building: Building
}

export const makeWorld = <Programs extends Nodes>(
  of: OptionsOf,
  options: Options<Programs>,
  onBroken?: (error: InvariantBroken) => void
): Effect.Effect<Made<FailureOf<Programs>>, never, NeedsOf<Programs> | Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const scheduler = yield* Scheduler.Scheduler
    const context = (yield* Effect.context<NeedsOf<Programs>>()) as Context.Context<never>
    const runSeed = yield* RunSeed
    const building = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Building(of, options, {
          clock,
          scheduler,
          context,
          runSeed,
          onBroken,
          provideNode: (node) => Context.add(Node, node)
        })
      ),
      (building) => Effect.sync(() => building.end())
    )
    return {
      building,
      world: {
        inject: (fault) => Effect.sync(() => building.inject(fault)),
        call: (to, service, use) =>
          Effect.suspend(() => building.calls.call(undefined, building.node("to", to), service, use)),
        broken: Deferred.await(building.broken),
        report: Effect.sync(() => building.report()),
        view: building.view
      }
    }
  })
