/** The services of the calls of a load: those around it, with the chance of its seed. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"

// In one layer: where a context has many, Effect copies all its services for each that a call adds. It also copies those
// of a call that often asks for services below what it has added: the clock and the scheduler are therefore on top.
const mostLayers = 16

export const callContext = <R>(around: Context.Context<R>, random: Random.Random): Context.Context<R> =>
  Context.makeUnsafe<R>(new Map(around.mapUnsafe), { maxDepth: mostLayers }).pipe(
    Context.add(Random.Random, random),
    Context.add(Scheduler.Scheduler, Context.get(around, Scheduler.Scheduler)),
    Context.add(Clock.Clock, Context.get(around, Clock.Clock))
  ) as Context.Context<R>
