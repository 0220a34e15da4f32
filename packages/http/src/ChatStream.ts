/**
 * Reads a streamed answer as it comes: from bytes cut anywhere to chunks, to one whole reply, or to the error that
 * ended it. Nothing here waits or fails by itself; `ChatClient.stream` drives it over a connection.
 *
 * An answer is whole when every choice that was asked for has a `finish_reason` and the body ends, or when `[DONE]`
 * comes. An end before that is `Truncated`, an error object is the error it means, and so is a `finish_reason` that
 * means a failure. An answer that says nothing, a tool call whose arguments cannot be read, and what is no stream of
 * chunks are `MalformedReply`.
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
import * as ChatSchema from "./ChatSchema.ts"
import { asChunks } from "./chatStream/asChunks.ts"
import { decodeChunk, withChoices } from "./chatStream/decodeChunk.ts"
import { errorIn } from "./chatError/inBand.ts"
import * as AskedOf from "./chatReply/asked.ts"
import { isFinish } from "./chatReply/finishReasons.ts"
import { maxChoices, maxEventSize, maxReplyBytes } from "./chatReply/limits.ts"
import { ReplyReader } from "./chatReply/reader.ts"
import { verdict } from "./chatReply/verdict.ts"
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
export interface Head extends Omit<ChatError.FailedResponse, "body"> {
  /** What the request asked for. Without it one choice is expected, and no tool is known to take no arguments. */
  readonly asked?: Asked | undefined
}

