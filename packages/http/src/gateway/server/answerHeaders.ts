/** The headers by which an answer tells where it comes from and what it took. */
import type { Bill } from "../../CostLedger.ts"
import type { Tried } from "../../ChatModel.ts"

/** What is told of an answer. */
export interface Provenance extends Tried {
  readonly step: string
  readonly degradation: string
  readonly bill?: Bill | undefined
}

/** In headers, and in a stream in the chunk with the usage. */
export const provenanceOf = (answer: Provenance): Readonly<Record<string, string>> => ({
  "x-switchgear-step": headerText(answer.step),
  "x-switchgear-degradation": answer.degradation,
  "x-switchgear-attempts": String(answer.attempts),
  ...costOf(answer.bill)
})

const costOf = (bill: Bill | undefined): Readonly<Record<string, string>> =>
  bill === undefined || bill.cost.total === "unknown"
    ? {}
    : { "x-switchgear-cost-usd": (bill.cost.total / 1_000_000).toFixed(6) }

/** Names of models may have characters that a header cannot. */
export const headerText = (text: string): string =>
  plain.test(text) ? text : text.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent)

const plain = /^[\x20-\x7e]*$/
