/** The seeds of all random numbers of the kit. Each stream has a seed of its own. */
import * as Context from "effect/Context"

/**
 * The seed of a stream: the same for the same parts, and different for any others. Written as JSON, because names that
 * are only joined can be read in several ways.
 */
export const seedOf = (kind: string, ...parts: ReadonlyArray<string | number>): string =>
  JSON.stringify([kind, ...parts.map(String)])

/** The seed of the scenario that runs; undefined outside of one. It is part of the seed of everything made in the run. */
export const RunSeed = Context.Reference<string | undefined>("@switchgear/core/testing/Scenario/RunSeed", {
  defaultValue: () => undefined
})
