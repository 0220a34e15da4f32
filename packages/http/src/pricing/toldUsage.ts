/**
 * What a provider has told of a call so far: the largest of each count, and the largest cost. A stream may tell its
 * usage in every chunk, in the last one, or in parts, and a zero or a null after a number takes nothing back.
 */
import { Given } from "../chatReply/given.ts"
import {
  at,
  costFields,
  costNames,
  costPlacesInChoice,
  type Count,
  type CountPlace,
  countPlaces,
  currencyPlaces,
  type Name,
  usagePlaces,
  usagePlacesInChoice
} from "./usageNames.ts"
import type { Used } from "./parts.ts"

/** No call uses more tokens, in any model with any number of choices: what tells more tells nonsense. */
export const mostTokens = 1e8

/** No reply costs more dollars. */
const mostDollars = 1000

export class ToldUsage {
  counts: Readonly<Counts<number>> = untold
  names: Readonly<Counts<Name>> = untold
  /** Micro-dollars. */
  cost: number | undefined
  /** How often a cost was told. */
  costsTold = 0
  /** Whether something was told that is no count. */
  isDoubtful = false
  /** Whether a count above zero was told. */
  tellsAny = false
  /** What all that was told comes to, once somebody has asked for it. */
  used: Used | undefined

  /** Takes in what a reply or a chunk tells. Answers whether it told how much came out. */
  note(source: object): boolean {
    let tells = false
    for (let i = 0; i < usagePlaces.length; i++) {
      const place = usagePlaces[i]!
      if (begins(source, place)) tells = this.read(at(source, place)) || tells
    }
    const choices: unknown = at(source, inChoices)
    if (Array.isArray(choices)) { for (const choice of choices) tells = this.noteChoice(choice) || tells }
    return tells
  }

  private noteChoice(choice: unknown): boolean {
    let tells = false
    for (let i = 0; i < usagePlacesInChoice.length; i++) {
      const place = usagePlacesInChoice[i]!
      if (begins(choice, place)) tells = this.read(at(choice, place)) || tells
    }
    for (let i = 0; i < costPlacesInChoice.length; i++) {
      const place = costPlacesInChoice[i]!
      if (begins(choice, place)) this.keepCost(microsOf(at(choice, place)))
    }
    return tells
  }

  /** Takes in what was told elsewhere of the same call. Answers whether more came out than was known. */
  take(other: ToldUsage): boolean {
    let tells = false
    this.used = undefined
    for (const name of Object.values(other.names)) {
      if (name === undefined) continue
      const tokens = other.counts[name.count]!
      const isMore = tokens > (this.counts[name.count] ?? 0)
      tells = this.keep(name, tokens) && isMore || tells
    }
    this.keepCost(other.cost)
    return tells
  }

  /** Takes in one usage. Answers whether it told how much came out. */
  read(usage: unknown): boolean {
    if (typeof usage !== "object" || usage === null) return false
    let tells = false
    let hasCost = false
    this.used = undefined
    for (const field of Object.keys(usage)) {
      hasCost ||= costFields.has(field)
      const place = countPlaces.get(field)
      if (place !== undefined) tells = this.readAt(place, (usage as Fields)[field]) || tells
    }
    if (hasCost) this.keepCost(costOf(usage))
    return tells
  }

  // By what is there, and not by the names: there are many, and few are in one usage.
  private readAt({ inside, names }: CountPlace, told: unknown): boolean {
    let tells = false
    for (const name of names) {
      const tokens = this.countOf(told)
      if (tokens !== undefined) tells = this.keep(name, tokens) || tells
    }
    if (inside.size === 0 || typeof told !== "object" || told === null) return tells
    for (const field in told) {
      const place = inside.get(field)
      if (place !== undefined && Object.hasOwn(told, field))
        tells = this.readAt(place, (told as Fields)[field]) || tells
    }
    return tells
  }

  private keepCost(cost: number | undefined): void {
    if (cost === undefined) return
    this.costsTold++
    if (!(this.cost !== undefined && this.cost >= cost)) this.cost = cost
  }

  /** Answers whether it is a number of tokens that came out. */
  private keep(name: Name, tokens: number): boolean {
    const { count, place } = name
    const before = this.counts[count]
    if (before === undefined || before < tokens || before === tokens && place < this.names[count]!.place) {
      this.own()
      ;(this.counts as Counts<number>)[count] = tokens
      ;(this.names as Counts<Name>)[count] = name
      if (tokens > 0) this.tellsAny = true
    }
    return tokens > 0 && (count === "completion" || count === "total")
  }

