/** Where an answer comes from: every model says its name. */
import { models } from "./script.ts"

export const answerOf = (model: string): string => `[${model}] Your order will be with you tomorrow.`

/** What a customer got: the answer of a model, one that was given before, or a sentence that is none. */
export interface Got {
  readonly from: string
  /** Why no model has answered, where the lane says so. */
  readonly because?: string | undefined
}

export const canned: Got = { from: "canned" }

/** The model that a text comes from. */
export const saidBy = (text: string | null | undefined): Got => {
  const model = models.find((model) => text?.startsWith(`[${model}]`))
  if (model === undefined) throw new Error(`No model says "${text}"`)
  return { from: model }
}

/** Asks a question. A lane is what makes this of the base URLs of the models. */
export type Ask = (question: string) => Promise<Got>
export type MakeLane = (urls: ReadonlyArray<string>) => Ask | Promise<Ask>
