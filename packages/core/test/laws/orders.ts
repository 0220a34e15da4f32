/** Programs in an order of chance. */
import { Effect } from "effect"
import { play } from "./play.ts"
import type { Program } from "./program.ts"

// The only law that speaks of the order of turns, which is drawn here: a call that has ended may let others go first.
const ofTurns = "one's own answer first"

/** Plays the program in the order of the seed, and answers the laws that it broke. */
export const brokenInOrder = (program: Program, seed: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(play(program, { order: { seed } }), ({ broken }) => broken.filter((law) => !law.startsWith(ofTurns)))
