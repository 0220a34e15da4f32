/** Keeps the reply of a stream that was read to its end. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatSchema from "../ChatSchema.ts"
import * as ProviderFields from "../chatRequest/providerFields.ts"
import * as Accumulator from "../chatStream/accumulator.ts"
import { copyJson } from "./copyJson.ts"
import { type Chunks, tapChunks } from "../chatStream/tapChunks.ts"

/** The chunks as they are. At their end, `keep` is called with the reply that they add up to. */
export const keepStream = (chunks: Chunks, keep: (reply: ChatSchema.ChatReply) => Effect.Effect<void>): Chunks =>
  Stream.suspend(() => {
    const accumulator = Accumulator.make()
    let seen = 0
    let first: ChatSchema.ChatChunk | undefined
    return Stream.onEnd(
      tapChunks(chunks, (chunk) => {
        first ??= chunk
        // The reader may change its chunks before the stream ends.
        if (++seen <= mostKept) accumulator.add(copyJson(chunk))
      }),
      Effect.suspend(() => {
        const reply = seen <= mostKept ? accumulator.reply() : undefined
        if (reply === undefined) return Effect.void
        if (first !== undefined) ProviderFields.sameAuthor(first, reply)
        return keep(reply)
      })
    )
  })

/** Chunks of an answer that is kept: the memory that a stream takes has a bound. */
const mostKept = 100_000
