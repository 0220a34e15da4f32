/** Keeps the reply of a stream that was read to its end. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatSchema from "../ChatSchema.ts"
import * as ProviderFields from "../chatRequest/providerFields.ts"
import * as Accumulator from "../chatStream/accumulator.ts"
import { copyJson } from "./copyJson.ts"
import * as Source from "../chatStream/source.ts"
import { type Chunks, tapChunks } from "../chatStream/tapChunks.ts"

/** The chunks as they are. At their end, `keep` is called with the reply that they add up to. */
export const keepStream = (chunks: Chunks, keep: (reply: ChatSchema.ChatReply) => Effect.Effect<void>): Chunks =>
  Source.told(
    () =>
      Stream.unwrap(Effect.sync(() => {
        const kept = new Kept(keep)
        return Stream.onEnd(tapChunks(chunks, kept), kept.ending())
      })),
    Source.tellOf(chunks, (tell) => (listener) => {
      const kept = new Kept(keep)
      return Effect.andThen(Source.noting(kept)(tell)(listener), kept.ending())
    })
  )

class Kept implements Source.Notes<ChatSchema.ChatChunk> {
  private readonly accumulator = Accumulator.make()
  private readonly keep: (reply: ChatSchema.ChatReply) => Effect.Effect<void>
  private seen = 0
  private author: string | undefined
  private isTextsAlone = false

  constructor(keep: (reply: ChatSchema.ChatReply) => Effect.Effect<void>) {
    this.keep = keep
  }

  note(chunk: ChatSchema.ChatChunk, isSame: boolean, chunks: number): void {
    if (this.seen === 0) this.author = ProviderFields.authorOf(chunk)
    this.seen += chunks
    if (this.seen > mostKept) return
    if (isSame && this.isTextsAlone) return this.accumulator.addTexts(chunk)
    this.isTextsAlone = Accumulator.isTextsAlone(chunk)
    // The reader may change its chunks before the stream ends.
    this.accumulator.add(copyJson(chunk))
  }

  /** Keeps the reply, once all chunks were noted. */
  ending(): Effect.Effect<void> {
    return Effect.suspend(() => this.end())
  }

  private end(): Effect.Effect<void> {
    const { accumulator, author, keep, seen } = this
    const reply = seen <= mostKept ? accumulator.reply() : undefined
    if (reply === undefined) return Effect.void
    if (author !== undefined) ProviderFields.wrote(author, reply)
    return keep(reply)
  }
}

/** Chunks of an answer that is kept: the memory that a stream takes has a bound. */
const mostKept = 100_000
