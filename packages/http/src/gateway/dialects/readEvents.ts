/** The body of a response as events, for as long as the time-outs allow. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type { Read } from "../../chatClient/calls.ts"
import * as TransportFailure from "../../chatClient/transportFailure.ts"
import type { Lost } from "../../chatClient/transport.ts"
import type { ChatError } from "../../ChatError.ts"
import { hasContent } from "../../chatStream/hasContent.ts"
import { inWordsOf } from "./decodeAnswer.ts"
import { type EventChunk, EventDecoder } from "../../apis/eventDecoder.ts"
import type { Dialect } from "./model.ts"

type Events = Pull.Pull<NonEmptyReadonlyArray<EventChunk>, ChatError>

export const readEvents = (dialect: Dialect): Read<EventChunk> => ({ ended, pieces }, head, timeouts) =>
  Effect.sync(() => {
    const decoder = new EventDecoder(dialect, head)
    const inWords = inWordsOf(dialect)
    let isOpen = true
    /** What ended the body, if it did not end by itself. */
    let broken: ChatError | undefined

    const given = (chunks: ReadonlyArray<EventChunk>): Events => isSome(chunks) ? Effect.succeed(chunks) : next

    const received = (pieces: ReadonlyArray<Uint8Array>): Events => {
      const chunks = pieces.flatMap((piece) => decoder.push(piece))
      if (chunks.some(hasContent)) timeouts.contentReceived()
      return given(chunks)
    }

    const stopped = (error: ChatError | Lost | Cause.Done): Events => {
      isOpen = false
      if (!Cause.isDone(error)) {
        broken = error._tag === "Lost" ? inWords(TransportFailure.inBody(head, head.status, error.cause)) : error
      }
      return given(decoder.end())
    }

    const next: Events = Effect.suspend(() => {
      const { progress } = decoder
      if (progress === "more") return Effect.matchEffect(pieces, { onSuccess: received, onFailure: stopped })
      timeouts.stop()
      if (progress !== "whole") return Effect.fail(broken !== undefined && isCut(progress) ? broken : progress)
      return isOpen ? Effect.andThen(ended, Cause.done()) : Cause.done()
    })

    return { pull: next, tell: undefined }
  })

/** An answer that is only not whole has its reason in what ended the body; any other error was said by the provider. */
const isCut = ({ _tag }: ChatError): boolean => _tag === "Truncated" || _tag === "MalformedReply"

const isSome = (chunks: ReadonlyArray<EventChunk>): chunks is NonEmptyReadonlyArray<EventChunk> => chunks.length > 0
