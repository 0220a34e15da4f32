/**
 * What a reply costs, to the micro-dollar, and what a month of them will: each kind of token at its own price, and
 * "unknown" wherever a price is not known.
 *
 * Most providers count some tokens twice: cached tokens are also prompt tokens, reasoning tokens are also completion
 * tokens. {@link parts} makes disjoint parts of that, by all names that providers have for them, so that each token is
 * paid once.
 *
 * Amounts are whole micro-dollars (`8_000_000` is $8) as safe integers: exact up to $9 billion, and JSON. The one place
 * where something is rounded is a reply's total, half up; its parts add up to it exactly. {@link estimate} multiplies
 * first and rounds once at the end.
 *
 * **Gotchas.** A part without a price makes the total unknown as soon as one token is used in it, `reasoning` included:
 * a catalogue has to say that reasoning is paid as output. A price of 0 is a price. Details that overlap each other,
 * such as cached audio, are paid as the first of cached, cache write, audio, and of reasoning, audio.
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * const price = Pricing.price({ input: 2.5, cachedInput: 0.5, output: 8, reasoning: 8 })
 * const usage = {
 *   prompt_tokens: 500,
 *   completion_tokens: 300,
 *   prompt_tokens_details: { cached_tokens: 400 },
 *   completion_tokens_details: { reasoning_tokens: 100 }
 * }
 *
 * Pricing.parts(usage)?.input // => 100
 * const { parts, total } = Pricing.cost(price, usage)
 * total // => 2_850
 * parts.reasoning // => 800
 * Pricing.format(total) // => "$0.00285"
 * Pricing.cost(Pricing.price({ output: 8 }), usage).total // => "unknown"
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type * as ChatSchema from "./ChatSchema.ts"
import * as money from "./pricing/money.ts"
import type { Amount, Cost, Price, Tier } from "./pricing/money.ts"
import { type RequestTokens, requestTokens, type TokenEstimate } from "./pricing/estimateTokens.ts"
import { toldBy } from "./pricing/toldUsage.ts"
import { type Part, partNames, type Parts } from "./pricing/parts.ts"
import { tokens, usedOf } from "./pricing/usageParts.ts"

export type { Amount, Cost, Part, Parts, Price, RequestTokens, Tier, TokenEstimate }

/**
 * Prices by the names of the models.
 *
 * @category models
 * @since 0.1.0
 */
export type Catalogue = { readonly [model: string]: Price }

/**
 * A model that the catalogue does not have.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownModel extends Schema.TaggedError<UnknownModel>("@switchgear/http/Pricing/UnknownModel")(
  "UnknownModel",
  { model: Schema.String, known: Schema.Array(Schema.String) }
) {
  override get message(): string {
    return `The price catalogue has no model ${JSON.stringify(this.model)}. It has: ${this.known.join(", ") || "none"}.`
  }
}

/**
 * A price file that cannot be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class PricesUnreadable
  extends Schema.TaggedError<PricesUnreadable>("@switchgear/http/Pricing/PricesUnreadable")("PricesUnreadable", {
    path: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `The price file ${this.path} cannot be read: ${this.problem}`
  }
}

/**
 * Prices that are not prices: which model, which part, which value, and what is allowed.
 *
 * @category errors
 * @since 0.1.0
 */
export class PricesInvalid
  extends Schema.TaggedError<PricesInvalid>("@switchgear/http/Pricing/PricesInvalid")("PricesInvalid", {
    /** Where they came from: a path, or `"catalogue"`. */
    source: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `The prices of ${this.source} are not valid: ${this.problem}`
  }
}

const range = "dollars for a million tokens: a number of zero or more with at most six decimals"

const Dollars = Schema.Number.annotate({ message: `Expected ${range}` }).pipe(
  Schema.check(
    Schema.makeFilter((value: number) => money.micros(value) !== undefined || `Expected ${range}, got ${value}`)
  ),
  Schema.decodeTo(Schema.Int, {
    decode: SchemaGetter.transform((dollars: number) => money.micros(dollars)!),
    encode: SchemaGetter.transform((micros: number) => micros / 1e6)
  })
)

