/** The error in an event stream that was sent with a failed status: some servers answer a stream in no other form. */
import * as Result from "effect/Result"
import * as Sse from "effect/encoding/Sse"
import { errorIn } from "./inBand.ts"
import { parseJson } from "./parseJson.ts"

/** Whether a text begins as an event stream does. */
export const isEvents = (text: string): boolean => /^\uFEFF?(:|(data|event|id|retry):)/.test(text)

/** The first error of the events, or else what they say first; `undefined` where they say nothing. */
export const errorOf = (text: string): unknown => {
  let found: unknown
  let said: unknown
  const events = Sse.makeParser((event) => {
    if (found !== undefined || event._tag !== "Event") return
    const { data, event: name } = event
    const json = Result.getOrUndefined(parseJson(data))
    found = errorIn(json) ?? (name === "error" ? json ?? data : undefined)
    if (data !== "" && data !== "[DONE]") said ??= json ?? data
  })
  events.feed(`${text}\n\n`)
  return found ?? said
}
