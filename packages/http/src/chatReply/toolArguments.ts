/** The arguments of a tool call: read as they are, or told to be unreadable, never left out. */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { parseJson } from "../chatError/parseJson.ts"
import type { Asked } from "./asked.ts"

/** The JSON text of arguments, or `undefined` for what is neither text nor an object. */
export const textOf = (written: unknown): string | undefined => {
  if (typeof written === "string") return written
  if (!Predicate.isReadonlyObject(written)) return undefined
  // Nested too deep for `JSON.stringify`, they cannot be passed on as text.
  return Result.getOrUndefined(Result.try(() => JSON.stringify(written)))
}

/** Whether a text is a JSON object and nothing else. */
export const isObject = (text: string): boolean =>
  text.includes("{") && Predicate.isReadonlyObject(Result.getOrUndefined(parseJson(text)))

/** What is wrong with the arguments of a call, if anything is. No word of them is repeated. */
export const fault = (
  call: { readonly name: string; readonly text: string | undefined },
  { parameterless, requiring }: Pick<Asked, "parameterless" | "requiring">
): string | undefined => {
  const text = call.text?.trim() ?? ""
  if (text === "" || text === "null") {
    // Some write nothing for a tool that takes nothing. For any other tool the arguments were lost.
    return parameterless === undefined || parameterless.has(call.name) ? undefined : "a tool call without its arguments"
  }
  if (/^\{\s*\}$/.test(text) && requiring?.has(call.name) === true) return "a tool call without its arguments"
  return isObject(text) ? undefined : "a tool call whose arguments are not a JSON object"
}
