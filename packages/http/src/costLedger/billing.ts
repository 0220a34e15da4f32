/** What tokens cost by the rules of a ledger: which model's price, and what the provider told of the cost. */
import { replyTokens, type RequestTokens } from "../pricing/estimateTokens.ts"
import { isCertain, isSameModel } from "../pricing/modelNames.ts"
import { type Cost, costOf, minus, toldCost } from "../pricing/money.ts"
import { isPaidElsewhere } from "../chatReply/paidElsewhere.ts"
import { toldIn, ToldUsage } from "../pricing/toldUsage.ts"
import { nothing, type Parts, promptOf, tokensOf } from "../pricing/parts.ts"
import { usedOf } from "../pricing/usageParts.ts"
import type * as ChatModel from "../ChatModel.ts"
import { isCache, namesOf } from "../chatModel/stepPath.ts"
import type { Bill } from "./model.ts"
import type { Rules } from "./rules.ts"

const free: Cost = costOf({}, nothing)

/** What of an answer decides its bill. */
export type Billable = Pick<ChatModel.Answer, "step" | "degradation" | "value">

/** What was heard of an answer. */
export interface Heard {
  readonly told: ToldUsage
  /** Tokens that came after what was told, or that nothing was told of. */
  readonly output: number
  /** Whether the answer ended, so that nothing is missing. */
  readonly isWhole: boolean
  /** Whether nothing was said after the cost that was told, so that it is the cost of all. */
  readonly isCostFinal: boolean
}

/** What is heard of a reply that is there as a whole, where it is known by what it told. */
export const heardIn = (reply: ChatModel.Answer["value"], told: ToldUsage = toldIn(reply)): Heard =>
  whole(told, tellsOutput(told) ? 0 : replyTokens(reply))

/** What is heard of what was told, and of so many tokens that were said. */
export const heardOf = (told: ToldUsage, said: number): Heard => whole(told, tellsOutput(told) ? 0 : said)

const whole = (told: ToldUsage, output: number): Heard => ({ told, output, isWhole: true, isCostFinal: true })

/** Whether it tells how much came out. A zero does not, where something was said: some gateways fill it in. */
export const tellsOutput = (told: ToldUsage): boolean => {
  if (!told.tellsAny) return false
  const used = usedOf(told)?.parts
  return (used === undefined ? told.counts.completion ?? 0 : tokensOf(used) - promptOf(used)) > 0
}

/** What a request was estimated at, where that is asked for. */
interface Estimated {
  readonly expected: RequestTokens
}

/** Bills what was heard of the answer to a request that was estimated, and the model `asked` for is known if it told. */
export const billOf = (
  rules: Rules,
  tenant: string,
  answer: Billable,
  { isCostFinal, isWhole, output: heard, told }: Heard,
  estimated: Estimated,
  asked: string | undefined
): Bill => {
  const source = sourceOf(answer)
  // A gateway that does not know fills in zeros. No call to a model uses nothing.
  const counted = source !== undefined || told.tellsAny ? usedOf(told) : undefined
  const output = source !== undefined && counted !== undefined ? 0 : heard
  const { isTold, parts } = counted ??
    usedOf(told.tellsAny ? told : new ToldUsage(), { ...estimated.expected, output })!
  // What was told of the answer is what came before that; what is assumed is all of it.
  const isMore = counted !== undefined || (told.tellsAny && told.counts.completion !== undefined)
  const heardParts = output > 0 && isMore ? { ...parts, output: parts.output + output } : parts
  // No model answers without reading: where nonsense was told, a prompt of no tokens is one that was not counted.
  const unread = source === undefined && told.isDoubtful && promptOf(parts) === 0 ? estimated.expected : undefined
  const used = unread === undefined ? heardParts : { ...heardParts, ...promptPartsOf(unread) }
  const isUsage = counted !== undefined && isTold && output === 0 && promptOf(used) === promptOf(parts)
  const model = source ?? modelOf(rules, answer, asked)
  const price = model === undefined ? undefined : rules.prices[model]
  const byPrice = source === undefined ? costOf(price ?? {}, used) : undefined
  const priced = byPrice === undefined
    ? { cost: free, source: "free" as const }
    : pricedAt(byPrice, used, told.cost, isCostFinal)
  const byPrimary = byPrice !== undefined && price === rules.primary ? byPrice : costOf(rules.primary, used)
  return {
    tenant,
    model: model ?? "other",
    used,
    cost: priced.cost,
    source: priced.source,
    saving: minus(byPrimary.total, priced.cost.total),
    estimated: !(isWhole && (priced.source === "provider" ? isCostFinal : isUsage))
  }
}

/** The parts of a call of which only the request is known, or also how long its answer can be. */
export const partsOf = ({ audioInput, input, output }: RequestTokens): Parts => ({
  input,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  audioInput,
  output,
  reasoning: 0,
  audioOutput: 0
})

const promptPartsOf = ({ audioInput, input }: RequestTokens) => ({ input, audioInput })

/** What the provider told is what it bills. That it bills nothing is believed where no price says otherwise. */
const pricedAt = (
  cost: Cost,
  used: Parts,
  told: number | undefined,
  isFinal: boolean
): Pick<Bill, "cost" | "source"> => {
  // What was said after the cost was told costs more.
  if (told !== undefined && !isFinal && !(told > cost.known)) return { cost, source: sourceOfPriced(cost) }
  if (told !== undefined && !(told === 0 && cost.known > 0)) return { cost: toldCost(told, used), source: "provider" }
  return { cost, source: sourceOfPriced(cost) }
}

const sourceOfPriced = ({ total }: Cost): Bill["source"] => total === "unknown" ? "unknown" : "prices"

/**
 * The name in the catalogue of the model that answered: as the provider calls it, as the step is called, or as it was
 * asked for.
 */
const modelOf = (rules: Rules, { step, value }: Billable, asked: string | undefined): string | undefined => {
  const { model: told = "" } = value
  const found = told === "" ? undefined : rules.names.find(told)
  if (found !== undefined) return found
  // A certain model that the catalogue does not have is not the one that was asked: its price is not known.
  const steps = namesOf(step)
  const isAsked = asked !== undefined && isSameModel(told, asked)
  if (isCertain(told) && !isAsked && !steps.includes(told)) return undefined
  for (const name of asked === undefined ? steps : [...steps, asked]) {
    const known = rules.names.find(name)
    if (known !== undefined) return known
  }
  return undefined
}

/** Where an answer came from, if no model was asked for it, or another caller pays for the call. */
const sourceOf = ({ degradation, step, value }: Billable): "cache" | "canned" | "shared" | undefined =>
  degradation === "canned"
    ? "canned"
    : degradation === "stale" || isCache(step)
    ? "cache"
    : isPaidElsewhere(value)
    ? "shared"
    : undefined
