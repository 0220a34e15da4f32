/** A stream of random numbers for each purpose of a world. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** The parts are written as JSON, so that no two lists of parts give one seed. */
export const seeded = (...parts: ReadonlyArray<string>): Random.Random =>
  Effect.runSync(Random.withSeed(Random.Random, JSON.stringify(parts)))

/** Draws only when chance decides, so that a rate of 0 or 1 does not change other draws. */
export const happens = (rate: number, random: Random.Random): boolean =>
  rate > 0 && (rate >= 1 || random.nextDoubleUnsafe() < rate)
