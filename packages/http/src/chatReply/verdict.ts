/** What is wrong with an answer that was read to its end, or with the reason for which it ended. */
import { withoutStack } from "@switchgear/core/runtime"
import * as ChatError from "../ChatError.ts"
import * as Redact from "../chatError/redact.ts"
import { requestIdOf } from "../chatError/requestId.ts"
import { type Asked } from "./asked.ts"
import { failureOf, type FinishFailure } from "./finishReasons.ts"
import type { ReplyReader } from "./reader.ts"

type Head = Omit<ChatError.FailedResponse, "body">

/** The failure of an answer that is at its end, or `undefined` where it is a good one. */
export const verdict = (reader: ReplyReader, asked: Asked, head: Head): ChatError.ChatError | undefined => {
  if (reader.failure !== undefined) return finishError(head, reader.failure)
  if (!reader.said) {
    return reader.filtered !== undefined
      ? finishError(head, reader.filtered)
      : asked.nothing
      ? undefined
      : empty(reader, head)
  }
  const fault = reader.toolFault(asked)
  return fault === undefined ? undefined : malformed(reader, head, fault, "The call was not passed on.")
}

/** The error that a reason for an end means. */
const finishError = (head: Head, { reason, status, tag }: FinishFailure): ChatError.ChatError => {
  const { headers, model, provider, secrets } = head
  const Class: { new(fields: any): ChatError.ChatError } = ChatError[tag]
  const error = withoutStack(() =>
    new Class({ provider, model, status, code: reason, detail: "The answer ended with this finish_reason" })
  )
  return Redact.addFields(error, Redact.prepare({ requestId: requestIdOf(headers) }, secrets))
}

const empty = (reader: ReplyReader, head: Head) =>
  malformed(
    reader,
    head,
    "an empty answer",
    isCut(reader)
      ? "Allow more tokens: the model used up all it had before it said anything."
      : "It said neither a text nor a refusal nor a tool call."
  )

/**
 * What the limit of tokens cut off is as the request wanted it: the model would cut it off again, and is not ill. It
 * has the code `length`.
 */
const malformed = (
  reader: ReplyReader,
  { headers, model, provider, secrets, status }: Head,
  found: string,
  advice: string
) => {
  const cut = isCut(reader) && { code: "length", isRetryable: false }
  const error = withoutStack(() => new ChatError.MalformedReply({ provider, model, status, found, advice, ...cut }))
  return Redact.addFields(error, Redact.prepare({ requestId: requestIdOf(headers) }, secrets))
}

const isCut = ({ choices }: ReplyReader): boolean => {
  for (const { finish } of choices.values()) if (finish !== undefined && isTokenLimit(finish)) return true
  return false
}

const isTokenLimit = (reason: string): boolean =>
  failureOf(reason) === undefined && /^(length|max_tokens|max_output_tokens|model_length)$/i.test(reason)
