/**
 * The body of a response as chunks, for as long as the clocks allow.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import type { ChatChunk } from "../ChatSchema.ts"
import * as ChatStream from "../ChatStream.ts"
import * as ChunkText from "../chatStream/chunkText.ts"
import * as Decoding from "../chatStream/decoding.ts"
import * as TransportFailure from "./transportFailure.ts"
import type { StreamTimeouts } from "./streamTimeouts.ts"
import type { Lost, Opened } from "./transport.ts"

type Chunks = Pull.Pull<NonEmptyReadonlyArray<ChatChunk>, ChatError>

export const readStream = (
  response: Opened,
  head: ChatStream.Head,
  timeouts: StreamTimeouts
): Stream.Stream<ChatChunk, ChatError> =>
  Stream.fromPull(Effect.map(
    ChunkText.CurrentChunkTexts,
    (texts) =>
      chunksOf(response, head, timeouts, Decoding.make(head, texts === "kept" ? ChunkText.noteData : undefined))
  ))

const chunksOf = (
  { ended, pieces }: Opened,
  head: ChatStream.Head,
  timeouts: StreamTimeouts,
  decoder: Decoding.Decoder
): Chunks => {
  let open = true
  /** What ended the body, if it did not end by itself. */
  let broken: ChatError | undefined

  const received = (pieces: ReadonlyArray<Uint8Array>): Chunks => {
    const chunks = pieces.length === 1 ? decoder.push(pieces[0]!) : pieces.flatMap(decoder.push)
    if (chunks.some(ChatStream.hasContent)) timeouts.contentReceived()
    if (decoder.isFinished()) timeouts.answerFinished("choices")
    else if (decoder.isWholeJson()) timeouts.answerFinished("body")
    return isSome(chunks) ? Effect.succeed(chunks) : next
  }

  const stopped = (error: ChatError | Lost | Cause.Done): Chunks => {
    open = false
    if (!Cause.isDone(error))
      broken = error._tag === "Lost"
        ? TransportFailure.inBody(head, head.status, error.cause)
        : error
    const chunks = decoder.end()
    return isSome(chunks) ? Effect.succeed(chunks) : next
  }

  const next: Chunks = Effect.suspend(() => {
    const progress = decoder.progress()
    if (progress === "more") return more
    timeouts.stop()
    if (progress !== "whole") return Effect.fail(broken !== undefined && isIncomplete(progress) ? broken : progress)
    return open ? Effect.andThen(ended, Cause.done()) : Cause.done()
  })

  const more = Effect.matchEffect(pieces, { onSuccess: received, onFailure: stopped })

  return next
}

const isSome = (chunks: ReadonlyArray<ChatChunk>): chunks is NonEmptyReadonlyArray<ChatChunk> => chunks.length > 0

/** An answer that is only not whole has its reason in what ended the body; any other error was said by the provider. */
const isIncomplete = ({ _tag }: ChatError): boolean => _tag === "Truncated" || _tag === "MalformedReply"
