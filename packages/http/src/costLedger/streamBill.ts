/** The bill of a stream. Until the stream is open, what is reserved is given back but for what may be billed. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatModel from "../ChatModel.ts"
import type { ChatError } from "../ChatError.ts"
import * as Source from "../chatStream/source.ts"
import { type Chunks, tapChunks } from "../chatStream/tapChunks.ts"
import type { Entry } from "./entry.ts"
import type { Bill } from "./model.ts"
import { StreamUsage } from "./streamUsage.ts"

export class StreamBill {
  readonly usage = new StreamUsage()
  readonly made = Deferred.makeUnsafe<Bill>()
  readonly entry: Entry
  private answer: ChatModel.OpenAnswer | undefined

  constructor(entry: Entry) {
    this.entry = entry
  }

  opened(answer: ChatModel.OpenAnswer): void {
    this.answer = answer
  }

  /** The chunks as they come, which are heard for the bill. It is made at their end. */
  chunks(chunks: Chunks): Chunks {
    const { broke, close, ended, usage } = this
    return Source.noteTell(
      Stream.suspend(() =>
        tapChunks(chunks, usage.note).pipe(Stream.tapError(broke), Stream.onEnd(ended), Stream.ensuring(close))
      ),
      Source.tellOf(chunks, (tell) => (listener) =>
        Source.noting(usage.note)(tell)(listener).pipe(
          Effect.tapError(broke),
          Effect.andThen(ended),
          Effect.ensuring(close)
        ))
    )
  }

  private readonly broke = (error: ChatError): Effect.Effect<void> => Effect.sync(() => this.usage.failed(error))

  private readonly ended: Effect.Effect<void> = Effect.sync(() => this.usage.end())

  /** Ends a call that does not open. */
  failed(cause: Cause.Cause<unknown>): void {
    this.entry.fail(cause)
  }

  /** Bills what was read. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { answer, entry, usage } = this
    if (answer === undefined) return Effect.sync(() => entry.fail(Cause.interrupt()))
    const bill = entry.bill({ ...answer, value: usage.reply }, usage.heard)
    return Effect.asVoid(Deferred.succeed(this.made, entry.settle(bill, answer.failures)))
  })
}
