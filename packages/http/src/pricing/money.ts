/**
 * Money in whole micro-dollars. Products of tokens and prices are taken in `bigint` where they pass what a number holds
 * exactly; amounts are safe integers, so that they can be added, compared and written as JSON by anybody.
 */
import { nothing, type Part, partNames, type Parts, promptOf } from "./parts.ts"

/**
 * An amount in whole micro-dollars, or that it is not known.
 *
 * @category models
 * @since 0.1.0
 */
export type Amount = number | "unknown"

/** Micro-dollars for a million tokens, by part. */
type PartPrices = { readonly [P in Part]?: number | undefined }

/**
 * The prices of a request whose prompt has more tokens than `above`, for all of its tokens. A part that is not named
 * keeps its price.
 *
 * @category models
 * @since 0.1.0
 */
export type Tier = PartPrices & { readonly above: number }

/**
 * Micro-dollars for a million tokens, by part. A part that is not named has no known price, which is not a price of 0.
 * With `tiers`, longer prompts have other prices.
 *
 * @category models
 * @since 0.1.0
 */
export type Price = PartPrices & { readonly tiers?: ReadonlyArray<Tier> | undefined }

/** The prices for a prompt of so many tokens. */
export const priceAt = (price: Price, prompt: number): PartPrices => {
  if (price.tiers === undefined) return price
  const tier = price.tiers.findLast(({ above }) => prompt > above)
  return tier === undefined ? price : { ...price, ...definedIn(tier) }
}

const definedIn = (tier: Tier): PartPrices =>
  Object.fromEntries(Object.entries(tier).filter(([, price]) => price !== undefined))

/** What is wrong with tiers: which field, with which value, and what it has to be. */
export const tierProblem = (
  tiers: ReadonlyArray<{ readonly above: unknown }> | undefined
): { readonly field: string; readonly value: unknown; readonly range: string } | undefined => {
  let before = 0
  for (const [i, { above }] of (tiers ?? []).entries()) {
    if (!Number.isSafeInteger(above) || !((above as number) > before)) {
      const range = i === 0
        ? "a whole number of tokens of at least 1"
        : `a whole number of tokens above the ${before} of the tier before it`
      return { field: `tiers[${i}].above`, value: above, range }
    }
    before = above as number
  }
  return undefined
}

/**
 * What some tokens cost: the `total`, each of the `parts`, and what is `known` of it at least.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cost {
  /** All parts together; unknown if tokens were used in a part that has no known price. */
  readonly total: Amount
  /** The parts with a known price together: the total, or the least that it can be. */
  readonly known: number
  readonly parts: { readonly [P in Part]: Amount }
}

const million = 1_000_000n

/** The quotient, rounded half up, of a dividend that is not negative. */
const divided = (dividend: bigint, divisor: bigint): number => {
  const quotient = (dividend + divisor / 2n) / divisor
  return quotient > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(quotient)
}

/** What so many tokens cost at so much a million, in millionths of a micro-dollar, where nothing needs rounding. */
export const exactly = (tokens: number, perMillion: number): bigint => BigInt(tokens) * BigInt(perMillion)

/** Whole micro-units of a currency, for an exact amount of dollars and the micro-units that a dollar buys. */
export const exchanged = (exact: bigint, rate: number): number => divided(exact * BigInt(rate), million * million)

/**
 * Prices disjoint parts. What is rounded, once, is the sum of the parts up to each; a part is the difference of two
 * such sums. So the parts add up to the total to the last micro-dollar, and none is off by more than one.
 */
export const costOf = (price: Price, used: Parts): Cost => {
  const prices = priceAt(price, promptOf(used))
  const parts: { [P in Part]: Amount } = { ...nothing }
  let exact: number | bigint = 0
  let known = 0
  let isKnown = true
  for (const part of partNames) {
    if (used[part] === 0) continue
    const perMillion = prices[part]
    if (perMillion === undefined) {
      parts[part] = "unknown"
      isKnown = false
    } else {
      exact = added(exact, used[part], perMillion)
      const sum = inMicros(exact)
      parts[part] = sum - known
      known = sum
    }
  }
  return { total: isKnown ? known : "unknown", known, parts }
}

/** What some tokens cost at least: what `costOf` tells as `known`. */
export const leastCostOf = (price: Price, used: Parts): number => {
  const prices = priceAt(price, promptOf(used))
  let exact: number | bigint = 0
  for (const part of partNames) {
    const tokens = used[part]
    const perMillion = tokens === 0 ? undefined : prices[part]
    if (perMillion !== undefined) exact = added(exact, tokens, perMillion)
  }
  return inMicros(exact)
}

/** A sum and a product, as a number while that holds them exactly. */
const added = (sum: number | bigint, tokens: number, perMillion: number): number | bigint => {
  const exact = typeof sum === "number" ? sum + tokens * perMillion : NaN
  return exact <= mostExact ? exact : BigInt(sum) + exactly(tokens, perMillion)
}

/** The quotient by a million, rounded half up. */
const inMicros = (exact: number | bigint): number => {
  if (typeof exact === "bigint") return divided(exact, million)
  const dividend = exact + 500_000
  return (dividend - dividend % 1_000_000) / 1_000_000
}

/** With what is added to round it, a sum is still a safe integer. */
const mostExact = Number.MAX_SAFE_INTEGER - 500_000

/** What the provider says that the tokens cost, which says nothing about the parts. */
export const toldCost = (total: number, used: Parts): Cost => ({
  total,
  known: total,
  parts: Object.fromEntries(partNames.map((part) => [part, used[part] === 0 ? 0 : "unknown"])) as Cost["parts"]
})

/** A sum that stays a safe integer, at which $9 billion are as much as there is. */
export const plus = (a: number, b: number): number =>
  Math.max(Math.min(a + b, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)

export const minus = (a: Amount, b: Amount): Amount => a === "unknown" || b === "unknown" ? "unknown" : a - b

/** Whole micro-units for a number with at most six decimals, which is not negative; undefined for any other. */
export const micros = (value: unknown): number | undefined => {
  if (typeof value !== "number" || !(value >= 0)) return undefined
  const scaled = Math.round(value * 1e6)
  // 0.07 times a million is not quite 70,000: such noise is some parts in 10^16, a seventh decimal is a tenth.
  return Number.isSafeInteger(scaled) && Math.abs(value * 1e6 - scaled) <= scaled * 1e-12 ? scaled : undefined
}
