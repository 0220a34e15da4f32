/** Requests for tokens: chats that are short, and long ones that reason. */
import { Latency } from "@switchgear/core/testing"
import type { Random } from "effect"

/** What a request takes from a provider at full speed, and by when its caller needs the answer. */
export interface Request {
  readonly name: keyof typeof classes
  readonly millis: number
  readonly within: number
}

/** A number near the median, whose logarithm has this standard deviation. */
export const drawn = (median: number, sigma: number) =>
  Latency.sampler(Latency.logNormal({ median, p95: median * Math.exp(1.6449 * sigma) }))

const classes = {
  chat: { prompt: drawn(400, 0.6), answer: drawn(120, 0.7), most: 1000, within: 10_000 },
  long: { prompt: drawn(3000, 0.5), answer: drawn(1500, 0.7), most: 8000, within: 60_000 }
}
const first = drawn(1, 0.2)
const pace = drawn(1, 0.1)
const straggler = drawn(3000, 0.5)

/**
 * Draws a request. The first token takes 150 ms and 0.3 ms for each token of the prompt, up or down by a fifth, and one of a
 * hundred takes three seconds more. Each token of the answer takes 8 ms. A chat takes 1.3 s on average, a long one 15 s.
 */
export const requestOf = (random: Random.Random, longShare: number): Request => {
  const name = random.nextDoubleUnsafe() < longShare ? "long" : "chat"
  const { answer, most, prompt, within } = classes[name]
  const straggles = random.nextDoubleUnsafe() < 0.01 ? straggler(random) : 0
  const toFirst = (150 + 0.3 * prompt(random)) * first(random) + straggles
  return { millis: toFirst + 8 * Math.min(most, answer(random)) * pace(random), within, name }
}
