/** What tokens cost by the rules of a ledger: which model's price, and what the provider told of the cost. */
import { replyTokens, type RequestTokens } from "../pricing/estimateTokens.ts"
import { isCertain } from "../pricing/modelNames.ts"
import { type Cost, costOf, minus, toldCost } from "../pricing/money.ts"
import { toldIn, type ToldUsage } from "../pricing/toldUsage.ts"
import { nothing, type Parts, usedOf } from "../pricing/usageParts.ts"
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
}

/** What is heard of a reply that is there as a whole. */
export const heardIn = (reply: ChatModel.Answer["value"]): Heard => {
  const told = toldIn(reply)
  return {
    told,
    output: usedOf(told) === undefined && told.counts.completion === undefined ? replyTokens(reply) : 0,
    isWhole: true
  }
}

/** Bills what was heard. The request was estimated at `expected`, and the model `asked` for is known if it told. */
export const billOf = (
  rules: Rules,
  tenant: string,
  answer: Billable,
  { isWhole, output, told }: Heard,
  expected: () => RequestTokens,
  asked: string | undefined
): Bill => {
  const counted = usedOf(told)
  const { isTold, parts } = counted ?? usedOf(told, { ...expected(), output })!
  // What was told of the answer is what came before that; what is assumed is all of it.
  const isMore = counted !== undefined || told.counts.completion !== undefined
  const used = output > 0 && isMore ? { ...parts, output: parts.output + output } : parts
  const source = sourceOf(answer)
  const model = source ?? modelOf(rules, answer, asked)
  const price = model === undefined ? undefined : rules.prices[model]
  const priced = source === undefined ? pricedAt(price, used, told.cost) : { cost: free, source: "free" as const }
  return {
    tenant,
    model: model ?? "other",
    used,
    ...priced,
    saving: minus(costOf(rules.primary, used).total, priced.cost.total),
    estimated: priced.source !== "provider" && !(counted !== undefined && isTold && isWhole && output === 0)
  }
}

/** The parts of a call of which only the request is known, or also how long its answer can be. */
export const partsOf = ({ audioInput, input, output }: RequestTokens): Parts => ({
  ...nothing,
  input,
  audioInput,
  output
})

/** What the provider told is what it bills. That it bills nothing is believed where no price says otherwise. */
const pricedAt = (
  price: Rules["primary"] | undefined,
  used: Parts,
  told: number | undefined
): Pick<Bill, "cost" | "source"> => {
  const cost = costOf(price ?? {}, used)
  if (told !== undefined && !(told === 0 && cost.known > 0)) return { cost: toldCost(told, used), source: "provider" }
  return { cost, source: cost.total === "unknown" ? "unknown" : "prices" }
}

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
  if (isCertain(told) && !steps.includes(told)) return undefined
  for (const name of asked === undefined ? steps : [...steps, asked]) {
    const known = rules.names.find(name)
    if (known !== undefined) return known
  }
  return undefined
}

/** Where an answer came from, if no model was asked for it. */
const sourceOf = ({ degradation, step }: Billable): "cache" | "canned" | undefined =>
  degradation === "canned" ? "canned" : degradation === "stale" || isCache(step) ? "cache" : undefined
