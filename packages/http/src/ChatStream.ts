/**
 * Reads a streamed answer as it comes: from bytes cut anywhere to chunks, to one whole reply, or to the error that
 * ended it. Nothing here waits or fails by itself; `ChatClient.stream` drives it over a connection.
 *
 * An answer is whole when every choice that was seen has a `finish_reason`, or when `[DONE]` comes. An end before that
 * is `Truncated`, an error object is the error it means, and what is no stream of chunks is `MalformedReply`.
 *
 * **Gotchas**
 *
 * Chunks can be without content: a role, an empty text, usage. `hasContent` tells them apart.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as ChatError from "./ChatError.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import { asChunks } from "./chatStream/asChunks.ts"
import { decodeChunk } from "./chatStream/decodeChunk.ts"
import { parseJson, within } from "./chatError/errorBody.ts"
import * as EventReader from "./chatStream/eventReader.ts"
import * as Accumulator from "./chatStream/accumulator.ts"
import * as HasContent from "./chatStream/hasContent.ts"
import * as UnframedJson from "./chatStream/unframedJson.ts"

/**
 * The head of the response whose body is decoded, with what errors need to know about the call.
 *
 * @category models
 * @since 0.1.0
 */
export type Head = Omit<ChatError.FailedResponse, "body">

/**
 * How an answer stands: more is to come, it is whole, or an error ended it.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "more" | "whole" | ChatError.ChatError

/**
 * A streamed answer being read. Once `progress` is no longer `more`, it stays as it is and further bytes are ignored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  /** Takes in bytes, cut anywhere, and gives the chunks they complete. */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<ChatSchema.ChatChunk>
  /** Takes in that no more bytes come, and gives a chunk that was waiting for its end. */
  readonly end: () => ReadonlyArray<ChatSchema.ChatChunk>
  /** How the answer stands after what came so far. */
  readonly progress: () => Progress
  /** Whether every choice that was seen is finished, so that only usage and `[DONE]` may be missing. */
  readonly isFinished: () => boolean
}

/**
 * Begins to read the body of a response. Total: whatever bytes come, no call throws.
 *
 * ```ts
 * import * as ChatStream from "@switchgear/http/ChatStream"
 *
 * const decoder = ChatStream.decoder({ provider: "openai", model: "gpt-4.1", status: 200, headers: {} })
 * const bytes = new TextEncoder().encode('data: {"choices":[{"index":0,"delta":{"content":"Ni hao"}}]}\n\n')
 *
 * decoder.push(bytes.subarray(0, 20)).length // => 0
 * decoder.push(bytes.subarray(20)).map(ChatStream.text) // => ["Ni hao"]
 * decoder.progress() // => "more"
 *
 * decoder.end()
 * const progress = decoder.progress()
 * const tag = typeof progress === "string" ? progress : progress._tag // => "Truncated"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const decoder = (head: Head): Decoder => {
  const where = { provider: head.provider, model: head.model, status: head.status }
  const utf8 = new TextDecoder()
  const unframed = UnframedJson.make(unframedLimit)
  /** Whether each choice that was seen is finished. */
  const choices = new Map<number, boolean>()
  let unfinished = 0
  let begun = false
  let opening = ""
  let out: Array<ChatSchema.ChatChunk> = []
  let progress: Progress = "more"
  let ending = false
  let half = false

  const isFinished = () => choices.size > 0 && unfinished === 0
  const malformed = (found: string) => {
    progress = new ChatError.MalformedReply({ ...where, found })
  }
  const failed = (json: unknown): boolean => {
    if (within(json) === undefined) return false
    // Once something was said, an error may quote it, and what was said is not kept.
    const secrets = begun ? { apiKey: head.secrets?.apiKey, prompt: "unknown" as const } : head.secrets
    const error = ChatError.fromReply({ ...head, secrets, body: "" }, json)
    if (error !== undefined) progress = error
    return error !== undefined
  }

  const events = EventReader.make((written, name) => {
    if (progress !== "more") return
    const data = written.startsWith("{") ? written : written.trim()
    if (data === "") return
    if (data === "[DONE]") {
      if (isFinished() || begun) progress = "whole"
      else malformed("a stream that has neither content nor a finish_reason")
      return
    }
    const parsed = parseJson(data)
    const json = parsed._tag === "Success" ? parsed.success : undefined
    if (name === "error") {
      if (!failed(json)) failed({ error: Predicate.isReadonlyObject(json) ? json : data })
    } else if (parsed._tag === "Failure") {
      // The last event of a stream that was cut is no more malformed than the stream.
      if (ending) half = true
      else malformed("an event that is not JSON")
    } else if (!failed(json)) {
      const chunk = Predicate.isReadonlyObject(json) ? decodeChunk(json) : undefined
      if (chunk !== undefined) take(chunk)
      else if (name === "message" || Array.isArray(json)) malformed("an event that is no chunk of one")
    }
  }, maxEventSize)

  const take = (chunk: ChatSchema.ChatChunk) => {
    for (const choice of chunk.choices) {
      if (choice.finish_reason === "error") {
        failed({ error: "The answer ended in finish_reason error" })
        return
      }
      const index = choice.index ?? 0
      const before = choices.get(index)
      if (before === undefined && choices.size === mostChoices) return malformed("more choices than anybody asks for")
      const finished = before === true || (typeof choice.finish_reason === "string" && choice.finish_reason !== "")
      if (before === undefined) unfinished++
      if (finished && before !== true) unfinished--
      choices.set(index, finished)
    }
    begun ||= hasContent(chunk)
    out.push(chunk)
  }

  const read = (text: string) => {
    if (opening.length < openingLength) opening += text.slice(0, openingLength)
    const { events: lines, json } = unframed.push(text)
    if (!events.push(lines) && progress === "more") {
      malformed(`an event of more than ${maxEventSize / 2 ** 20} MiB`)
    }
    if (json !== undefined && progress === "more") notAnEvent(json)
  }

  const notAnEvent = (text: string) => {
    const parsed = parseJson(text)
    const json = parsed._tag === "Success" ? parsed.success : undefined
    if (failed(json)) return
    if (isFinished()) progress = "whole"
    else if (ending && parsed._tag === "Failure" && !isPage(opening)) half = true
    else if (Predicate.isReadonlyObject(json) && "choices" in json) malformed("a whole reply in one piece")
    else malformed(isPage(opening) ? htmlPage : "JSON that is no event")
  }

  const taken = (): ReadonlyArray<ChatSchema.ChatChunk> => {
    if (out.length === 0) return nothing
    const chunks = out
    out = []
    return chunks
  }

  return {
    isFinished,
    progress: () => progress,
    push: (bytes) => {
      if (progress !== "more") return nothing
      read(utf8.decode(bytes, { stream: true }))
      return taken()
    },
    end: () => {
      if (progress !== "more") return nothing
      ending = true
      const left = unframed.end()
      read(utf8.decode())
      if (left !== undefined && progress === "more") notAnEvent(left)
      // An event that lacks only the empty line after it is taken; half of one is not JSON and falls away.
      if (progress === "more") events.push("\n\n")
      if (progress === "more") {
        if (isFinished()) progress = "whole"
        else if (choices.size > 0 || half) progress = new ChatError.Truncated(where)
        else malformed(describe(opening))
      }
      return taken()
    }
  }
}

