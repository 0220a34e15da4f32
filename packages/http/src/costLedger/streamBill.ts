/** The bill of a stream. Until the stream is open, what is reserved is given back but for what may be billed. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as ChatModel from "../ChatModel.ts"
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
