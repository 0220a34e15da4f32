/** A call of a simulated service, in the fiber of its caller or beside it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import { prepare, rejection } from "../../internal/runtime/rejection.ts"
import { ServiceRefused } from "./ServiceRefused.ts"
import type { ServiceCall } from "./serviceCall.ts"
import type { SlotPool } from "./slotPool.ts"

prepare(ServiceRefused)

/**
 * Does the work in a slot. Without its caller, it stops or goes on, as the workplace says at the beginning of the call.
 */
export const inSlot = <A, E, R>(
  pool: SlotPool,
  service: string,
  work: (slot: ServiceCall) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ServiceRefused, R> =>
  Effect.withFiber((caller) => {
    const attended = Effect.withFiber<A, E | ServiceRefused, R>((fiber) => {
      let slot: ServiceCall | undefined
      return Effect.onExitPrimitive(
        // The slot is taken inside of the frame that gives it back, so that no interrupt can fall between the two.
        Effect.suspend((): Effect.Effect<A, E | ServiceRefused, R> => {
          slot = pool.open(fiber)
          if (slot === undefined) return Exit.fail(rejection(ServiceRefused, { _tag: "ServiceRefused", service }))
          return slot.state === "inside" ? work(slot) : Effect.flatMap(slot.ready, () => work(slot!))
        }),
        () => {
          slot?.leave()
          return undefined
        }
      )
    })
    return pool.goesOn(caller) ? Effect.flatMap(forkOfService(attended), Fiber.join) : attended
  })

/** Forks work that is the service's own: what counts the fibers of the program does not count it. */
const forkOfService = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.provideService(Effect.forkDetach(work, { startImmediately: true }), Metric.FiberRuntimeMetrics, undefined)