  /** Of a stream nothing is told before its end, so all that are told nothing share one object for it. */
  private own(): void {
    if (this.counts !== untold) return
    // All counts are there from the beginning: an object that grows count by count takes several times as long.
    this.counts = { ...untold }
    this.names = { ...untold }
  }

  private countOf(value: unknown): number | undefined {
    if (value === undefined || value === null || typeof value === "object") return undefined
    const count = numberOf(value)
    if (count >= 0 && count <= mostTokens) {
      if (!Number.isInteger(count)) this.isDoubtful = true
      return Math.ceil(count)
    }
    this.isDoubtful = true
    return undefined
  }
}

type Counts<A> = { [C in Count]: A | undefined }

const untold: { readonly [C in Count]: undefined } = {
  prompt: undefined,
  toolPrompt: undefined,
  completion: undefined,
  total: undefined,
  cacheRead: undefined,
  cacheMiss: undefined,
  cacheWrite: undefined,
  cacheWrite5m: undefined,
  cacheWrite1h: undefined,
  audioInput: undefined,
  reasoning: undefined,
  audioOutput: undefined
}

type Fields = Readonly<Record<string, unknown>>

const inChoices = ["choices"]

/** Whether there is something in the field that a place begins with: mostly there is not. */
const begins = (source: unknown, place: ReadonlyArray<string>): boolean =>
  (source as Fields | null | undefined)?.[place[0]!] !== undefined

/** What a usage tells. */
export const toldBy = (usage: unknown): ToldUsage => {
  const told = new ToldUsage()
  told.read(usage)
  return told
}

/** What a reply tells, wherever in it. */
export const toldIn = (reply: object): ToldUsage => {
  const told = new ToldUsage()
  told.note(reply)
  return told
}

/** A reply with what it told when it was there. */
class Noted extends Given {
  #told: ToldUsage | undefined

  static note(reply: object, told: ToldUsage): void {
    const noted = #told in reply ? reply : new Noted(reply)
    noted.#told = told
  }

  static toldIn(reply: object): ToldUsage | undefined {
    return #told in reply ? reply.#told : undefined
  }
}

/** What a reply tells now, noted for who knows that nobody changes it from here on. Nothing may be added to it. */
export const noteTold = (reply: object): ToldUsage => {
  const told = toldIn(reply)
  Noted.note(reply, told)
  return told
}

/** What was noted. */
export const notedIn = (reply: object): ToldUsage | undefined => Noted.toldIn(reply)

const numberOf = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "string" && decimal.test(value) ? Number(value) : NaN

const decimal = /^\s*\d+(\.\d+)?(e[+-]?\d+)?\s*$/i

/** The micro-dollars that a usage says it cost; undefined where it does not say, or says what no reply costs. */
const costOf = (usage: object): number | undefined => {
  if (!isInDollars(usage)) return undefined
  for (const { dollars, path } of costNames) {
    const told = numberOf(at(usage, path)) * dollars
    if (told >= 0 && told <= mostDollars) return Math.round((told + paidElsewhere(usage, told)) * 1e6)
  }
  return undefined
}

const microsOf = (dollars: unknown): number | undefined => {
  const told = numberOf(dollars)
  return told >= 0 && told <= mostDollars ? Math.round(told * 1e6) : undefined
}

/** A cost in another currency is none in dollars. */
const isInDollars = (usage: object): boolean =>
  currencyPlaces.every((place) => {
    const currency = at(usage, place)
    return typeof currency !== "string" || /^\s*(usd|us\$|\$)?\s*$/i.test(currency)
  })

/**
 * With a key of one's own, OpenRouter's `cost` is its fee, and the provider bills the call beside it. Where it does not
 * say whose key it was, a provider that took more than the fee was paid with one's own.
 */
const paidElsewhere = (usage: object, fee: number): number => {
  const upstream = numberOf(at(usage, ["cost_details", "upstream_inference_cost"]))
  if (!(upstream > 0 && upstream <= mostDollars)) return 0
  const own = at(usage, ["is_byok"])
  return own === true || (own !== false && upstream > fee) ? upstream : 0
}
