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
import type { Listener, Passer, Source } from "../chatStream/source.ts"
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
      sourceOf(
        new Reading(response, head, timeouts, Decoding.make(head, texts === "kept" ? ChunkText.noteData : undefined))
      )
  )

const sourceOf = (reading: Reading): Source<ChatChunk, ChatError> => ({
  pull: reading.pull(),
  tell: (listener) => reading.tell(listener)
})

class Reading {
  private isOpen = true
  /** What ended the body, if it did not end by itself. */
  private broken: ChatError | undefined
  private contentChunks = 0
  private readonly response: Opened
  private readonly head: ChatStream.Head
  private readonly timeouts: StreamTimeouts
  private readonly decoder: Decoding.Telling

  constructor(response: Opened, head: ChatStream.Head, timeouts: StreamTimeouts, decoder: Decoding.Telling) {
    this.response = response
    this.head = head
    this.timeouts = timeouts
    this.decoder = decoder
  }

  pull(): Chunks {
    return Effect.suspend(() => {
      const progress = this.decoder.progress()
      return progress === "more" ? this.more() : Effect.andThen(this.endOf(progress), Cause.done())
    })
  }

  tell(listener: Listener<ChatChunk>): Effect.Effect<void, ChatError> {
    return Effect.withFiber((fiber) => {
      this.timeouts.heldBy(fiber)
      // What was passed on to a reader that has left was told it, too.
      return Effect.onExitPrimitive(new Listening(this, listener).goOn, () => {
        this.decoder.tellKept(listener)
        return undefined
      })
    })
  }

  /** Tells what has come, and gives what is to be waited for before more is told. */
  hear(
    pieces: NonEmptyReadonlyArray<Uint8Array>,
    listener: Listener<ChatChunk>,
    passer: Passer
  ): Effect.Effect<void> | undefined {
    const { decoder } = this
    const [piece] = pieces
    if (pieces.length === 1 && decoder.keep(piece, listener)) {
      this.tellContent()
      return passer.pass(piece)
    }
    for (const piece of pieces) decoder.tell(piece, listener)
    this.tellTimeouts()
    return listener.heard()
  }

  /** Tells what is left of a body that has ended. */
  hearEnd(error: ChatError | Lost | Cause.Done, listener: Listener<ChatChunk>): Effect.Effect<void> | undefined {
    this.close(error)
    this.decoder.tellEnd(listener)
    return listener.heard()
  }

  /** Listens for as long as more is to come. */
  goOn(hearing: Hearing<void, ChatError>): Effect.Effect<void, ChatError> {
    const progress = this.decoder.progress()
    return progress === "more" ? this.response.listen(hearing) : this.endOf(progress)
  }

  get isMore(): boolean {
    return this.decoder.progress() === "more"
  }

  private more(): Chunks {
    return Effect.matchEffect(this.response.pieces, {
      onSuccess: (pieces) => this.received(pieces),
      onFailure: (error) => this.stopped(error)
    })
  }

  private received(pieces: NonEmptyReadonlyArray<Uint8Array>): Chunks {
    const { decoder } = this
    const chunks = pieces.length === 1
      ? decoder.push(pieces[0])
      : pieces.flatMap((piece) => decoder.push(piece))
    this.tellTimeouts()
    return isSome(chunks) ? Effect.succeed(chunks) : this.pull()
  }

  private stopped(error: ChatError | Lost | Cause.Done): Chunks {
    this.close(error)
    const chunks = this.decoder.end()
    return isSome(chunks) ? Effect.succeed(chunks) : this.pull()
  }

  /** Lets the time-outs know of what the decoder was given. */
  private tellTimeouts(): void {
    this.tellContent()
    if (this.decoder.isFinished()) this.timeouts.answerFinished("choices")
    else if (this.decoder.isWholeJson()) this.timeouts.answerFinished("body")
  }

  private tellContent(): void {
    const all = this.decoder.contentChunks()
    if (all > this.contentChunks) this.timeouts.contentReceived()
    this.contentChunks = all
  }

  private close(error: ChatError | Lost | Cause.Done): void {
    this.isOpen = false
    if (Cause.isDone(error)) return
    this.broken = error._tag === "Lost" ? TransportFailure.inBody(this.head, this.head.status, error.cause) : error
  }

  /** The end of an answer, once there is nothing more to come of it. */
  private endOf(progress: "whole" | ChatError): Effect.Effect<void, ChatError> {
    const { broken } = this
    this.timeouts.stop()
    if (progress !== "whole") return Effect.fail(broken !== undefined && isIncomplete(progress) ? broken : progress)
    return this.isOpen ? this.response.ended : Effect.void
  }
}

/** A listener to the chunks of an answer, hearing the bytes of its body. */
class Listening implements Hearing<void, ChatError> {
  private readonly reading: Reading
  private readonly listener: Listener<ChatChunk>
  private readonly passer: Passer

  constructor(reading: Reading, listener: Listener<ChatChunk>) {
    this.reading = reading
    this.listener = listener
    this.passer = listener.passer
  }

  get goOn(): Effect.Effect<void, ChatError> {
    return Effect.suspend(() => this.reading.goOn(this))
  }

  pieces(pieces: NonEmptyReadonlyArray<Uint8Array>): Effect.Effect<void, ChatError> | undefined {
    const wait = this.reading.hear(pieces, this.listener, this.passer)
    if (wait !== undefined) return Effect.andThen(wait, this.goOn)
    return this.reading.isMore ? undefined : this.goOn
  }

  stopped(error: ChatError | Lost | Cause.Done): Effect.Effect<void, ChatError> {
    const wait = this.reading.hearEnd(error, this.listener)
    return wait === undefined ? this.goOn : Effect.andThen(wait, this.goOn)
  }
}

const isSome = (chunks: ReadonlyArray<ChatChunk>): chunks is NonEmptyReadonlyArray<ChatChunk> => chunks.length > 0

/** An answer that is only not whole has its reason in what ended the body; any other error was said by the provider. */
const isIncomplete = ({ _tag }: ChatError): boolean => _tag === "Truncated" || _tag === "MalformedReply"