const partFields = {
  input: Schema.optionalKey(Dollars),
  cachedInput: Schema.optionalKey(Dollars),
  cacheWrite: Schema.optionalKey(Dollars),
  cacheWrite1h: Schema.optionalKey(Dollars),
  audioInput: Schema.optionalKey(Dollars),
  output: Schema.optionalKey(Dollars),
  reasoning: Schema.optionalKey(Dollars),
  audioOutput: Schema.optionalKey(Dollars)
}

const TierSchema = Schema.Struct({ above: Schema.Number, ...partFields }).annotate({
  message: `Expected { above, ${partNames.join(", ")} }`,
  messageUnexpectedKey: `There is no such part. There are: above, ${partNames.join(", ")}`
})

const Tiers = Schema.Array(TierSchema).check(
  Schema.makeFilter((tiers: ReadonlyArray<{ readonly above: number }>) => {
    const problem = money.tierProblem(tiers)
    return problem === undefined || `Expected ${problem.field} to be ${problem.range}, got ${problem.value}`
  })
)

const PriceSchema = Schema.Struct({
  ...partFields,
  tiers: Schema.optionalKey(Tiers)
}).annotate({
  message: `Expected { ${partNames.join(", ")} } in dollars for a million tokens`,
  messageUnexpectedKey: `There is no such part. There are: ${partNames.join(", ")}, tiers`
})

/**
 * A catalogue as it is written in JSON or YAML, in dollars for a million tokens: `{ "gpt-4.1": { "input": 2.5,
 * "output": 8, "reasoning": 8 } }`. Decode it with {@link decode}, which also refuses parts that do not exist.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CatalogueSchema = Schema.Record(Schema.String, PriceSchema).annotate({
  message: "Expected prices by model, as in { \"gpt-4.1\": { \"input\": 2.5, \"output\": 8 } }"
})

/**
 * A catalogue out of a value such as parsed JSON. `source` is named in the error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decode = (value: unknown, source = "catalogue"): Effect.Effect<Catalogue, PricesInvalid> =>
  Schema.decodeUnknownEffect(CatalogueSchema)(value, { errors: "all", onExcessProperty: "error" }).pipe(
    Effect.mapError(({ message }) => new PricesInvalid({ source, problem: message }))
  )

/**
 * A catalogue out of a JSON file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFile = (
  path: string
): Effect.Effect<Catalogue, PricesUnreadable | PricesInvalid, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(
      files.readFileString(path),
      ({ message }) => new PricesUnreadable({ path, problem: message })
    )
    const json = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => new PricesInvalid({ source: path, problem: "it is not JSON" })
    })
    return yield* decode(json, path)
  })

const refuse = (where: string, field: string, range: string, value: unknown): never => {
  throw new RangeError(`Pricing.${where}: ${field} must be ${range}, got ${String(value)}`)
}

const microsOf = (where: string, field: string, value: unknown, range: string): number =>
  money.micros(value) ?? refuse(where, field, range, value)

/** Dollars for a million tokens, by part. */
type PartDollars = { readonly [P in Part]?: number | undefined }

/**
 * Dollars for a million tokens. Each of the `tiers` has the prices of requests whose prompt has more tokens than
 * `above`.
 *
 * @category options
 * @since 0.1.0
 */
export type PriceOptions = PartDollars & {
  readonly tiers?: ReadonlyArray<PartDollars & { readonly above: number }> | undefined
}

