/**
 * What a provider says about a failure, read from whatever it sent: JSON, an HTML page, plain text, or nothing.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { fromBase, fromJson, fromObject, fromTop, isError, nothing, type ProviderSays } from "./errorObject.ts"
import { parseJson } from "./parseJson.ts"

export { parseJson, type ProviderSays }

/**
 * Reads the body of a response that is already known to be a failure. Total: any text gives an answer.
 */
export const read = (body: string): ProviderSays => bounded(readAll(body))

const readAll = (body: string): ProviderSays => {
  const text = body.trim()
  if (text === "") return nothing
  const json = Result.getOrUndefined(parseJson(text))
  if (json !== undefined) return fromJson(json, 0) ?? nothing
  if (/^<(!doctype|html|\?xml|head|body)/i.test(text)) {
    return { ...nothing, text: text.match(/<title[^<>]*>([^<]+)/i)?.[1]?.trim(), reasons: ["html"] }
  }
  return { ...nothing, text }
}

/**
 * The error inside a reply that claims to be a success, if there is one: at the top, in an array, in a choice, or in
 * MiniMax's `base_resp`.
 */
export const within = (json: unknown): ProviderSays | undefined => {
  const top = Array.isArray(json) ? json[0] : json
  if (!Predicate.isReadonlyObject(top)) return undefined
  if (isError(top["error"])) return bounded(fromTop(top, 0))
  const base = fromBase(top["base_resp"])
  if (base !== undefined) return bounded(base)
  const choice = Array.isArray(top["choices"]) ? top["choices"][0] : undefined
  return Predicate.isReadonlyObject(choice) && isError(choice["error"])
    ? bounded(fromObject(choice["error"], 0))
    : undefined
}

/** No error message is longer, and classification must not have to read more. */
const bounded = (says: ProviderSays): ProviderSays => ({ ...says, text: says.text?.slice(0, 4096) })
