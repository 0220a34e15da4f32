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

/** The bill of a stream that may not have been begun. It is closed with the scope of the stream, and keeps nothing else of it. */
export class BegunBill {
  begun: StreamBill | undefined

  readonly close = (): Effect.Effect<void> => this.begun?.close() ?? Effect.void
}

export class StreamBill {
  readonly usage = new StreamUsage()
  readonly made = Deferred.makeUnsafe<Bill>()
  readonly entry: Entry
  private answer: Omit<ChatModel.OpenAnswer, "value"> | undefined

  constructor(entry: Entry) {
    this.entry = entry
  }

  opened({ value: _, ...answer }: ChatModel.OpenAnswer): void {
    this.answer = answer
  }

  /** The chunks as they come, which are heard for the bill. It is made at their end. */
  chunks(chunks: Chunks): Chunks {
    return Source.told(
      () =>
        Stream.unwrap(Effect.sync(() =>
          tapChunks(chunks, this.usage).pipe(
            Stream.tapError((error) => Effect.sync(() => this.usage.failed(error))),
            Stream.onEnd(Effect.sync(() => this.usage.end())),
            Stream.ensuring(Effect.suspend(() => this.close()))
          )
        )),
      Source.tellOf(chunks, (tell) => (listener) => this.told(Source.noting(this.usage)(tell)(listener)))
    )
  }

  /** One frame for all that is done at the end: it stays as long as the stream is open. */
  private told(chunks: Effect.Effect<void, ChatError>): Effect.Effect<void, ChatError> {
    return Effect.onExitPrimitive(chunks, (exit) => {
      if (exit._tag === "Success") this.usage.end()
      else {
        const failure = exit.cause.reasons.find(Cause.isFailReason)
        if (failure !== undefined) this.usage.failed(failure.error)
      }
      return this.close()
    })
  }

  /** Ends a call that does not open. */
  failed(cause: Cause.Cause<unknown>): void {
    this.entry.fail(cause)
  }

  /** Bills what was read. */
  close(): Effect.Effect<void> {
    const { answer, entry, usage } = this
    if (answer === undefined) return Effect.sync(() => entry.fail(Cause.interrupt()))
    const bill = entry.bill({ ...answer, value: usage.reply }, usage.heard)
    return Effect.asVoid(Deferred.succeed(this.made, entry.settle(bill, answer.failures)))
  }
}
