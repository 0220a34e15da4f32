/** A whole reply as the chunks of a stream, for a caller that asked for a stream and is served a kept reply. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as ChatSchema from "../ChatSchema.ts"
import { samePayer } from "../chatReply/paidElsewhere.ts"
import { sameAuthor } from "../chatRequest/providerFields.ts"

/** What was said, how it ended, and the usage if there is one: `ChatStream.collect` makes the reply of them again. */
export const asChunks = (reply: ChatSchema.ChatReply): NonEmptyReadonlyArray<ChatSchema.ChatChunk> => {
  const { choices, usage, ...rest } = reply
  const head = { ...rest, object: "chat.completion.chunk" }
  const indexed = choices.map((choice, i) => ({ ...choice, index: choice.index ?? i }))
  const first: ChatSchema.ChatChunk = {
    ...head,
    choices: indexed.map(({ finish_reason: _, message, ...choice }) => ({
      ...choice,
      delta: deltaOf(message),
      finish_reason: null
    }))
  }
  sameAuthor(reply, first)
  samePayer(reply, first)
  return [
    first,
    { ...head, choices: indexed.map(({ finish_reason, index }) => ({ index, delta: {}, finish_reason })) },
    ...(usage === undefined || usage === null ? [] : [{ ...head, choices: [], usage }])
  ]
}

const deltaOf = (message: ChatSchema.ChatReply["choices"][number]["message"]): ChatSchema.ChatDelta =>
  message.tool_calls === undefined || message.tool_calls === null
    ? message as ChatSchema.ChatDelta
    : { ...message, tool_calls: message.tool_calls.map((call, index) => ({ ...call, index })) }
