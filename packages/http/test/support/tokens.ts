/** Requests for tokens, and a simulated model that answers each with the number of tokens that it asks for. */
import { Latency } from "@switchgear/core/testing"
import { Behaviour } from "@switchgear/http/testing"
import type { Random } from "effect"

/** A request, and how soon it must be answered. */
export interface Request {
  readonly content: string
  /** The tokens of its answer. */
  readonly answer: number
  readonly name: "chat" | "long"
  readonly within: number
}

/** A number near the median, whose logarithm has this standard deviation. */
const drawn = (median: number, sigma: number) =>
  Latency.sampler(Latency.logNormal({ median, p95: median * Math.exp(1.6449 * sigma) }))

// A tenth of the tokens of real ones, at a tenth of the pace, so that texts are short.
const chat = { name: "chat", prompt: drawn(40, 0.6), answer: drawn(12, 0.7), most: 100, within: 10_000 } as const
const long = { name: "long", prompt: drawn(300, 0.5), answer: drawn(150, 0.7), most: 800, within: 60_000 } as const

/** Draws a chat or, one of five, a long request. */
export const requestOf = (random: Random.Random): Request => {
  const { answer, most, name, prompt, within } = random.nextDoubleUnsafe() < 0.2 ? long : chat
  const tokens = Math.ceil(Math.min(most, answer(random)))
  return { content: `${tokens}`.padEnd(4 * Math.ceil(prompt(random))), answer: tokens, name, within }
}

/** A chat takes 1.3 s, a long request 15 s. */
export const model = (concurrency: number, perMinute?: number): Behaviour.Behaviour => ({
  latency: Behaviour.constant(150),
  tokens: { prefill: 333, perSecond: 12.5, perMinute },
  capacity: { concurrency, above: "slows", slots: 2 * concurrency, waiting: 160 },
  outcome: Behaviour.perRequest(({ prompt }) => Behaviour.ok("word".repeat(Number.parseInt(prompt))))
})
