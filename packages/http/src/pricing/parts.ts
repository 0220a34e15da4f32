/** The parts of what a call used, each of which can have a price of its own. */

/** The parts of a usage that can have prices of their own, those of the prompt first. */
export const partNames = [
  "input",
  "cachedInput",
  "cacheWrite",
  "cacheWrite1h",
  "audioInput",
  "output",
  "reasoning",
  "audioOutput"
] as const

/**
 * A kind of token that can have a price of its own: of the prompt `input`, `cachedInput`, `cacheWrite`, `cacheWrite1h`
 * (written to a cache that lasts an hour) and `audioInput`, of the completion `output`, `reasoning` and `audioOutput`.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = (typeof partNames)[number]

/**
 * How many tokens each part has. No token is in two of them.
 *
 * @category models
 * @since 0.1.0
 */
export type Parts = { readonly [P in Part]: number }

export const nothing: Parts = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  output: 0,
  reasoning: 0,
  audioOutput: 0
}

/** The tokens of the prompt, in all its parts. */
export const promptOf = ({ audioInput, cacheWrite, cacheWrite1h, cachedInput, input }: Parts): number =>
  input + cachedInput + cacheWrite + cacheWrite1h + audioInput

/** The tokens of all parts. */
export const tokensOf = (parts: Parts): number => promptOf(parts) + parts.output + parts.reasoning + parts.audioOutput

/** What a call used, and whether all of it was told and makes sense. */
export interface Used {
  readonly parts: Parts
  readonly isTold: boolean
}
