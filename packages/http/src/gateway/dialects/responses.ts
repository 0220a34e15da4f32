/** Responses of OpenAI's API. */
import { responses as read } from "../../apis/responses.ts"
import * as Refusals from "../server/refusals.ts"
import type { Dialect } from "./model.ts"
import { words } from "./responsesWords.ts"

export const responses: Dialect = {
  ...read,
  name: "responses",
  spoken: "responses",
  operation: "chat",
  path: "/responses",
  words,
  movesTo: "any model",
  cost: "billed",
  keyHeader: "authorization",
  headers: undefined,
  // What goes on in the background is asked for later, and by then nobody knows whom to ask.
  // Some providers take other values for true.
  refuse: ({ background }) => background ? Refusals.unsupported("background") : undefined,
  plain: ({ input, max_output_tokens: longest, ...others }) => ({
    ...others,
    messages: Array.isArray(input) ? input : [{ role: "user", content: input }],
    ...longest !== undefined && { max_tokens: longest }
  })
}
