/** Virtual time that the test moves, for as long as a layer is open. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import type * as TestClock from "effect/testing/TestClock"
import type { Made } from "./made.ts"
import { enterWork } from "./owners.ts"
import { CurrentWork } from "./pendingWork.ts"
import { Watch } from "./watch.ts"

export const layerIn = (
  { stuckAfter, time, watchOutside }: Made
): Effect.Effect<Context.Context<TestClock.TestClock>, never, Scope.Scope> =>
  // What follows a turn is of this fiber alone, and not of whoever has started it.
  Effect.andThen(
    Effect.yieldNow,
    Effect.acquireRelease(
      Effect.withFiber((outside) =>
        Effect.sync(() => {
          const watch = new Watch({
            time,
            stuckAfter,
            context: outside.context,
            roots: () => [],
            giveUp: (error) => time.fail(error)
          })
          time.onUse = () => watch.start()
          const stopOutside = watchOutside()
          // The fiber that opens the layer is nearly always the one that uses it.
          enterWork(time.work)
          const context = Context.make(Clock.Clock, time).pipe(
            Context.add(Scheduler.Scheduler, time.scheduler),
            Context.add(CurrentWork, time.work)
          ) as Context.Context<TestClock.TestClock>
          return { context, watch, stopOutside }
        })
      ),
      ({ stopOutside, watch }) =>
        Effect.sync(() => {
          watch.stop()
          stopOutside()
        })
    )
  ).pipe(Effect.map(({ context }) => context))
