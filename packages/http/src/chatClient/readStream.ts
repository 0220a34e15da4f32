/**
 * The body of a response as chunks, for as long as the clocks allow.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type { ChatError } from "../ChatError.ts"
import type { ChatChunk } from "../ChatSchema.ts"
import type * as ChatStream from "../ChatStream.ts"
import * as ChunkText from "../chatStream/chunkText.ts"
import * as Decoding from "../chatStream/decoding.ts"
import type { Listener, Source } from "../chatStream/source.ts"
import * as TransportFailure from "./transportFailure.ts"
import type { StreamTimeouts } from "./streamTimeouts.ts"
import type { Hearing, Lost, Opened } from "./transport.ts"

type Chunks = Pull.Pull<NonEmptyReadonlyArray<ChatChunk>, ChatError>

export const readStream = (
  response: Opened,
  head: ChatStream.Head,
  timeouts: StreamTimeouts
): Effect.Effect<Source<ChatChunk, ChatError>> =>
  Effect.map(
    ChunkText.CurrentChunkTexts,
    (texts) =>
      sourceOf(response, head, timeouts, Decoding.make(head, texts === "kept" ? ChunkText.noteData : undefined))
  )

const sourceOf = (
  { ended, listen, pieces }: Opened,
  head: ChatStream.Head,
  timeouts: StreamTimeouts,
  decoder: Decoding.Telling
): Source<ChatChunk, ChatError> => {
  let open = true
  /** What ended the body, if it did not end by itself. */
  let broken: ChatError | undefined
  let contentChunks = 0

  /** Lets the time-outs know of what the decoder was given. */
  const tellTimeouts = () => {
    tellContent()
    if (decoder.isFinished()) timeouts.answerFinished("choices")
    else if (decoder.isWholeJson()) timeouts.answerFinished("body")
  }

  const tellContent = () => {
    const all = decoder.contentChunks()
    if (all > contentChunks) timeouts.contentReceived()
    contentChunks = all
  }

  const close = (error: ChatError | Lost | Cause.Done) => {
    open = false
    if (!Cause.isDone(error))
      broken = error._tag === "Lost"
        ? TransportFailure.inBody(head, head.status, error.cause)
        : error
  }

  /** The end of an answer, once there is nothing more to come of it. */
  const endOf = (progress: "whole" | ChatError): Effect.Effect<void, ChatError> => {
    timeouts.stop()
    if (progress !== "whole") return Effect.fail(broken !== undefined && isIncomplete(progress) ? broken : progress)
    return open ? ended : Effect.void
  }

  const received = (pieces: ReadonlyArray<Uint8Array>): Chunks => {
    const chunks = pieces.length === 1 ? decoder.push(pieces[0]!) : pieces.flatMap((piece) => decoder.push(piece))
    tellTimeouts()
    return isSome(chunks) ? Effect.succeed(chunks) : pull
  }

  const stopped = (error: ChatError | Lost | Cause.Done): Chunks => {
    close(error)
    const chunks = decoder.end()
    return isSome(chunks) ? Effect.succeed(chunks) : pull
  }

  const pull: Chunks = Effect.suspend(() => {
    const progress = decoder.progress()
    return progress === "more" ? more : Effect.andThen(endOf(progress), Cause.done())
  })

  const more = Effect.matchEffect(pieces, { onSuccess: received, onFailure: stopped })

  const tell = (listener: Listener<ChatChunk>): Effect.Effect<void, ChatError> => {
    const hearing: Hearing<void, ChatError> = {
      pieces: (pieces) => {
        const [piece] = pieces
        let wait: Effect.Effect<void> | undefined
        if (pieces.length === 1 && decoder.keep(piece, listener)) {
          tellContent()
          wait = listener.pass(piece)
        } else {
          for (const piece of pieces) decoder.tell(piece, listener)
          tellTimeouts()
          wait = listener.heard()
        }
        if (wait !== undefined) return Effect.andThen(wait, goOn)
        return decoder.progress() === "more" ? undefined : goOn
      },
      stopped: (error) => {
        close(error)
        decoder.tellEnd(listener)
        const wait = listener.heard()
        return wait === undefined ? goOn : Effect.andThen(wait, goOn)
      }
    }
    const listening = listen(hearing)
    const goOn: Effect.Effect<void, ChatError> = Effect.suspend(() => {
      const progress = decoder.progress()
      return progress === "more" ? listening : endOf(progress)
    })
    // What was passed on to a reader that has left was told it, too.
    return Effect.onExitPrimitive(goOn, () => {
      decoder.tellKept(listener)
      return undefined
    })
  }

  return { pull, tell }
}

const isSome = (chunks: ReadonlyArray<ChatChunk>): chunks is NonEmptyReadonlyArray<ChatChunk> => chunks.length > 0

/** An answer that is only not whole has its reason in what ended the body; any other error was said by the provider. */
const isIncomplete = ({ _tag }: ChatError): boolean => _tag === "Truncated" || _tag === "MalformedReply"
