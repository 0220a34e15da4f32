/** From the text of a good response to what it says, or to the error that it turns out to be. */
import * as Result from "effect/Result"
import type * as ChatSchema from "../../ChatSchema.ts"
import * as ChatError from "../../ChatError.ts"
import type { Decode } from "../../chatClient/exchanged.ts"
import { isCutJson } from "../../chatClient/cutJson.ts"
import { parseJson } from "../../chatStream/parseJson.ts"
import { otherApi } from "../../apis/eventDecoder.ts"
import { isFields } from "../../apis/objectIn.ts"
import type { Dialect } from "./model.ts"

/** A reply with the text that it was told in, which a cache keeps as well. */
export interface TextReply extends ChatSchema.ChatReply {
  readonly text: string
}

/** Decodes the answer to a request in its plain form. */
export const decodeAnswer =
  (dialect: Dialect) => (plain: ChatSchema.ChatRequest): Decode<TextReply> => (text, decoding) => {
    const json = parseJson(text)
    const { model, provider, status } = decoding.response
    const malformed = (found: string) =>
      Result.fail(
        new ChatError.MalformedReply({ provider, model, status, found, expected: dialect.expected, advice: otherApi })
      )
    if (json === undefined) {
      return text.trim() === ""
        ? malformed("an empty body")
        : isCutJson(text.trim())
        ? Result.fail(new ChatError.Truncated({ provider, model, status }))
        : malformed("text that is not JSON")
    }
    const said = isFields(json) ? dialect.answer(json, plain) : undefined
    if (said === undefined || said === "failed") {
      const error = ChatError.fromReply(decoding.response, json)
      return error !== undefined
        ? Result.fail(error)
        : said === "failed"
        ? Result.fail(new ChatError.ProviderFault({ provider, model, status }))
        : malformed("other JSON")
    }
    return Result.succeed({
      ...said.model !== undefined && { model: said.model },
      choices: [{ index: 0, message: { role: "assistant", content: said.content }, finish_reason: said.finish }],
      ...said.usage !== undefined && { usage: said.usage },
      text
    } as TextReply)
  }

/** The error in the words of an API, where it was found by what all APIs share: a redirect, a body that is not in its encoding. */
export const inWordsOf = ({ expected }: Dialect) => (error: ChatError.ChatError): ChatError.ChatError =>
  error instanceof ChatError.MalformedReply && error.expected === undefined
    ? new ChatError.MalformedReply({ ...error, expected })
    : error
