/**
 * From the text of a successful response to a reply, or to the error it turns out to be. Total: any text gives one or
 * the other. A reply is read as a stream of one event is.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as ChatError from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as EventErrors from "../chatError/eventErrors.ts"
import { parseJson } from "../chatError/parseJson.ts"
import { parseJson as jsonIn } from "../chatStream/parseJson.ts"
import type { Asked } from "../chatReply/asked.ts"
import { hasTooManyChoices, tooManyChoices } from "../chatReply/limits.ts"
import { ReplyReader } from "../chatReply/reader.ts"
import { noteJson, noteText } from "../chatReply/replyText.ts"
import { verdict } from "../chatReply/verdict.ts"
import { noteReply, showsWork } from "../pricing/failedReply.ts"
import { toldIn } from "../pricing/toldUsage.ts"
import * as Accumulator from "../chatStream/accumulator.ts"
import { decodeChunk } from "../chatStream/decodeChunk.ts"
import * as ChatStream from "../ChatStream.ts"
import type { Decoding } from "./exchanged.ts"
import { isCutJson } from "./cutJson.ts"
import { plainReply } from "./plainReply.ts"

type Reply = Result.Result<ChatSchema.ChatReply, ChatError.ChatError>

/** A plain reply needs nothing but its body. */
export const decodeReply = (body: string, decoding: Decoding): Reply => {
  const json = jsonIn(body)
  const plain = plainReply(json)
  return plain === undefined
    ? decode(decoding.response, json === undefined ? parseJson(body.trim()) : Result.succeed(json), decoding.asked)
    : Result.succeed(noteJson(plain, body))
}

const decode = (
  response: ChatError.FailedResponse,
  parsed: Result.Result<unknown, unknown>,
  asked: Asked
): Reply => {
  const where = { provider: response.provider, model: response.model, status: response.status }
  const malformed = (found: string): Reply => Result.fail(new ChatError.MalformedReply({ ...where, found }))
  if (Result.isFailure(parsed)) {
    const text = response.body.trim()
    if (text === "") return malformed("an empty body")
    if (EventErrors.isEvents(text)) return streamed(response, asked)
    if (isCutJson(text)) return Result.fail(new ChatError.Truncated(where))
    const encoding = response.headers["content-encoding"]
    return malformed(
      text.startsWith("<")
        ? "an HTML page"
        : encoding !== undefined && /^[\w-]{1,20}$/.test(encoding) && encoding !== "identity"
        ? `a body in the content encoding ${encoding}, which its HTTP client does not undo,`
        : "text that is not JSON"
    )
  }
  const error = ChatError.fromReply(response, parsed.success)
  return error !== undefined
    ? Result.fail(spent(error, parsed.success))
    : Predicate.isReadonlyObject(parsed.success) && isReply(parsed.success)
    ? read(parsed.success, response, asked)
    : malformed("JSON without a choice and a message")
}

const read = (json: Readonly<Record<string, unknown>>, response: ChatError.FailedResponse, asked: Asked): Reply => {
  const malformed = (found: string): Reply =>
    Result.fail(
      new ChatError.MalformedReply({
        provider: response.provider,
        model: response.model,
        status: response.status,
        found
      })
    )
  if (hasTooManyChoices(json)) return malformed(tooManyChoices)
  const reader = new ReplyReader()
  const shaped = reader.take(json)
  const chunk = shaped && decodeChunk(shaped)
  if (chunk === undefined) return malformed("JSON without a choice and a message")
  const failure = verdict(reader, asked, response)
  if (failure !== undefined) return Result.fail(noteReply(failure, workIn(json, reader)))
  const accumulator = Accumulator.make()
  accumulator.add(chunk)
  // There is a choice in it.
  return Result.succeed(noteText(accumulator.reply()!, response.body))
}

/** Notes what a reply with an error in it shows of the work of the model, if it shows any. */
const spent = (error: ChatError.ChatError, json: unknown): ChatError.ChatError => {
  if (!Predicate.isReadonlyObject(json)) return error
  const reader = new ReplyReader()
  if (Array.isArray(json["choices"]) && !hasTooManyChoices(json)) reader.take(json)
  const work = workIn(json, reader)
  return showsWork(work) ? noteReply(error, work) : error
}

const workIn = (json: Readonly<Record<string, unknown>>, { size }: ReplyReader) => ({
  model: typeof json["model"] === "string" ? json["model"] : undefined,
  told: toldIn(json),
  said: size
})

/** An endpoint that streams although it was not asked to. */
const streamed = ({ body, ...head }: ChatError.FailedResponse, asked: Asked): Reply => {
  const decoder = ChatStream.decoder({ ...head, asked })
  const accumulator = Accumulator.make()
  for (const chunk of decoder.push(new TextEncoder().encode(body))) accumulator.add(chunk)
  for (const chunk of decoder.end()) accumulator.add(chunk)
  const progress = decoder.progress()
  return typeof progress === "string" ? Result.succeed(accumulator.reply()!) : Result.fail(progress)
}

/** Whether there are choices, each of which could say something. */
const isReply = ({ choices }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(choices) && choices.length > 0 &&
  choices.every((choice) =>
    Predicate.isReadonlyObject(choice) &&
    (Predicate.isReadonlyObject(choice["message"]) || Predicate.isReadonlyObject(choice["delta"]) ||
      typeof choice["text"] === "string")
  )