/**
 * Whether a chunk has content: text, reasoning, a refusal, a tool call, or that a choice is finished. A role, an empty
 * text, usage and padding are no content.
 *
 * ```ts
 * import * as ChatStream from "@switchgear/http/ChatStream"
 *
 * ChatStream.hasContent({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] }) // => false
 * ChatStream.hasContent({ choices: [{ index: 0, delta: { content: "Ni" } }] }) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasContent: (chunk: ChatSchema.ChatChunk) => boolean = HasContent.hasContent

/**
 * The text a chunk adds to the first choice; empty for a chunk that adds none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const text = (chunk: ChatSchema.ChatChunk): string => {
  for (const { delta, index } of chunk.choices) {
    if ((index ?? 0) === 0 && typeof delta?.content === "string") return delta.content
  }
  return ""
}

/**
 * Whether a chunk carries nothing but the usage, as the one before `[DONE]` does.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isUsageOnly = (chunk: ChatSchema.ChatChunk): boolean =>
  chunk.choices.length === 0 && Predicate.isReadonlyObject(chunk.usage)

/**
 * A reply that is there as a stream of a few chunks: what was said, how it ended, and the usage. `collect` makes the
 * reply of them again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReply = (reply: ChatSchema.ChatReply): Stream.Stream<ChatSchema.ChatChunk> =>
  Stream.fromIterable(asChunks(reply))

/**
 * The whole reply that the chunks add up to: what the provider would have answered without streaming. Texts are joined,
 * tool calls are put together by their index, choices are in order, and the last usage counts. Fields that are not
 * known here are joined where they are texts or lists, and else the last one given counts.
 *
 * Fails as the stream fails, and with `MalformedReply` if no chunk had a choice, which no stream of a `ChatClient`
 * does.
 *
 * @category combinators
 * @since 0.1.0
 */
export const collect = <E, R>(
  self: Stream.Stream<ChatSchema.ChatChunk, E, R>
): Effect.Effect<ChatSchema.ChatReply, E | ChatError.MalformedReply, R> =>
  Effect.suspend(() => {
    const accumulator = Accumulator.make()
    return Effect.flatMap(
      Stream.runForEachArray(self, (chunks) => Effect.sync(() => chunks.forEach(accumulator.add))),
      () => {
        const reply = accumulator.reply()
        return reply === undefined
          ? Effect.fail(
            new ChatError.MalformedReply({
              provider: "The stream",
              model: accumulator.model() ?? "an unknown model",
              found: "no choice"
            })
          )
          : Effect.succeed(reply)
      }
    )
  })

const nothing: ReadonlyArray<ChatSchema.ChatChunk> = []

/** No chunk of a real answer comes near these; an endpoint that is no API must not fill the memory. */
const maxEventSize = 10 * 2 ** 20
const unframedLimit = 64 * 2 ** 10
const mostChoices = 1024
const openingLength = 256

const htmlPage = "an HTML page"

const isPage = (opening: string): boolean => opening.trimStart().startsWith("<")

const describe = (opening: string): string => {
  const text = opening.trim()
  return text === ""
    ? "an empty stream"
    : isPage(text)
    ? htmlPage
    : /^(:|data:|event:|id:|retry:)/.test(text)
    ? "a stream without a choice"
    : "text that is no event stream"
}
