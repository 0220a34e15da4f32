/** What the customers ask, from the seed alone: the same customers come to every lane, and nobody remembers them. */
import { Effect, Random } from "effect"
import { about, frequent } from "../arrivals.ts"

/** How many of ten customers tap one of the questions that the page of the sale suggests. */
const frequentInTen = 9

/** The next customer's question, by their number. */
export type Questions = (customer: number) => string

export const questions = (seed: string): Effect.Effect<Questions> =>
  Effect.map(Random.withSeed(Random.Random, `${seed} questions`), (random): Questions => {
    const oneOf = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random.nextDoubleUnsafe() * all.length)]!
    return (customer) =>
      random.nextDoubleUnsafe() * 10 < frequentInTen ? oneOf(frequent) : oneOf(about)(881_100_000 + customer)
  })
