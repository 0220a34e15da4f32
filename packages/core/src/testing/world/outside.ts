/**
 * Work outside of a world that a node waits for, as for a server that is not simulated as a node. It runs by the clock from
 * outside, and goes on while the node is paused. When the node crashes, it is interrupted: a broken connection.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { CurrentWork } from "../virtualClock/pendingWork.ts"

/** What a node waits for outside, from a start of the node to its crash. */
export class Connections {
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()

  add(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
    fiber.addObserver(() => this.fibers.delete(fiber))
  }

  break(): void {
    for (const fiber of this.fibers) fiber.interruptUnsafe()
  }
}

/** Those of the node that the running fiber belongs to; undefined outside of a world. */
export const CurrentConnections = Context.Reference<Connections | undefined>(
  "@switchgear/core/testing/World/Connections",
  { defaultValue: () => undefined }
)

/** Lets effects that nodes run be done outside, where the running fiber is. Elsewhere, they are what they are. */
export const outside: Effect.Effect<<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>> = Effect
  .withFiber((here) => {
    const around = Context.empty().pipe(
      Context.add(Clock.Clock, here.getRef(Clock.Clock)),
      Context.add(Scheduler.Scheduler, here.getRef(Scheduler.Scheduler)),
      Context.add(CurrentWork, here.getRef(CurrentWork)),
      Context.add(CurrentConnections, here.getRef(CurrentConnections))
    )
    return Effect.succeed(<A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.withFiber<A, E, R>((fiber) => {
        const connections = fiber.getRef(CurrentConnections)
        if (connections === undefined) return effect
        const context = Context.merge(fiber.context as Context.Context<R>, around) as Context.Context<R>
        return Effect.callback<A, E>((resume) => {
          const work = Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, effect))
          connections.add(work)
          work.addObserver(resume)
          return Effect.asVoid(Fiber.interrupt(work))
        })
      })
    )
  })
