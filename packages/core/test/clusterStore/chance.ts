/** Chance of the current seed, drawn at once: an effect for each draw would take most of the time of ten thousand histories. */
import { Effect, Random } from "effect"

export interface Chance {
  /** From 0 to 1, which it never is. */
  readonly share: () => number
  readonly choice: <const A>(...values: ReadonlyArray<A>) => A
  /** Whole, from 0 to `most`. */
  readonly upTo: (most: number) => number
  /** Whole, both included. */
  readonly between: (least: number, most: number) => number
}

export const Chance: Effect.Effect<Chance> = Effect.map(Random.Random, (random) => {
  const share = (): number => random.nextDoubleUnsafe()
  const upTo = (most: number): number => Math.floor(share() * (most + 1))
  return {
    share,
    upTo,
    between: (least, most) => least + upTo(most - least),
    choice: (...values) => values[Math.floor(share() * values.length)]!
  }
})
