/**
 * What a provider says about a failure, read from whatever it sent: JSON, an HTML page, plain text, or nothing.
 */
import * as Result from "effect/Result"
import { fromJson, nothing, type ProviderSays } from "./errorObject.ts"
import * as EventErrors from "./eventErrors.ts"
import { errorIn } from "./inBand.ts"
import { parseJson } from "./parseJson.ts"

export type { ProviderSays }

/**
 * Reads the body of a response that is already known to be a failure. Total: any text gives an answer.
 */
export const read = (body: string): ProviderSays => bounded(readAll(body))

const readAll = (body: string): ProviderSays => {
  const text = body.trim()
  if (text === "") return nothing
  const json = Result.getOrUndefined(parseJson(text))
  if (json !== undefined) return fromJson(json, 0) ?? nothing
  if (EventErrors.isEvents(text)) return fromJson(EventErrors.errorOf(text) ?? text, 0) ?? nothing
  if (/^<(!doctype|html|\?xml|head|body)/i.test(text)) {
    return { ...nothing, text: text.match(/<title[^<>]*>([^<]+)/i)?.[1]?.trim(), reasons: ["html"] }
  }
  return { ...nothing, text }
}

/**
 * The error inside a reply that claims to be a success, if there is one.
 */
export const within = (json: unknown): ProviderSays | undefined => {
  const error = errorIn(json)
  return error === undefined ? undefined : bounded(fromJson(error, 0) ?? nothing)
}

/** No error message is longer, and classification must not have to read more. */
const bounded = (says: ProviderSays): ProviderSays => ({ ...says, text: says.text?.slice(0, 4096) })
