/**
 * The body of a response as chunks, for as long as the clocks allow.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import type { ChatChunk } from "../ChatSchema.ts"
import * as ChatStream from "../ChatStream.ts"
import * as TransportFailure from "./transportFailure.ts"
import type { StreamTimeouts } from "./streamTimeouts.ts"

type Chunks = Pull.Pull<NonEmptyReadonlyArray<ChatChunk>, ChatError>

export const readStream = (
  response: HttpClientResponse.HttpClientResponse,
  head: ChatStream.Head,
  timeouts: StreamTimeouts<never>
): Stream.Stream<ChatChunk, ChatError> =>
  Stream.transformPull(response.stream, (bytes) => Effect.sync(() => chunksOf(bytes, head, timeouts)))

const chunksOf = (
  bytes: Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, HttpClientError.HttpClientError>,
  head: ChatStream.Head,
  timeouts: StreamTimeouts<never>
): Chunks => {
  const decoder = ChatStream.decoder(head)
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

  const stopped = (error: ChatError | HttpClientError.HttpClientError | Cause.Done): Chunks => {
    open = false
    if (!Cause.isDone(error) && !isEmptyBody(error)) {
      broken = error._tag === "HttpClientError"
        ? TransportFailure.inBody({ ...head, host: "" }, head.status, error)
        : error
    }
    const chunks = decoder.end()
    return isSome(chunks) ? Effect.succeed(chunks) : next
  }

  const next: Chunks = Effect.suspend(() => {
    const progress = decoder.progress()
    if (progress === "more") return more
    timeouts.stop()
    if (progress !== "whole") return Effect.fail(broken !== undefined && isIncomplete(progress) ? broken : progress)
    return open ? Effect.andThen(closed(bytes), Cause.done()) : Cause.done()
  })

  const more = Effect.matchEffect(timeouts.within(bytes), { onSuccess: received, onFailure: stopped })

  return next
}

/**
 * The provider closes its side right after the last event, and a connection that was read to its end can be used again.
 */
const closed = (bytes: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
  Effect.ignore(Effect.timeoutOption(bytes, "100 millis"))

const isSome = (chunks: ReadonlyArray<ChatChunk>): chunks is NonEmptyReadonlyArray<ChatChunk> => chunks.length > 0

/** An answer that is only not whole has its reason in what ended the body; any other error was said by the provider. */
const isIncomplete = ({ _tag }: ChatError): boolean => _tag === "Truncated" || _tag === "MalformedReply"

const isEmptyBody = (error: ChatError | HttpClientError.HttpClientError): boolean =>
  error._tag === "HttpClientError" && error.reason._tag === "EmptyBodyError"