/**
 * A price out of dollars for a million tokens. Throws a `RangeError` that names the field when one is out of range.
 *
 * With `tiers`, all tokens of a longer prompt have other prices; a part that a tier does not name keeps its price.
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * const price = Pricing.price({
 *   input: 1.25,
 *   output: 10,
 *   tiers: [{ above: 200_000, input: 2.5, output: 15 }]
 * })
 * Pricing.cost(price, { prompt_tokens: 200_000, completion_tokens: 1000 }).total // => 260_000
 * Pricing.cost(price, { prompt_tokens: 200_001, completion_tokens: 1000 }).total // => 515_003
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const price = (dollars: PriceOptions): Price => {
  const problem = money.tierProblem(dollars.tiers)
  if (problem !== undefined) refuse("price", problem.field, problem.range, problem.value)
  return {
    ...partPrices(dollars, ""),
    ...(dollars.tiers !== undefined && {
      tiers: dollars.tiers.map(({ above, ...tier }, i) => ({ above, ...partPrices(tier, `tiers[${i}].`) }))
    })
  }
}

const partPrices = (dollars: PartDollars, place: string): { readonly [P in Part]?: number } =>
  Object.fromEntries(
    partNames.filter((part) => dollars[part] !== undefined).map((
      part
    ) => [part, microsOf("price", place + part, dollars[part], range)])
  )

/**
 * The four models of the article on the night of Double Eleven, with the prices it prints, which are of output.
 * Reasoning is output. It prints no prices of input by model, so they are unknown here: for real bills, give real
 * prices.
 *
 * @category models
 * @since 0.1.0
 */
export const article: Catalogue = {
  "gpt-4.1": price({ output: 8, reasoning: 8 }),
  "claude-sonnet-4.5": price({ output: 15, reasoning: 15 }),
  "gemini-2.5-flash": price({ output: 2.5, reasoning: 2.5 }),
  "deepseek-v3.2": price({ output: 0.42, reasoning: 0.42 })
}

/**
 * The price of a model.
 *
 * @category combinators
 * @since 0.1.0
 */
export const priceOf = (catalogue: Catalogue, model: string): Effect.Effect<Price, UnknownModel> =>
  Effect.suspend(() =>
    Object.hasOwn(catalogue, model)
      ? Effect.succeed(catalogue[model]!)
      : Effect.fail(new UnknownModel({ model, known: Object.keys(catalogue) }))
  )

/**
 * The usage of a reply in disjoint parts, by all names that providers have for them; undefined where the provider did
 * not say how many tokens went in or came out. Details are parts of the totals, unless the sums or the names tell that
 * they come on top: the cache of Anthropic, the reasoning of xAI and Gemini. What is no number of tokens counts as not
 * told.
 *
 * @category combinators
 * @since 0.1.0
 */
export const parts = (usage: ChatSchema.Usage | undefined): Parts | undefined =>
  usage === undefined ? undefined : usedOf(toldBy(usage))?.parts

/**
 * What a reply costs by its usage and the price, without regard to a cost that the provider tells. Without usage, or
 * without a price for a model, everything is unknown.
 *
 * @category combinators
 * @since 0.1.0
 */
export const cost = (price: Price | undefined, usage: ChatSchema.Usage | undefined): Cost => {
  const used = parts(usage)
  return used === undefined ? nothingKnown : costOfParts(price, used)
}

/**
 * What the provider says that a reply cost, in micro-dollars: `usage.cost` of OpenRouter, `cost_in_usd_ticks` of xAI and
 * the like; undefined where it says nothing, or what no reply costs (below zero, above $1,000).
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * Pricing.told({ prompt_tokens: 16, completion_tokens: 27, cost: 0.000092 }) // => 92
 * Pricing.told({ prompt_tokens: 16, completion_tokens: 27, cost: -1 }) // => undefined
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const told = (usage: ChatSchema.Usage | undefined): number | undefined => toldBy(usage).cost

/**
 * The most tokens that a request can use: the bytes of its text, since tokenizers make at most one token of a byte;
 * images, sounds, videos and files by what they are and not by the bytes of their base64; and for each of its `n`
 * choices its `max_tokens`, or `assumedOutput` where it has none. Ledgers and rate limiters reserve that, unless they
 * are given an `estimate` of your own.
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * const image = { type: "image_url", image_url: { url: "https://example.com/parcel.png", detail: "low" } }
 * const { input, output } = Pricing.estimateTokens({
 *   messages: [{ role: "user", content: [{ type: "text", text: "What is this?" }, image] }],
 *   max_tokens: 300
 * })
 * input // => 204
 * output // => 300
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const estimateTokens = (
  request: object,
  assumedOutput = 4096
): RequestTokens => requestTokens(request, assumedOutput)

/**
 * What disjoint parts cost; unknown wherever tokens were used without a price.
 *
 * @category combinators
 * @since 0.1.0
 */
