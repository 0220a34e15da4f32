/**
 * Work outside of a world that a node waits for, as for a server that is not simulated as a node. It runs by the clock from
 * outside, and goes on while the node is paused. When the node crashes, it is interrupted: a broken connection.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { CurrentWork } from "../virtualClock/pendingWork.ts"

/** What a node waits for outside, from a start of the node to its crash. */
export class Connections {
  isBroken = false
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()

  add(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
    fiber.addObserver(() => this.fibers.delete(fiber))
  }

  break(): void {
    this.isBroken = true
    for (const fiber of this.fibers) fiber.interruptUnsafe()
  }
}

/** Those of the node that the running fiber belongs to; undefined outside of a world. */
export const CurrentConnections = Context.Reference<Connections | undefined>(
  "@switchgear/core/testing/World/Connections",
  { defaultValue: () => undefined }
)

/** Wraps an effect in another one. */
export type Wrapping = <A, E, R, A2, E2>(
  self: Effect.Effect<A, E, R>,
  wrap: (self: Effect.Effect<A, E, R>) => Effect.Effect<A2, E2, R>
) => Effect.Effect<A2, E2, R>

/** Wraps effects where they run. */
export const inPlace: Wrapping = (self, wrap) => wrap(self)

/**
 * Wraps effects of nodes outside, where the running fiber is. The effect itself runs on its node, by the clock of that.
 * Effects of others are wrapped where they run.
 */
export const outside: Effect.Effect<Wrapping> = Effect.withFiber((here) => {
  const around = Context.empty().pipe(
    Context.add(Clock.Clock, here.getRef(Clock.Clock)),
    Context.add(Scheduler.Scheduler, here.getRef(Scheduler.Scheduler)),
    Context.add(CurrentWork, here.getRef(CurrentWork)),
    Context.add(CurrentConnections, here.getRef(CurrentConnections))
  )
  const wrapping: Wrapping = (self, wrap) =>
    Effect.withFiber((fiber) => {
      const connections = fiber.getRef(CurrentConnections)
      if (connections === undefined) return wrap(self)
      const onNode = Exit.isExit(self) ? self : inContext(self, fiber.context, {
        onStart: () => {},
        // A fiber of a node that has crashed never ends.
        mayLeave: () => connections.isBroken
      })
      return inContext(wrap(onNode), Context.merge(fiber.context, around), {
        onStart: (work) => connections.add(work),
        mayLeave: () => false
      })
    })
  return Effect.succeed(wrapping)
})

/** Runs an effect in a fiber with another clock and scheduler, and waits for it. */
const inContext = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<never>,
  { mayLeave, onStart }: {
    readonly onStart: (fiber: Fiber.Fiber<A, E>) => void
    /** Whether nobody waits for its end when it is interrupted. */
    readonly mayLeave: () => boolean
  }
): Effect.Effect<A, E, R> =>
  Effect.callback<A, E>((resume) => {
    const fiber = Effect.runForkWith(context as Context.Context<R>)(Effect.andThen(Effect.yieldNow, effect))
    onStart(fiber)
    fiber.addObserver(resume)
    return Effect.suspend(() => mayLeave() ? Effect.void : Effect.asVoid(Fiber.interrupt(fiber)))
  })
