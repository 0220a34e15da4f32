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
import * as AskedOf from "./chatReply/asked.ts"
import * as Accumulator from "./chatStream/accumulator.ts"
import * as Answer from "./chatStream/answer.ts"
import { asChunks } from "./chatStream/asChunks.ts"
import * as Decoding from "./chatStream/decoding.ts"
import * as HasContent from "./chatStream/hasContent.ts"
import * as Tapping from "./chatStream/tap.ts"

export type { Head, Progress } from "./chatStream/answer.ts"
export type { Tap } from "./chatStream/tap.ts"

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
 * A streamed answer being read. Once `progress` is no longer `more`, it stays as it is and further bytes are ignored.
 *
 * @category models
 * @since 0.1.0
 */
export type Decoder = Decoding.Decoder

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
export const decoder = (head: Answer.Head): Decoder => {
  const decoder = Decoding.make(head)
  return {
    push: (bytes) => decoder.push(bytes),
    end: () => decoder.end(),
    progress: () => decoder.progress(),
    isFinished: () => decoder.isFinished(),
    isWholeJson: () => decoder.isWholeJson()
  }
}

/**
 * Begins to pass on the body of a response without making chunks of it, for a proxy: the bytes that may be sent on are
 * given as they came. Total: whatever bytes come, no call throws.
 *
 * The answer is judged as `decoder` judges it: the same progress, the same finish reasons, the same usage. An event
 * that differs from the one before in its text alone is not parsed, so that an event costs well below a microsecond.
 *
 * - Nothing is given before the first content, so that until then the call can be made again or elsewhere.
 * - Only whole events are given, and nothing of an event that fails or ends the answer in an error.
 * - What is kept until then is at most 32 MiB.
 *
 * ```ts
 * import * as ChatStream from "@switchgear/http/ChatStream"
 *
 * const tap = ChatStream.tap({ provider: "openai", model: "gpt-4.1", status: 200, headers: {} })
 * const bytes = new TextEncoder().encode('data: {"choices":[{"index":0,"delta":{"content":"Ni hao"}}]}\n\n')
 *
 * tap.push(bytes.subarray(0, 20)).length // => 0
 * tap.isDecided() // => false
 *
 * const passedOn = tap.push(bytes.subarray(20))
 * passedOn.reduce((length, piece) => length + piece.length, 0) === bytes.length // => true
 * tap.isDecided() // => true
 * ```
 *
 * **Gotchas**
 *
 * Bytes may be given that were kept, so what is given can be more than the piece. A slow reader is up to the caller: a
 * tap is pushed to and does not pull. Some endpoints answer with the JSON of a whole reply (`isUnframed`): its bytes
 * are given, but are no event stream.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tap: (head: Answer.Head) => Tapping.Tap = Tapping.make

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
      Stream.runForEachArray(self, (chunks) => Effect.sync(() => chunks.forEach((chunk) => accumulator.add(chunk)))),
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
