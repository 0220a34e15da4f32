/** The services of the calls of a load: those around it, with the chance of its seed. */
import * as Context from "effect/Context"
import * as Random from "effect/Random"

// In one layer: where a context has eight, Effect copies all its services for each that a call adds.
export const callContext = <R>(around: Context.Context<R>, random: Random.Random): Context.Context<R> =>
  Context.makeUnsafe(new Map(around.mapUnsafe).set(Random.Random.key, random))
