/** The customers of the night: the same ones come to every lane. */
import { Effect, Random } from "effect"
import { beginnings, phases } from "./script.ts"

export interface Customer {
  /** Milliseconds after the beginning of the night. */
  readonly at: number
  readonly question: string
}

/** A generator of numbers that repeats itself. */
export const seeded = (seed: string): Random.Random => Effect.runSync(Random.withSeed(Random.Random, seed))

/** Four customers of ten ask one of eleven questions that others ask as well. */
const frequent = { share: 0.4, questions: 11 }

/** This seed brings 1,508 customers. */
export const customers = (seed = "night 1076"): ReadonlyArray<Customer> => {
  const random = seeded(seed)
  const next = () => random.nextDoubleUnsafe()
  const customers: Array<Customer> = []
  phases.forEach(({ millis, rate }, i) => {
    const gap = () => -Math.log(1 - next()) * 1000 / rate
    for (let at = gap(); at < millis; at += gap()) {
      const question = next() < frequent.share
        ? `Frequent question ${Math.floor(next() * frequent.questions)}`
        : `Where is order ${customers.length}?`
      customers.push({ at: beginnings[i]! + at, question })
    }
  })
  return customers
}
