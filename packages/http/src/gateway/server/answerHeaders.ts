/** The headers by which an answer tells where it comes from and what it took. */
import * as Effect from "effect/Effect"
import type { OpenAnswer, Tried } from "../../ChatModel.ts"
import type { Bill, BilledOpenAnswer } from "../../CostLedger.ts"
import { isCache } from "../../chatModel/stepPath.ts"
import type { Target } from "../service/targets.ts"

/** What is told of an answer. */
export interface Provenance extends Tried {
  readonly step: string
  readonly degradation: string
  readonly bill?: Bill | undefined
}

/** What was asked for, and whether an answer of it may come from a cache, or be kept there. */
export interface AskedFor {
  readonly target: Target
  readonly cache: "use" | "bypass"
}

/** In headers, and in a stream again in the event with the usage. */
export const provenanceOf = (answer: Provenance, asked: AskedFor): Readonly<Record<string, string>> => {
  const told: Record<string, string> = {
    "x-switchgear-model": headerText(asked.target.name),
    "x-switchgear-step": headerText(answer.step),
    [degradationHeader]: answer.degradation,
    "x-switchgear-attempts": String(answer.attempts)
  }
  const { bill } = answer
  if (bill !== undefined && bill.cost.total !== "unknown") told[costHeader] = dollars(bill.cost.total)
  // A cascade alone has a cache.
  if (asked.target.kind === "cascade") told["x-switchgear-cache"] = cacheOf(answer, asked.cache)
  return told
}

/** Of a stream that begins: what it costs is known after its end. */
export const provenanceAtHead = (
  { attempts, degradation, possiblyBilledAttempts, step }: OpenAnswer,
  asked: AskedFor
): Readonly<Record<string, string>> => provenanceOf({ attempts, degradation, possiblyBilledAttempts, step }, asked)

/** Of a stream that has ended, with what was told of it at its head. */
export const provenanceAtEnd = (
  opened: OpenAnswer | BilledOpenAnswer,
  atHead: Readonly<Record<string, string>>
): Effect.Effect<Readonly<Record<string, string>>> =>
  "bill" in opened ? Effect.map(opened.bill, withCost(atHead)) : Effect.succeed(atHead)

// A function of its own: whoever waits for the end of a stream keeps nothing of the stream itself.
const withCost = (atHead: Readonly<Record<string, string>>) => (bill: Bill) => ({ ...atHead, ...costOf(bill) })

/** Where there is no answer: what was asked for, and the calls that were made in vain. */
export const failedHeaders = (
  model: string,
  { attempts }: Pick<Tried, "attempts">
): Readonly<Record<string, string>> => ({
  "x-switchgear-model": headerText(model),
  "x-switchgear-attempts": String(attempts)
})

const cacheOf = ({ degradation, step }: Provenance, cache: AskedFor["cache"]): string =>
  cache === "bypass" ? "bypass" : !isCache(step) ? "miss" : degradation === "stale" ? "stale" : "hit"

const costHeader = "x-switchgear-cost-usd"
export const degradationHeader = "x-switchgear-degradation"

/** Of whole micro-dollars, digit by digit: `toFixed` takes ten times as long. */
const dollars = (micros: number): string => {
  const digits = String(micros).padStart(7, "0")
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`
}

const costOf = (bill: Bill | undefined): Readonly<Record<string, string>> =>
  bill === undefined || bill.cost.total === "unknown" ? {} : { [costHeader]: dollars(bill.cost.total) }

/** Names of models may have characters that a header cannot. */
const headerText = (text: string): string =>
  plain.test(text) ? text : text.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent)

const plain = /^[\x20-\x7e]*$/