export const costOfParts = (price: Price | undefined, used: Parts): Cost => money.costOf(price ?? {}, used)

const nothingKnown: Cost = {
  total: "unknown",
  known: 0,
  parts: Object.fromEntries(partNames.map((part) => [part, "unknown"])) as Cost["parts"]
}

/**
 * How many requests of what size, at which price.
 *
 * @category options
 * @since 0.1.0
 */
export interface EstimateOptions {
  readonly requests: number
  /** Tokens in one prompt. */
  readonly inputTokens: number
  /** Tokens in one completion. */
  readonly outputTokens: number
  readonly price: Price
  /** What a dollar costs in the currency of the estimate, with at most six decimals. @default 1: in dollars */
  readonly exchangeRate?: number | undefined
}

/**
 * What many requests cost, in whole micro-units of the currency.
 *
 * @category models
 * @since 0.1.0
 */
export interface Estimate {
  readonly input: Amount
  readonly output: Amount
  readonly total: Amount
}

/**
 * What many requests of one size cost. Throws a `RangeError` that names the field when a number is out of range.
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * const { input, output } = Pricing.estimate({
 *   requests: 100_000_000,
 *   inputTokens: 500,
 *   outputTokens: 300,
 *   price: Pricing.price({ input: 2.5, output: 8 }),
 *   exchangeRate: 7.3
 * })
 * Pricing.format(input, "¥") // => "¥912,500.00"
 * Pricing.format(output, "¥") // => "¥1,752,000.00"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const estimate = (
  { exchangeRate, inputTokens, outputTokens, requests, ...options }: EstimateOptions
): Estimate => {
  const price = money.priceAt(options.price, inputTokens)
  const count = (field: string, value: number) =>
    tokens(value) === value ? BigInt(value) : refuse("estimate", field, "a whole number from 0 to 10^15", value)
  const rate = microsOf("estimate", "exchangeRate", exchangeRate ?? 1, "a number above zero with at most six decimals")
  if (rate === 0) refuse("estimate", "exchangeRate", "a number above zero with at most six decimals", exchangeRate)
  const exact = (field: string, each: number, perMillion: number | undefined): bigint | undefined => {
    const used = count("requests", requests) * count(field, each)
    return used === 0n ? 0n : perMillion === undefined ? undefined : used * BigInt(perMillion)
  }
  const input = exact("inputTokens", inputTokens, price.input)
  const output = exact("outputTokens", outputTokens, price.output)
  const amount = (exact: bigint | undefined) => exact === undefined ? "unknown" : money.exchanged(exact, rate)
  return {
    input: amount(input),
    output: amount(output),
    total: amount(input === undefined || output === undefined ? undefined : input + output)
  }
}

/**
 * An amount as text: with two decimals, and more where there is more.
 *
 * ```ts
 * import { Pricing } from "@switchgear/http"
 *
 * Pricing.format(1_234_500_000) // => "$1,234.50"
 * Pricing.format(-126) // => "-$0.000126"
 * Pricing.format("unknown") // => "unknown"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const format = (amount: Amount, currency = "$"): string => {
  if (amount === "unknown") return amount
  const digits = String(Math.abs(amount)).padStart(7, "0")
  const whole = digits.slice(0, -6).replace(/\B(?=(\d{3})+$)/g, ",")
  const decimals = digits.slice(-6).replace(/0{1,4}$/, "")
  return `${amount < 0 ? "-" : ""}${currency}${whole}.${decimals}`
}