/**
 * What of a request its answer is measured by: how many choices it wants, whether it wants any answer at all, and which
 * tools take no arguments.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked = AskedOf.Asked

/**
 * Reads what a request asks for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const asked: (request: Readonly<Record<string, unknown>>) => Asked = AskedOf.askedOf

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
  /** Whether the body up to now is one whole JSON text instead of events, so that nothing but its end may be missing. */
  readonly isWholeJson: () => boolean
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
  const { asked = unknownRequest, ...response } = head
  const where = { provider: head.provider, model: head.model, status: head.status }
  const utf8 = new TextDecoder()
  const unframed = UnframedJson.make(maxReplyBytes)
  const reader = new ReplyReader()
  let begun = false
  let opening = ""
  let out: Array<ChatSchema.ChatChunk> = []
  /** Ends of choices that came before anything was said: they mean nothing until it is, or until the end. */
  const heldEnds: Array<ChatSchema.ChatChunk> = []
  let progress: Progress = "more"
  let ending = false
  let half = false
  /** Whether the last event was JSON that says nothing that is known. */
  let passedOver = false

  const isFinished = () =>
    (reader.said || asked.nothing) && reader.choices.size >= asked.choices && reader.ended === reader.choices.size
  /** Whether the end of the body is the end of the answer. */
  const mayEnd = () => {
    if (reader.choices.size < asked.choices) return false
    for (const { finish } of reader.choices.values()) if (finish === undefined) return false
    return true
  }
  const malformed = (found: string) => {
    progress = new ChatError.MalformedReply({ ...where, found })
  }
  // Once something was said, an error may quote it, and what was said is not kept.
  const answered = () =>
    begun ? { ...response, secrets: { apiKey: head.secrets?.apiKey, prompt: "unknown" as const } } : response
  const failed = (json: unknown): boolean => {
    if (errorIn(json) === undefined) return false
    const error = ChatError.fromReply({ ...answered(), body: "" }, json)
    if (error !== undefined) progress = error
    return error !== undefined
  }
  const finish = () => {
    progress = verdict(reader, asked, answered()) ?? "whole"
    if (progress === "whole" || reader.said) { for (const chunk of heldEnds) out.push(chunk) }
  }

  const hear = (written: string, name: string): void => {
    if (progress !== "more") return
    const data = written.startsWith("{") ? written : written.trim()
    if (data === "") return
    if (isDone(data)) return done()
    const json = jsonOf(data)
    if (saysError(name)) {
      // Its name says that it is one, also where nothing is in it.
      if (!failed(json) && !failed({ error: Predicate.isReadonlyObject(json) ? json : data })) failed({ error: name })
    } else if (json === undefined) {
      // Servers that put no empty line between events.
      if (data.includes("\n") && data.split("\n").every((line) => isDone(line.trim()) || jsonOf(line) !== undefined)) {
        for (const line of data.split("\n")) hear(line, name)
      } else if (ending) {
        // The last event of a stream that was cut is no more malformed than the stream.
        half = true
      } else if (isFinished()) finish()
      else malformed("an event that is not JSON")
    } else if (!failed(json)) take(json, name)
  }
  const events = EventReader.make(hear, maxEventSize)

  const done = () => {
    if (reader.choices.size === 0) malformed("a stream without a choice")
    // What was passed over may have said why no reason for the end came.
    else if (passedOver && !mayEnd()) progress = new ChatError.Truncated(where)
    else finish()
  }

  const take = (json: unknown, name: string) => {
    if (!Predicate.isReadonlyObject(json)) {
      if (name !== "message" && !Array.isArray(json)) return
      if (isFinished()) finish()
      else malformed("an event that is no chunk of one")
      return
    }
    const listed = withChoices(json)
    // Pings, states of a queue and the like.
    if (listed === undefined) {
      passedOver = typeof json["type"] !== "string" && Object.keys(json).length > 0
      return
    }
    passedOver = false
    const read = reader.take(listed)
    const chunk = read && decodeChunk(read)
    if (chunk === undefined) return malformed("an event that is no chunk of one")
    if (reader.failure !== undefined || (reader.filtered !== undefined && !reader.said && asked.choices === 1)) {
      return finish()
    }
    if (reader.choices.size > maxChoices) return malformed("more choices than anybody asks for")
    if (reader.size > maxReplyBytes) return malformed(`more than ${maxReplyBytes / 2 ** 20} MiB`)
    begun ||= hasContent(chunk)
    if (reader.said || chunk.choices.every(({ finish_reason }) => !isFinish(finish_reason))) out.push(chunk)
    else hold(chunk)
  }

  /** Gives what the chunk says, and keeps the ends in it. */
  const hold = (chunk: ChatSchema.ChatChunk) => {
    const { choices, usage: _, ...common } = chunk
    const open = choices.map((choice) => ({ ...choice, finish_reason: null }))
    out.push({ ...chunk, choices: open })
    heldEnds.push({
      ...common,
      choices: choices.flatMap(({ finish_reason, index }) =>
        isFinish(finish_reason) ? [{ ...index !== undefined && { index }, delta: {}, finish_reason }] : []
      )
    })
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
    const json = jsonOf(text)
    if (failed(json)) return
    if (isFinished()) finish()
    else if (ending && json === undefined && !isPage(opening)) half = true
    else if (reader.choices.size === 0 && Predicate.isReadonlyObject(json) && Array.isArray(json["choices"])) {
      // An endpoint that does not stream gives the whole reply in one piece.
      take(json, "message")
      if (progress === "more") {
        if (reader.choices.size > 0) finish()
        else malformed("a stream without a choice")
      }
    } else malformed(isPage(opening) ? htmlPage : "JSON that is no event")
  }

  const taken = (): ReadonlyArray<ChatSchema.ChatChunk> => {
    if (out.length === 0) return nothing
    const chunks = out
    out = []
    return chunks
  }

  return {
    isFinished,
    isWholeJson: () => progress === "more" && unframed.isWhole(),
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
        if (mayEnd()) finish()
        else if (reader.choices.size > 0 || half) progress = new ChatError.Truncated(where)
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
    if ((index ?? 0) === 0 && delta?.content !== undefined) return ChatSchema.textOf(delta.content)
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
 * tool calls are put together by index, by id or by their order, choices are in order, and the largest usage counts.
 * Fields that are not known here are joined where they are texts or lists, and else the last one given counts.
 *
 * Fails as the stream fails, and with `MalformedReply` if no chunk had a choice or if the arguments of a tool call are
 * not a JSON object, which no stream of a `ChatClient` does.
 *
 * @category combinators
 * @since 0.1.0
 */
export const collect = <E, R>(
  self: Stream.Stream<ChatSchema.ChatChunk, E, R>
): Effect.Effect<ChatSchema.ChatReply, E | ChatError.MalformedReply, R> =>
  Effect.suspend(() => {
    const accumulator = Accumulator.make()
    const malformed = (found: string, advice: string) =>
      Effect.fail(
        new ChatError.MalformedReply({
          provider: "The stream",
          model: nameOf(accumulator.model()),
          found,
          advice
        })
      )
    return Effect.flatMap(
      Stream.runForEachArray(self, (chunks) => Effect.sync(() => chunks.forEach(accumulator.add))),
      () => {
        const reply = accumulator.reply()
        if (reply === undefined) return malformed("no choice", "Collect chunks of a chat completion.")
        const fault = accumulator.toolFault()
        return fault === undefined ? Effect.succeed(reply) : malformed(fault, "The call cannot be run.")
      }
    )
  })

/** The name that a chunk gives the model, which may be anything. */
const nameOf = (model: unknown): string =>
  typeof model === "string" && /^[\w.:@/-]{1,100}$/.test(model) ? model : "an unknown model"

/** The JSON of an event, `undefined` where it is none. Every chunk passes here, so it makes no `Result`. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The mark of the end, however it is written. */
const isDone = (data: string): boolean => data.length <= 20 && /^"?\[done\]"?(\s*\[done\])?$/i.test(data)

/** Whether the name of an event says that it tells a failure. */
const saysError = (name: string): boolean => name !== "message" && /(error|exception|failed|failure)$/i.test(name)

const nothing: ReadonlyArray<ChatSchema.ChatChunk> = []

const unknownRequest = AskedOf.unknown
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
