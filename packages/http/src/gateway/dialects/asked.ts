/** What a call is asked with: the text of its request, and the headers that go with it. */
import type { IncomingHttpHeaders } from "node:http"
import type * as ChatModel from "../../ChatModel.ts"
import type { Caller } from "../service/callers.ts"
import type { Reply } from "../server/refusals.ts"
import type { Target } from "../service/targets.ts"
import type { Dialect, Fields } from "./model.ts"
import { exactIn, isTooMuchToHold, mostValues } from "./exactJson.ts"
import { RequestText } from "./requestText.ts"
import type { Sent } from "./sent.ts"
import { hasTooManyFields, mostFields } from "../server/parts.ts"
import { noJson, tooManyFields, tooManyValues } from "../server/refusals.ts"
import { objectIn } from "../../apis/objectIn.ts"

export interface Asked extends Sent {
  readonly target: Target
  readonly model: ChatModel.ChatModel<any>
  readonly plain: ChatModel.Request
  readonly isStream: boolean
}

/** A request out of a body, or what is wrong with it. */
export const read = (
  dialect: Dialect,
  text: string,
  given: IncomingHttpHeaders,
  caller: Caller
): Asked | Reply => {
  const { words } = dialect
  const body = objectIn(text)
  if (body === undefined) return noJson
  if (hasTooManyFields(text, body)) return tooManyFields(mostFields)
  if (isTooMuchToHold(text, body)) return tooManyValues(mostValues)
  const { model, stream } = body
  if (model === undefined) return words.missing("model")
  if (typeof model !== "string") return words.wrongType("model", "a string")
  // A provider that takes it for true would answer with a stream that nobody has asked for.
  if (dialect.event !== undefined && typeof stream !== "boolean" && stream !== undefined && stream !== null)
    return words.wrongType("stream", "a boolean")
  const refused = dialect.refuse(body)
  if (refused !== undefined) return refused
  const target = caller.targets.get(model)
  const spoken = target?.spoken.get(dialect)
  if (target === undefined || spoken === undefined) return words.unknownModel(model.slice(0, 100))
  const headers = headersOf(dialect, given)
  return {
    target,
    model: spoken,
    text: new RequestText(text, body),
    headers,
    plain: plainOf(dialect, body, headers, text),
    isStream: dialect.event !== undefined && stream === true
  }
}

/** What an answer depends on besides its model. */
const plainOf = (dialect: Dialect, body: Fields, headers: Asked["headers"], text: string): ChatModel.Request => {
  const { model: _, ...plain } = dialect.plain(body)
  const exact = exactIn(text, body)
  return {
    ...plain,
    ...dialect.headers !== undefined && { headers },
    ...exact !== undefined && { numbers: exact.numbers }
  } as unknown as ChatModel.Request
}

const headersOf = ({ headers }: Dialect, given: IncomingHttpHeaders): Asked["headers"] => {
  if (headers === undefined) return {}
  const passed = Object.entries(given).flatMap(([name, value]) =>
    name.startsWith(headers.passed) && typeof value === "string" ? [[name, value] as const] : []
  )
  return { ...headers.otherwise, ...Object.fromEntries(passed) }
}
