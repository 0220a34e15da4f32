/** The words of OpenAI's Responses API: those of OpenAI, except for errors within a stream. */
import * as OpenAi from "./openAiWords.ts"
import type { Words } from "./model.ts"

export const words: Words = {
  ...OpenAi.words,
  // Some clients read the fields of the event, others those of an `error` in it.
  event: ({ body }, _, sequence) => {
    const { error } = JSON.parse(body) as { readonly error: Readonly<Record<string, unknown>> }
    const { code, message, param } = error
    const event = { type: "error", code, message, param, sequence_number: sequence, error }
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`
  }
}
